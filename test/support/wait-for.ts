import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with the result of `probe` when it is neither undefined, null or false and `probe` does not throw; after the
 * timeout, fails with the last reason. For events that happen soon but are not announced.
 */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  options: { timeoutMs?: number; everyMs?: number; what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { timeoutMs = 20_000, everyMs = 10, what = 'the awaited condition' } = options;
  const deadline = Date.now() + timeoutMs;
  let reason: unknown;
  do {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value as NonNullable<Exclude<T, false>>;
      reason = value;
    } catch (error) {
      reason = error;
    }
    await sleep(everyMs);
  } while (Date.now() < deadline);
  throw new Error(`${what} did not come within ${timeoutMs} ms; last: ${String(reason)}`, { cause: reason });
}

/** Waits for a time, ms, in which something must not happen; the test then shows that it did not. */
export const quietFor = (ms: number): Promise<void> => sleep(ms);
