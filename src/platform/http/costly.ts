import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module reads. */
export const COSTLY_ROUTE = 'costly-route';

/**
 * Marks a route or controller whose requests need much memory or time: only a few requests of each caller run at the same
 * time; the caller's others wait.
 */
export function Costly(): CustomDecorator {
  return SetMetadata(COSTLY_ROUTE, true);
}
