import { FLAP_LIMITS } from '../core/index.js';

const MINUTES = FLAP_LIMITS.windowMs / 60_000;

/**
 * Returns the text that announces a pause because of flapping; `happens`: the rule is about events, which are then listed
 * together.
 */
export function flapNotice(happens: boolean): string {
  return happens
    ? ` It happened ${FLAP_LIMITS.changes} times in ${MINUTES} minutes; further ones of the next ${MINUTES} are listed in one message.`
    : ` It changed ${FLAP_LIMITS.changes} times in ${MINUTES} minutes; further messages wait until it has been calm for as long.`;
}
