import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module reads. */
export const COSTLY_ROUTE = 'costly-route';

/**
 * Marks a route or controller whose requests cost much memory or time: a caller has few of them in progress, the others wait.
 */
export function Costly(): CustomDecorator {
  return SetMetadata(COSTLY_ROUTE, true);
}
