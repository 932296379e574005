import { setTimeout as sleep } from 'node:timers/promises';
import { asDomainError } from '../../platform/errors/domain-error.js';
import type { BacktestAnswer } from './backtest.dto.js';

/** Interval between two reports of progress, ms. */
const REPORT_INTERVAL_MS = 500;

/**
 * Returns a backtest as an event stream: `progress {done, of}` with the numbers of completed and of all passes over the
 * history (`of` is 0 while the backtest waits for its turn), and finally `result` with the answer, or `error {code,
 * message, retryable}`.
 */
export async function* backtestEvents(
  run: (progress: SharedArrayBuffer) => Promise<BacktestAnswer>,
): AsyncGenerator<string> {
  const shared = new SharedArrayBuffer(8);
  const passes = new Int32Array(shared);
  const ended = run(shared).then(
    (answer) => event('result', answer),
    (error: unknown) => event('error', asDomainError(error).toSocket()),
  );
  for (;;) {
    yield event('progress', { done: passes[0], of: passes[1] });
    const last = await Promise.race([ended, sleep(REPORT_INTERVAL_MS, undefined)]);
    if (last !== undefined) return yield last;
  }
}

const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
