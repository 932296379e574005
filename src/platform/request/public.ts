import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module reads. */
export const PUBLIC_ROUTE = 'public-route';

/**
 * Limit for a route that needs no key. Each is counted per address: `pages` and `probes` separately, `keyless` together with
 * all other requests without a key. `itself`: the handler checks the key and counts the request.
 */
export type PublicKind = 'pages' | 'probes' | 'keyless' | 'itself';

/** Declares a route or controller that needs no key. The guard does not read the request's body; the handler may. */
export function Public(kind: PublicKind = 'keyless'): CustomDecorator {
  return SetMetadata(PUBLIC_ROUTE, kind);
}
