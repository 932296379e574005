import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aLogEvent, EPOCH } from '../../../../test/support/data/log-event.js';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import { formatCursor } from '../../../events/core/index.js';
import { LatestBuffer } from './latest-buffer.js';

const PRICE = { type: 'price_change', protocol: null, chain: null, token: 'bitcoin' } as const;

describe('mode `latest`', () => {
  it('sends the newest event per key and interval in log order, with the number of merged events', async () => {
    const { log, open, pass } = startHub();
    const { link, subscribe } = open();
    await subscribe([{ type: 'tvl_changes', mode: 'latest', intervalMs: 500 }, { type: 'price_changes' }]);
    log.append({}, PRICE, {}, { chain: 'base' }, {});
    expect(link.events).toEqual([]);
    pass(500);
    expect(link.events.map(({ seq, merged }) => [seq, merged])).toEqual([
      [2, 1],
      [4, 1],
      [5, 3],
    ]);
    log.append({});
    pass(400);
    expect(link.seqs).toHaveLength(3);
    pass(100);
    expect(link.seqs.at(-1)).toBe(6);
  });

  it('uses the mode and interval of the last call, and closes a client beyond the key limit', async () => {
    const { log, open, pass } = startHub({ limits: { latestKeys: 2 } });
    const { link, session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 60_000 });
    await subscribe({ type: 'price_changes', intervalMs: 200 });
    log.append({}, PRICE);
    pass(200);
    expect(link.seqs).toEqual([1, 2]);
    log.append({ protocol: 'a' }, { protocol: 'b' }, { protocol: 'c' });
    pass(200);
    expect(link.closed).toEqual({ reason: 'slow_consumer', cursor: formatCursor(EPOCH, 2) });
    expect(session.ended).toBe(true);
  });

  it('sends waiting events before the reply to a change of subscriptions', async () => {
    const { log, open, pass } = startHub();
    const { link, session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes', mode: 'latest', intervalMs: 60_000 }, { type: 'price_changes' }]);
    log.append({}, PRICE);
    const { cursor } = await session.unsubscribe({ type: 'price_changes' });
    expect([link.seqs, cursor]).toEqual([[1, 2], formatCursor(EPOCH, 2)]);
    log.append({});
    await session.updateFilters({}, { protocols: ['other'] });
    expect(link.seqs).toEqual([1, 2, 3]);
    pass(60_000);
    expect(link.seqs).toEqual([1, 2, 3]);
    log.append({ protocol: 'other' }, PRICE);
    expect(await subscribe({ type: 'price_changes' })).toMatchObject({ cursor: formatCursor(EPOCH, 5) });
    expect(link.seqs).toEqual([1, 2, 3, 4]);
  });

  it('sends thousands of waiting events before a reply in several turns of the event loop', async () => {
    const { log, open } = startHub();
    const { link, session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 60_000 });
    log.append(...Array.from({ length: 16_000 }, (_, n) => ({ protocol: `p${n}` })));
    const replied = session.updateFilters({}, { protocols: ['p1'] });
    expect(link.seqs).toEqual([]);
    await setImmediate();
    log.append({ protocol: 'p15999' });
    const { cursor } = await replied;
    expect(cursor).toBe(formatCursor(EPOCH, 16_001));
    expect(link.seqs.at(-1)).toBe(16_001);
    expect(link.seqs).toEqual([...new Set(link.seqs)].sort((a, b) => a - b));
    expect(link.seqs.length).toBeGreaterThanOrEqual(16_000);
  });

  it('sends every liquidation without merging', async () => {
    const { log, open, pass } = startHub();
    const { link, subscribe } = open();
    await subscribe({ type: 'channel', channel: 'events:liquidations', mode: 'latest' });
    log.append({ type: 'liquidation' }, { type: 'liquidation' });
    pass(1_000);
    expect(link.seqs).toEqual([1, 2]);
  });

  it('ends for a client that does not read by sending thousands of waiting events in several turns', async () => {
    const { log, open } = startHub();
    const { link, session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 60_000 });
    log.append(...Array.from({ length: 20_000 }, (_, key) => ({ protocol: `p${key}` })));
    link.buffered = 300_000;
    const change = session.updateFilters({}, undefined, { mode: 'all' });
    let mostPerTurn = 0;
    while (link.events.length < 20_000) {
      const before = link.events.length;
      await setImmediate();
      mostPerTurn = Math.max(mostPerTurn, link.events.length - before);
    }
    await change;
    log.append({});
    expect(link.seqs).toEqual(Array.from({ length: 20_001 }, (_, index) => index + 1));
    expect(mostPerTurn).toBeLessThan(20_000);
  });

  it('keeps the cursor before waiting events, and sends waiting events when the mode ends', async () => {
    const { hub, log, open, pass } = startHub();
    const { link, session, subscribe } = open();
    log.append({}, {}, { chain: 'base' });
    const answer = await subscribe({
      type: 'tvl_changes',
      mode: 'latest',
      intervalMs: 60_000,
      since: formatCursor(EPOCH, 0),
    });
    expect(answer).toMatchObject({ recovered: true, replayed: 2, cursor: hub.cursor });
    expect(link.events.map(({ seq, merged }) => [seq, merged])).toEqual([
      [2, 2],
      [3, 1],
    ]);
    log.append({});
    pass(15_000);
    expect(link.named('heartbeat')).toMatchObject([{ cursor: formatCursor(EPOCH, 3) }]);
    session.setMode({ mode: 'all' });
    expect(link.seqs).toEqual([2, 3, 4]);
    log.append({});
    expect(link.seqs).toEqual([2, 3, 4, 5]);
  });
});

