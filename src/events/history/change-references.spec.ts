import { expect, it } from 'vitest';
import type { Clock } from '../../platform/clock/clock.js';
import type { Database } from '../../platform/database/database.js';
import { testLoops } from '../../../test/support/servers/background-loops.js';
import { ChangeReferences } from './change-references.js';

it('loading the reference values of many tokens yields to the event loop', async () => {
  const rows = Array.from({ length: 6 }, (_, index) => ({
    get metric() {
      const end = performance.now() + 9;
      while (performance.now() < end);
      return 'price';
    },
    subject: `t${index}`,
    chain: '',
    value_1h: 1,
    value_24h: 2,
    value_7d: null,
  }));
  const database = {
    async *pages() {
      yield await Promise.resolve(rows);
    },
  } as unknown as Database;
  const references = new ChangeReferences(database, { now: () => 0 } as Clock, testLoops());
  let turns = 0;
  const turn = () => {
    turns++;
    counting = setImmediate(turn);
  };
  let counting = setImmediate(turn);
  await references.refresh();
  clearImmediate(counting);
  expect(turns).toBeGreaterThanOrEqual(6);
  expect(references.changes('price', 't5', null, 2)).toEqual({ change1h: 100, change24h: 0, change7d: null });
});
