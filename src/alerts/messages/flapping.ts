import { FLAP_LIMITS } from '../core/index.js';

/** What the last message before further ones wait says. */
export const FLAP_NOTICE = ` It changed ${FLAP_LIMITS.changes} times in ${FLAP_LIMITS.windowMs / 60_000} minutes; further messages wait until it has been calm for as long.`;
