import { describe, expect, it } from 'vitest';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import type { RealtimeHub } from '../hub.js';
import { parseSelector } from '../request/parse-socketio.js';

describe('live queries', () => {
  /** Sets a runner that runs no queries; returns the ids of the open queries. */
  function serve(hub: RealtimeHub): Set<string> {
    const open = new Set<string>();
    hub.queries.serve({
      open: (query, _, { intervalMs }) => {
        const id = JSON.stringify([query, intervalMs ?? null]);
        return { id, start: () => void open.add(id), close: () => void open.delete(id) };
      },
    });
    return open;
  }

  it('are unsubscribed by their query alone, whatever their interval', async () => {
    const { hub, open } = startHub();
    const running = serve(hub);
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
    const { hub, open } = startHub();
    serve(hub);
    const { session, subscribe } = open();
    const queries = Array.from({ length: 20 }, (_, n) => ({ type: 'query', query: { n } }));
    await subscribe(queries);
    await subscribe(queries);
    expect(session.size).toBe(20);
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'limit_exceeded' });
  });
});
