import { setImmediate as nextTurn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCursor, type LogEvent } from '../../../events/core/index.js';
import { compileFilter, matches } from '../filter/filter.js';
import { RealtimeHub } from '../hub.js';
import type { Session } from './session.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';
import { waitFor } from '../../../../test/support/wait-for.js';
import { aTvlChange, EPOCH } from '../../../../test/support/data/log-event.js';
import {
  caller,
  MemoryLog,
  NO_QUERIES,
  NOTHING_PUBLISHED,
  RecordingLink,
} from '../../../../test/support/servers/realtime-parts.js';

const protocols = ['aave-v3', 'lido', 'uniswap-v3'];
const FILTERS: SubscriptionRequest[] = [
  { type: 'tvl_changes', filter: {} },
  { type: 'tvl_changes', filter: { threshold: 0.05 } },
  { type: 'price_changes', filter: {} },
  ...protocols.map((slug): SubscriptionRequest => ({ type: 'protocol', filter: {}, about: { protocol: [slug] } })),
];

const change: fc.Arbitrary<Partial<LogEvent>> = fc.oneof(
  fc.record({ protocol: fc.constantFrom(...protocols), moved: fc.constantFrom(0.01, 0.05, 0.2) }),
  fc.constant({ type: 'price_change', protocol: null, chain: null, token: 'bitcoin' } as const),
  fc.constant({ type: 'tick', protocol: null, chain: null } as const),
);
const batch = fc.array(change, { minLength: 1, maxLength: 6 });

function startHub(ringSize: number, replayChunk: number) {
  const log = new MemoryLog(ringSize);
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: NOTHING_PUBLISHED,
    queries: NO_QUERIES,
    limits: { replayChunk },
  });
  log.subscribe((events) => hub.deliver(events));
  const open = (): { link: RecordingLink; session: Session } => {
    const link = new RecordingLink();
    return { link, session: hub.open(link, { caller: caller(), address: '127.0.0.1' }) };
  };
  return { log, hub, open };
}

const wanted = (log: MemoryLog, requests: readonly SubscriptionRequest[], after: number): number[] =>
  log.events
    .filter((event) => event.seq > after && requests.some((request) => matches(compileFilter(request), event)))
    .map(({ seq }) => seq);

