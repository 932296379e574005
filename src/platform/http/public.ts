import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module reads. */
export const PUBLIC_ROUTE = 'public-route';

/**
 * Counting of requests to a route that needs no key, per address: `pages` and `probes` each on its own, `keyless` with all
 * others without a key; `itself`: the handler asks for a key and counts.
 */
export type PublicKind = 'pages' | 'probes' | 'keyless' | 'itself';

/** Declares a route or controller that needs no key. Its body is not read, unless by its handler. */
export function Public(kind: PublicKind = 'keyless'): CustomDecorator {
  return SetMetadata(PUBLIC_ROUTE, kind);
}
