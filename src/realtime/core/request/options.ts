import { parseCursor } from '../../../events/index.js';
import type { SubscribeOptions } from '../session/session-calls.js';
import type { Input } from '../wire/input.js';
import { readInterval } from './query-request.js';

/** Reads the options that `subscribe` has on every transport. */
export function readOptions(input: Input): SubscribeOptions {
  const since = input.text('since', 40);
  if (since !== undefined && !parseCursor(since)) throw input.fault('since', 'must be a cursor from a message');
  const snapshot = input.flag('snapshot');
  return {
    ...(since === undefined ? {} : { since }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...readMode(input),
  };
}

/** Reads the delivery mode of the connection. */
export function readMode(input: Input): Pick<SubscribeOptions, 'mode' | 'intervalMs'> {
  const mode = input.oneOf('mode', ['all', 'latest']);
  const intervalMs = readInterval(input);
  return { ...(mode === undefined ? {} : { mode }), ...(intervalMs === undefined ? {} : { intervalMs }) };
}
