import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module looks for. */
export const PUBLIC_ROUTE = 'public-route';

/** A route or controller that needs no key, and where nothing is counted. */
export function Public(): CustomDecorator {
  return SetMetadata(PUBLIC_ROUTE, true);
}
