/**
 * Maximum time from the claim of a delivery until it is written to the connection of its receiver, ms; after that it must be
 * claimed again.
 */
export const HAND_OVER_TIMEOUT_MS = 1_500;

/** The claim is too old: the rules of the delivery must be checked again. */
export class HandOverLate extends Error {
  constructor() {
    super('the claim is too old');
  }
}
