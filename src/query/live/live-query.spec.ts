import { describe, expect, it } from 'vitest';
import type { LiveQuerySink, SharedMessage } from '../../realtime/index.js';
import { keyed } from '../core/result/result-diff.js';
import { LiveQuery } from './live-query.js';

class Reader implements LiveQuerySink {
  readonly got: [string, object][] = [];
  behind = false;
  send({ name, body }: SharedMessage): void {
    this.got.push([name, body]);
  }
  isBehind(): boolean {
    return this.behind;
  }
  fail(): void {}
  get names(): string[] {
    return this.got.map(([name]) => name);
  }
}

/** Creates a query on a table that the test changes. */
function live(intervalMs = 100) {
  const table = new Map([['ethereum', 1]]);
  const runs = { count: 0, failing: false };
  const query = new LiveQuery('q', { dataset: 'tvl', movesWithTime: false }, intervalMs, () => {
    runs.count++;
    if (runs.failing) return Promise.reject(new Error('unavailable'));
    const rows = [...table].map(([chain, tvl]) => ({ chain, tvl }));
    return Promise.resolve({ rows: keyed(rows, ['chain']), cursor: `e-${runs.count}` });
  });
  return { table, runs, query };
}

describe('a live query', () => {
  it('runs once for all followers and sends the result first, then the changed rows', async () => {
    const { table, runs, query } = live();
    const readers = [new Reader(), new Reader(), new Reader()];
    for (const reader of readers) query.follow(reader);
    await query.refresh(0);
    table.set('ethereum', 2).set('base', 1);
    query.touch(5);
    await query.refresh(100);
    expect(runs.count).toBe(2);
    for (const { got } of readers) {
      expect(got).toEqual([
        [
          'query_result',
          { subscriptionId: 'q', rows: [{ _key: '["ethereum"]', chain: 'ethereum', tvl: 1 }], cursor: 'e-1' },
        ],
        [
          'query_change',
          {
            subscriptionId: 'q',
            added: [{ _key: '["base"]', chain: 'base', tvl: 1 }],
            changed: [{ _key: '["ethereum"]', chain: 'ethereum', tvl: 2 }],
            removed: [],
            cursor: 'e-2',
          },
        ],
      ]);
    }
  });

  it('sends nothing if the result is unchanged', async () => {
    const { query } = live();
    const reader = new Reader();
    query.follow(reader);
    await query.refresh(0);
    query.touch(1);
    await query.refresh(100);
    expect(reader.names).toEqual(['query_result']);
  });

  it('sends the whole result instead of missed changes to a slow follower only', async () => {
    const { table, query } = live();
    const [quick, slow] = [new Reader(), new Reader()];
    query.follow(quick);
    query.follow(slow);
    await query.refresh(0);
    slow.behind = true;
    for (const tvl of [2, 3]) {
      table.set('ethereum', tvl);
      query.touch(tvl);
      await query.refresh(tvl * 100);
    }
    query.sendResults();
    expect(slow.names).toEqual(['query_result']);
    expect(query.hasWork).toBe(true);
    slow.behind = false;
    query.sendResults();
    expect(quick.names).toEqual(['query_result', 'query_change', 'query_change']);
    expect(slow.names).toEqual(['query_result', 'query_result']);
    expect(slow.got.at(-1)?.[1]).toMatchObject({ rows: [{ tvl: 3 }] });
    expect(query.hasWork).toBe(false);
  });

  it('sends the current result to a new follower without another run', async () => {
    const { runs, query } = live();
    query.follow(new Reader());
    await query.refresh(0);
    const late = new Reader();
    query.follow(late);
    query.sendResults();
    expect(late.names).toEqual(['query_result']);
    expect(runs.count).toBe(1);
  });

  it('is due once per interval, however many changes arrive', async () => {
    const { query } = live(250);
    expect(query.isDue(1_000)).toBe(true);
    await query.refresh(1_000);
    query.touch(1_001);
    expect(query.isDue(1_249)).toBe(false);
    expect(query.isDue(1_250)).toBe(true);
  });

  it('keeps an unsent change after a failure and retries at growing intervals', async () => {
    const { runs, query } = live(100);
    runs.failing = true;
    query.touch(0);
    await expect(query.refresh(1_000)).rejects.toThrow('unavailable');
    expect([query.isDue(1_100), query.isDue(1_200)]).toEqual([false, true]);
    await expect(query.refresh(1_200)).rejects.toThrow('unavailable');
    expect([query.isDue(1_500), query.isDue(1_600)]).toEqual([false, true]);
    runs.failing = false;
    const reader = new Reader();
    query.follow(reader);
    await query.refresh(2_000);
    expect(reader.names).toEqual(['query_result']);
    expect(query.dirtySince).toBeUndefined();
  });
});