describe('resuming a subscription', () => {
  it('invariant 4: delivers each event once and in order under random replays and disconnects', async () => {
    const act = fc.oneof(
      { weight: 4, arbitrary: batch.map((events) => ({ kind: 'log', events }) as const) },
      { weight: 2, arbitrary: fc.constant({ kind: 'cut' } as const) },
      { weight: 2, arbitrary: fc.constant({ kind: 'turn' } as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 5, maxLength: 60 }),
        fc.uniqueArray(fc.constantFrom(...FILTERS), { minLength: 1, maxLength: 3 }),
        fc.constantFrom(0, 5, 1_000),
        fc.constantFrom(1, 3, 500),
        fc.infiniteStream(fc.record({ turns: fc.nat(2), events: fc.oneof(fc.constant([]), batch) })),
        async (acts, requests, ringSize, replayChunk, during) => {
          const { log, open } = startHub(ringSize, replayChunk);
          log.pause = async () => {
            const { turns, events } = during.next().value;
            if (events.length > 0 && log.position < 300) log.append(...events);
            for (let turn = 0; turn < turns; turn++) await nextTurn();
          };
          const seen: number[] = [];
          let since = formatCursor(EPOCH, 0);
          let position = since;
          let client = open();
          let taken = 0;
          let answer = client.session.subscribe(requests, { since });
          // The client records what it receives: in one merged replay every cursor is a position from which it can
          // resume.
          const take = () => {
            for (const { seq, cursor } of client.link.events.slice(taken)) {
              seen.push(seq);
              position = cursor;
            }
            taken = client.link.events.length;
          };
          for (const one of acts) {
            if (one.kind === 'log') log.append(...one.events);
            else if (one.kind === 'turn') await nextTurn();
            else {
              take();
              client.session.end();
              await answer.catch(() => {});
              since = position;
              client = open();
              taken = 0;
              answer = client.session.subscribe(requests, { since });
            }
          }
          expect((await answer).recovered).toBe(true);
          take();
          expect(seen).toEqual(wanted(log, requests, 0));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('sends no event twice on one connection when subscriptions have different cursors', async () => {
    const act = fc.oneof(
      { weight: 3, arbitrary: batch.map((events) => ({ kind: 'log', events }) as const) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('subscribe' as const),
          which: fc.nat(FILTERS.length - 1),
          back: fc.nat(30),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'turn' } as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        batch,
        fc.array(act, { minLength: 3, maxLength: 40 }),
        fc.constantFrom(0, 4, 1_000),
        async (first, acts, ringSize) => {
          const { log, open } = startHub(ringSize, 2);
          log.pause = () => nextTurn();
          log.append(...first);
          const { link, session } = open();
          const asked: { request: SubscriptionRequest; from: number }[] = [];
          const answers: Promise<unknown>[] = [];
          for (const one of acts) {
            if (one.kind === 'log') log.append(...one.events);
            else if (one.kind === 'turn') await nextTurn();
            else {
              const from = Math.max(0, log.position - one.back);
              const request = FILTERS[one.which] ?? FILTERS[0]!;
              asked.push({ request, from });
              answers.push(session.subscribe([request], { since: formatCursor(EPOCH, from) }));
            }
          }
          await Promise.all(answers);
          const expected = log.events
            .filter((event) =>
              asked.some(({ request, from }) => event.seq > from && matches(compileFilter(request), event)),
            )
            .map(({ seq }) => seq);
          expect(link.seqs.toSorted((a, b) => a - b)).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('holds live events back during a replay, and answers after the last missed event', async () => {
    const { log, open } = startHub(0, 2);
    log.append({}, {}, {}, {});
    log.pause = async () => {
      if (log.position < 8) log.append({});
    };
    const { link, session } = open();
    const answer = await session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 1) });
    expect(answer).toMatchObject({ recovered: true, replayed: link.events.length });
    expect(link.seqs).toEqual([2, 3, 4, 5, 6, 7, 8].slice(0, link.events.length));
    expect(link.seqs.at(-1)).toBe(log.position);
    expect(answer.cursor).toBe(formatCursor(EPOCH, log.position));
  });

  it('reports `since` as the position until the answer, even in heartbeats', async () => {
    const { log, hub, open } = startHub(0, 1);
    log.append({}, {}, {});
    const { link, session } = open();
    const since = formatCursor(EPOCH, 1);
    log.pause = async () => hub.tick(Date.now() + 60_000);
    await session.subscribe([{ type: 'tvl_changes', filter: {} }], { since });
    expect(link.named('heartbeat').length).toBeGreaterThan(0);
    expect(new Set(link.named('heartbeat').map(({ cursor }) => cursor))).toEqual(new Set([since]));
    hub.tick(Date.now() + 120_000);
    expect(link.named('heartbeat').at(-1)).toMatchObject({ cursor: formatCursor(EPOCH, 3) });
  });

  it.each([
    ['of another epoch', 'e0-00000000001', 'epoch'],
    ['that is malformed', 'yesterday', 'epoch'],
    ['older than the log', formatCursor(EPOCH, 1), 'cursor_expired'],
    ['ahead of the log', formatCursor(EPOCH, 9_000), 'epoch'],
  ])('reports why a cursor %s cannot be resumed, and starts the subscription live', async (_, since, reason) => {
    const { log, open } = startHub(0, 10);
    log.append({}, {}, {}, {}, {});
    log.firstSeq = 4;
    const { link, session } = open();
    const answer = await session.subscribe([{ type: 'tvl_changes', filter: {} }], { since });
    expect(answer).toMatchObject({ recovered: false, reason, replayed: 0 });
    expect(link.seqs).toEqual([]);
    log.append({});
    expect(link.seqs).toEqual([6]);
  });

  it('sends no event twice to a client whose cursor is ahead of the process', async () => {
    const { log, open } = startHub(0, 10);
    log.append({}, {});
    const ahead = { epoch: EPOCH, firstSeq: 1, headSeq: 4 };
    log.bounds = async () => ahead;
    const { link, session } = open();
    const answer = await session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 4) });
    expect(answer).toMatchObject({ recovered: true, replayed: 0, cursor: formatCursor(EPOCH, 4) });
    log.append({}, {}, {});
    expect(link.seqs).toEqual([5]);
  });

  it('stops at the replay limit with `replay_limit`, without a gap in older subscriptions', async () => {
    const log = new MemoryLog(0);
    const hub = new RealtimeHub({
      recent: log,
      stored: log,
      published: NOTHING_PUBLISHED,
      queries: NO_QUERIES,
      limits: { replayChunk: 2, replayEvents: 3 },
    });
    log.subscribe((events) => hub.deliver(events));
    const link = new RecordingLink();
    const session = hub.open(link, { caller: caller(), address: '127.0.0.1' });
    const price = { type: 'price_change', protocol: null, token: 'bitcoin' } as const;
    log.append({}, {}, {}, {}, {}, {});
    await session.subscribe([{ type: 'price_changes', filter: {} }]);
    log.pause = async () => {
      if (log.position === 6) log.append(price, {});
    };
    const answer = await session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    expect(answer).toMatchObject({ recovered: false, reason: 'replay_limit' });
    expect(link.seqs).toEqual([1, 2, 3, 7, 8]);
    log.append({});
    expect(link.seqs.at(-1)).toBe(9);
  });

  it('goes on where it stopped at the replay limit if the client asks again, with no event twice', async () => {
    const log = new MemoryLog(0);
    const hub = new RealtimeHub({
      recent: log,
      stored: log,
      published: NOTHING_PUBLISHED,
      queries: NO_QUERIES,
      limits: { replayChunk: 2, replayEvents: 3 },
    });
    log.subscribe((events) => hub.deliver(events));
    const link = new RecordingLink();
    const session = hub.open(link, { caller: caller(), address: '127.0.0.1' });
    log.append({}, {}, {}, {}, {}, {}, {}, {});
    const ask = () => session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    expect(await ask()).toMatchObject({ recovered: false, reason: 'replay_limit', replayed: 3 });
    log.append({});
    expect(await ask()).toMatchObject({ recovered: false, reason: 'replay_limit', replayed: 3 });
    expect(await ask()).toMatchObject({ recovered: true, replayed: 2 });
    expect(link.seqs).toEqual([1, 2, 3, 9, 4, 5, 6, 7, 8]);
    log.append({});
    expect(link.seqs.at(-1)).toBe(10);
  });

  it('removes the subscription if the log cannot be read, without a gap in older subscriptions', async () => {
    const { log, open } = startHub(3, 10);
    log.append({}, {}, {}, {}, {}, {});
    const { link, session } = open();
    await session.subscribe([{ type: 'price_changes', filter: {} }]);
    log.pause = async () => {
      log.append({ type: 'price_change', token: 'bitcoin' });
      throw new Error('connection refused');
    };
    const failing = session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' });
    expect(session.list()).toHaveLength(1);
    expect(link.seqs).toEqual([7]);
    log.append({}, { type: 'price_change', token: 'bitcoin' });
    expect(link.seqs).toEqual([7, 9]);
  });

  it('stops reading the log when the client disconnects during a replay', async () => {
    const { log, open } = startHub(0, 1);
    log.append(...Array.from({ length: 50 }, () => ({})));
    const { session } = open();
    log.pause = () => nextTurn();
    const answer = session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    await nextTurn();
    session.end();
    await answer;
    expect(log.reads).toBeLessThan(5);
  });

  it('shares reads of the log among 50 clients with different cursors', async () => {
    const { log, open } = startHub(0, 100);
    log.append(...Array.from({ length: 1_000 }, () => ({})));
    const clients = Array.from({ length: 50 }, (_, index) => ({ ...open(), from: index * 20 }));
    await Promise.all(
      clients.map(({ session, from }) =>
        session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, from) }),
      ),
    );
    for (const { link, from } of clients) expect(link.seqs).toEqual(wanted(log, FILTERS.slice(0, 1), from));
    expect(log.reads).toBe(10);
  });

  it('pauses while the client has not read the replayed events', async () => {
    const { log, open } = startHub(0, 5);
    log.append(...Array.from({ length: 20 }, () => ({})));
    const { link, session } = open();
    link.buffered = 10_000_000;
    const answer = session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    await waitFor(() => link.seqs.length >= 5);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(link.seqs).toHaveLength(5);
    link.buffered = 0;
    await answer;
    expect(link.seqs).toHaveLength(20);
  });

  it('executes the changes of a connection in the order of the requests', async () => {
    const { log, open } = startHub(0, 1);
    log.append({}, {}, {});
    log.pause = () => nextTurn();
    const { link, session } = open();
    const first = session.subscribe([{ type: 'tvl_changes', filter: {} }], { since: formatCursor(EPOCH, 0) });
    const second = session.unsubscribe({ type: 'tvl_changes' });
    const third = session.subscribe([{ type: 'price_changes', filter: {} }]);
    expect((await first).replayed).toBe(3);
    expect((await second).removed).toMatchObject([{ id: 's1', type: 'tvl_changes' }]);
    await third;
    log.append({}, { type: 'price_change', token: 'bitcoin' });
    expect(link.seqs).toEqual([1, 2, 3, 5]);
  });

  it('sends `resync` to every connection at a new epoch, and refuses cursors of the old epoch', async () => {
    const { log, hub, open } = startHub(100, 10);
    const { link, session } = open();
    await session.subscribe([{ type: 'tvl_changes', filter: {} }]);
    log.append({});
    log.epoch = 'e2';
    log.append({});
    expect(link.named('resync')).toEqual([{ cursor: formatCursor('e2', 1), reason: 'epoch' }]);
    expect(link.events.map(({ cursor }) => cursor)).toEqual([formatCursor('e1', 1), formatCursor('e2', 2)]);
    expect(hub.cursor).toBe(formatCursor('e2', 2));
    const again = await session.subscribe([{ type: 'price_changes', filter: {} }], { since: formatCursor('e1', 1) });
    expect(again).toMatchObject({ recovered: false, reason: 'epoch' });
  });

  it.each(['is read', 'waits for the client'])(
    'delivers all events of a new epoch that starts while a replay %s',
    async (when) => {
      const { log, open } = startHub(when === 'is read' ? 0 : 100, 2);
      const { link, session } = open();
      await session.subscribe([{ type: 'tvl_changes', filter: {} }]);
      log.append({}, {}, {});
      let begun = false;
      const begin = () => {
        if (begun) return;
        begun = true;
        log.epoch = 'e2';
        log.append({}, { type: 'price_change', protocol: null, chain: null, token: 'bitcoin' }, {});
        link.buffered = 0;
      };
      if (when === 'is read') log.pause = async () => begin();
      else {
        link.buffered = 300_000;
        setTimeout(begin, 20);
      }
      const answer = await session.subscribe([{ type: 'price_changes', filter: {} }], {
        since: formatCursor('e1', 0),
      });
      log.append({});
      expect(answer).toMatchObject({ recovered: false, reason: 'epoch', cursor: formatCursor('e2', 6) });
      expect(link.named('resync')).toHaveLength(1);
      expect(link.seqs).toEqual([1, 2, 3, 4, 5, 6, 7]);
    },
  );

  it('delivers an event of a new epoch even if its number equals the last number sent', async () => {
    const { log, hub, open } = startHub(100, 10);
    const { link, session } = open();
    await session.subscribe([{ type: 'tvl_changes', filter: {} }]);
    log.append({});
    hub.startEpoch('e2', 0);
    hub.deliver([aTvlChange(1, { epoch: 'e2' })]);
    expect(link.events.map(({ cursor }) => cursor)).toEqual([formatCursor('e1', 1), formatCursor('e2', 1)]);
  });
});
