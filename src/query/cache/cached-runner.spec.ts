import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { parseQuery } from '../core/parse/parse-query.js';
import type { QueryRunner } from '../execution/query-runner.js';
import { CachedRunner } from './cached-runner.js';
import type { ResultCache } from './result-cache.js';
import type { VersionStamps } from './version-stamps.js';

function runnerThatFails(error: Error) {
  const run = vi.fn<() => Promise<never>>().mockRejectedValue(error);
  const cache = { degraded: false, find: async () => undefined };
  const cached = new CachedRunner(
    { run } as unknown as QueryRunner,
    cache as unknown as ResultCache,
    { versionOf: () => 'v' } as unknown as VersionStamps,
  );
  const ask = async (body: object): Promise<unknown> => {
    try {
      return await cached.run(parseQuery(body), 'somebody', undefined, new AbortController().signal);
    } catch (caught) {
      return caught;
    }
  };
  return { run, ask };
}

const groups = { aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'protocol' }] };

it('a query that exceeded a limit is refused for 30 s without another run', async () => {
  const tooSlow = inputFault('limit_exceeded', '', 'too_slow', 'It took too long.');
  const { run, ask } = runnerThatFails(tooSlow);
  // All pages of groups come from the same result.
  for (const limit of [1, 1, 2]) expect(await ask({ ...groups, limit })).toBe(tooSlow);
  expect(run).toHaveBeenCalledTimes(1);
  await ask({ ...groups, filters: { chains: ['base'] } });
  expect(run).toHaveBeenCalledTimes(2);
  const now = performance.now();
  const later = vi.spyOn(performance, 'now').mockReturnValue(now + 31_000);
  // The cache reads its clock once a millisecond.
  await sleep(5);
  await ask(groups);
  expect(run).toHaveBeenCalledTimes(3);
  later.mockRestore();
});

it('a query that failed as `unavailable` runs again', async () => {
  const { run, ask } = runnerThatFails(new DomainError('unavailable', 'Not now.'));
  await ask(groups);
  await ask(groups);
  expect(run).toHaveBeenCalledTimes(2);
});
