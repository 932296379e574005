import { describe, expect, it } from 'vitest';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import { parseSelector } from '../request/parse-socketio.js';
import type { LiveQueryRunner } from './live-queries.js';

describe('live queries', () => {
  /** Runs no queries; `running` has the ids of the open ones. */
  function runner(): { running: Set<string>; queries: LiveQueryRunner } {
    const running = new Set<string>();
    const open: LiveQueryRunner['open'] = (query, _, { intervalMs }) => {
      const id = JSON.stringify([query, intervalMs ?? null]);
      return { id, start: () => void running.add(id), close: () => void running.delete(id) };
    };
    return { running, queries: { open } };
  }

  it('are unsubscribed by their query alone, whatever their interval', async () => {
    const { running, queries } = runner();
    const { open } = startHub({ queries });
    const { session, subscribe } = open();
    const first = { type: 'query', query: { dataset: 'tvl' } };
    const second = { type: 'query', query: { dataset: 'prices' }, intervalMs: 500 };
    await subscribe([first, second, { type: 'tvl_changes' }]);
    const leave = (body: unknown) => session.unsubscribe(parseSelector(body));
    expect((await leave({ type: 'query', query: { dataset: 'points' } })).removed).toEqual([]);
    expect((await leave({ query: second.query })).removed).toMatchObject([{ type: 'query', intervalMs: 500 }]);
    expect([...running]).toEqual(['[{"dataset":"tvl"},null]']);
    expect((await leave(first)).removed).toMatchObject([{ type: 'query' }]);
    expect(session.list()).toMatchObject([{ type: 'tvl_changes' }]);
  });

  it('count once against the limit if subscribed again', async () => {
    const { open } = startHub({ queries: runner().queries });
    const { session, subscribe } = open();
    const twenty = Array.from({ length: 20 }, (_, n) => ({ type: 'query', query: { n } }));
    await subscribe(twenty);
    await subscribe(twenty);
    expect(session.size).toBe(20);
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'limit_exceeded' });
  });
});