it('the last given interval of a connection applies, even if given before mode `latest`', async () => {
  const { log, open, pass } = startHub();
  const { link, session, subscribe } = open();
  await subscribe({ type: 'tvl_changes', intervalMs: 5_000 });
  await session.updateFilters({}, undefined, { mode: 'latest' });
  log.append({});
  pass(4_900);
  expect(link.seqs).toEqual([]);
  pass(200);
  expect(link.seqs).toEqual([1]);
});

describe('the buffer of `latest`', () => {
  /** A token whose price changes, the end of an interval, or a turn of the loop that sends so many events. */
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ token: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g') }) },
    fc.record({ send: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ end: fc.constant(true) }),
  );

  it('sends the newest event of each key in log order, in however many turns it sends them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const buffer = new LatestBuffer(1_000, 0, 0);
        const sent: number[] = [];
        const newest = new Map<string, number>();
        let seq = 0;
        let merged = 0;
        const send = (most: number): void => {
          let given = 0;
          buffer.send(
            (event, _, count) => {
              given += 1;
              merged += count;
              sent.push(event.seq);
            },
            () => given >= most,
          );
        };
        for (const one of steps) {
          if ('token' in one) {
            seq += 1;
            newest.set(one.token, seq);
            buffer.add(aLogEvent({ seq, type: 'price_change', token: one.token }), ['prices']);
          } else if ('send' in one) send(one.send);
          else buffer.endInterval(0, seq);
          // A client that resumes from here misses nothing.
          const unsent = [...newest.values()].filter((last) => !sent.includes(last));
          expect(buffer.size).toBe(unsent.length);
          const resumesAt = buffer.size > 0 ? Math.max(buffer.sentTo, sent.at(-1) ?? 0) : seq;
          expect(unsent.filter((last) => last <= resumesAt)).toEqual([]);
        }
        buffer.endInterval(0, seq);
        send(Infinity);
        expect(buffer.size).toBe(0);
        expect(buffer.sentTo).toBe(seq);
        expect(sent).toEqual([...new Set(sent)].sort((a, b) => a - b));
        expect(sent).toEqual(expect.arrayContaining([...newest.values()]));
        expect(merged).toBe(seq);
      }),
    );
  });
});
