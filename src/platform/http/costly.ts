import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Metadata key that the guard of the access module looks for. */
export const COSTLY_ROUTE = 'costly-route';

/** A route or controller whose requests cost much memory or time: a caller has few of them under way, the others wait. */
export function Costly(): CustomDecorator {
  return SetMetadata(COSTLY_ROUTE, true);
}
