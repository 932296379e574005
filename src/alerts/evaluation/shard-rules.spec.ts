import { expect, it } from 'vitest';
import type { Settings } from '../../platform/settings/settings.js';
import type { HistoryPoint } from '../core/index.js';
import type { DeadBands } from '../../events/index.js';
import type { HistoryLoader } from './history-loader.js';
import type { Observations } from './observations.js';
import type { RuleLoader } from './rule-loader.js';
import { ShardRules } from './shard-rules.js';
import type { WindowLoader } from './window-loader.js';

it('loading the latest values of many tokens yields to the event loop', async () => {
  const points = Array.from({ length: 6 }, (_, index) => ({
    get metric() {
      const end = performance.now() + 9;
      while (performance.now() < end);
      return 'price';
    },
    token: `t${index}`,
    value: 1,
    at: 0,
  })) as unknown as HistoryPoint[];
  const rule = { ruleId: 'r', version: 1, conditions: [{ metric: 'price', token: 't', operator: 'gt', threshold: 2 }] };
  const shards = new ShardRules(
    { revisions: () => Promise.resolve(new Map()), active: () => [[{ rule }]] } as unknown as RuleLoader,
    { latest: () => Promise.resolve(points) } as unknown as HistoryLoader,
    { load: () => [], accounts: () => [] } as unknown as WindowLoader,
    { current: () => Promise.resolve(() => 0) } as unknown as DeadBands,
    { staleAfterMinutes: 60 } as Settings,
    { of: () => Promise.resolve([]) } as unknown as Observations,
  );
  let turns = 0;
  const turn = () => {
    turns++;
    counting = setImmediate(turn);
  };
  let counting = setImmediate(turn);
  await shards.load(0, { seq: 1, clock: 5 } as Parameters<ShardRules['load']>[1], () => false);
  clearImmediate(counting);
  expect(turns).toBeGreaterThanOrEqual(6);
});
