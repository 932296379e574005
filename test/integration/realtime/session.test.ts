import { describe, expect, it } from 'vitest';
import { formatCursor, type PublishedValue } from '../../../src/events/index.js';
import { RealtimeHub, type HubParts } from '../../../src/realtime/core/hub.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../../../src/realtime/core/request/parse-socketio.js';
import type { PublishedValues } from '../../../src/realtime/core/session/snapshot.js';
import { EPOCH } from '../../support/data/log-event.js';
import { caller, MemoryLog, NOTHING_PUBLISHED, RecordingLink } from '../../support/servers/realtime-parts.js';

const PRICE = { type: 'price_change', protocol: null, chain: null, token: 'bitcoin' } as const;

function start(parts: Partial<HubParts> = {}) {
  const clock = { now: 1_000_000 };
  const log = new MemoryLog(10_000);
  const reports: string[] = [];
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: NOTHING_PUBLISHED,
    now: () => clock.now,
    observer: {
      routed: () => {},
      replayed: (outcome) => reports.push(outcome),
      slowConsumer: (step) => reports.push(step),
      failed: ({ seq }) => reports.push(`failed ${seq}`),
    },
    ...parts,
  });
  log.subscribe((events) => hub.deliver(events));
  const open = (as = caller()) => {
    const link = new RecordingLink();
    const session = hub.open(link, { caller: as, address: '127.0.0.1', userAgent: 'test' });
    /** Subscribes with a body in the form of a Socket.IO client. */
    const subscribe = (body: unknown) => {
      const { requests, options } = parseSubscribe(body);
      return session.subscribe(requests, options);
    };
    return { link, session, subscribe };
  };
  const pass = (ms: number) => {
    for (let step = 0; step < ms; step += 100) hub.tick((clock.now += 100));
  };
  return { hub, log, clock, reports, open, pass };
}

describe('subscriptions', () => {
  it('send a matching event once, with all matching channel names in subscription order', async () => {
    const { log, open } = start();
    const { link, subscribe } = open();
    await subscribe([
      { type: 'channel', channel: 'events:tvl' },
      { type: 'channel', channel: 'events:protocol:aave-v3' },
      { type: 'channel', channel: 'tvl', protocols: ['lido'] },
    ]);
    log.append({}, { protocol: 'lido' }, PRICE);
    expect(link.events.map(({ seq, channels }) => [seq, channels])).toEqual([
      [1, ['events:tvl', 'events:protocol:aave-v3']],
      [2, ['events:tvl', 'tvl']],
    ]);
  });

  it('apply filters only to events with the field, while channel names require the field', async () => {
    const { log, open } = start();
    const filtered = open();
    const named = open();
    await filtered.subscribe([
      { type: 'price_changes', protocols: ['lido'], chains: ['base'] },
      { type: 'protocol_updates', chain: 'base', threshold: 0.5, minValue: 5 },
    ]);
    await named.subscribe({ type: 'channel', channel: 'events:chain:base' });
    const update = { type: 'protocol_update', chain: null, previous: null, current: null, moved: null } as const;
    log.append(PRICE, update, { ...PRICE, chain: 'base' });
    expect(filtered.link.seqs).toEqual([1, 2, 3]);
    expect(named.link.seqs).toEqual([3]);
  });

  it('round a threshold down to a step, report the step, and match moves of that size', async () => {
    const { log, open } = start();
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', threshold: 0.07 });
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    log.append({ moved: 0.02 }, { moved: 0.05 }, { moved: 0.2 }, { moved: 0 });
    expect(link.seqs).toEqual([2, 3]);
  });

  it('include the event with which a value leaves their range', async () => {
    const { log, open } = start();
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes', minValue: 100, maxValue: 200 });
    log.append(
      { previous: 50, current: 90 },
      { previous: 90, current: 150 },
      { previous: 150, current: 250 },
      { previous: 250, current: 300 },
    );
    expect(link.seqs).toEqual([2, 3]);
  });

  it('accept aliases of chains and tokens, and both names of event types', async () => {
    const { log, open } = start();
    const { link, subscribe } = open();
    const answer = await subscribe([
      { type: 'tvl_changes', chain: 'Binance' },
      { type: 'price_changes', token: 'coingecko:Bitcoin', eventTypes: ['price_update'] },
    ]);
    expect(answer.subscriptions).toMatchObject([
      { chains: ['bsc'] },
      { tokens: ['bitcoin'], eventTypes: ['price_change'] },
    ]);
    log.append({ chain: 'bsc' }, PRICE);
    expect(link.seqs).toEqual([1, 2]);
  });

  it('skip and report an event that cannot be encoded, live and in a replay', async () => {
    const { log, reports, open } = start();
    const live = open();
    await live.subscribe([{ type: 'tvl_changes' }, { type: 'protocol', protocol: 'aave-v3' }]);
    log.append({}, { observedAt: Number.NaN }, { protocol: 'lido' });
    expect(live.link.events.map(({ seq, channels }) => [seq, channels])).toEqual([
      [1, ['tvl_changes', 'protocol']],
      [3, ['tvl_changes']],
    ]);
    const late = open();
    const answer = await late.subscribe({ type: 'tvl_changes', since: formatCursor(EPOCH, 0) });
    expect(answer).toMatchObject({ recovered: true, replayed: 2 });
    expect(reports).toEqual(['failed 2', 'failed 2', 'recovered']);
  });

  it('are stored once if equal, and an unsubscribe removes every matching subscription', async () => {
    const { log, open } = start();
    const { link, session, subscribe } = open();
    const first = await subscribe({ type: 'protocol', protocol: 'aave-v3', chain: 'ethereum' });
    const second = await subscribe({ type: 'protocol', protocol: 'AAVE-v3', chains: ['eth'] });
    expect(second.subscriptions[0]?.id).toBe(first.subscriptions[0]?.id);
    await subscribe([
      { type: 'protocol', protocol: 'aave-v3', chain: 'base' },
      { type: 'protocol', protocol: 'lido' },
    ]);
    const { removed } = await session.unsubscribe(parseSelector({ type: 'protocol', protocol: 'aave-v3' }));
    expect(removed).toHaveLength(2);
    log.append({}, { protocol: 'lido' });
    expect(link.seqs).toEqual([2]);
    await session.unsubscribe(parseSelector({ id: session.list()[0]?.id }));
    expect(session.list()).toEqual([]);
  });

  it('keep their id and type when their filter is replaced', async () => {
    const { log, open } = start();
    const { link, session, subscribe } = open();
    await subscribe([
      { type: 'channel', channel: 'events:tvl' },
      { type: 'protocol', protocol: 'lido' },
    ]);
    const update = parseUpdate({ channel: 'events:tvl', filters: { protocols: ['uniswap-v3'] } });
    const answer = await session.updateFilters(update.selector, update.filter);
    expect(answer.subscriptions).toEqual([
      { id: 's1', type: 'channel', channel: 'events:tvl', protocols: ['uniswap-v3'] },
    ]);
    const other = parseUpdate({ id: 's2', protocol: 'aave-v3' });
    await session.updateFilters(other.selector, other.filter);
    log.append({}, { protocol: 'uniswap-v3' }, { protocol: 'lido' }, PRICE);
    expect(link.seqs).toEqual([1, 2]);
    await expect(session.updateFilters({ id: 'nope' }, {})).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each<[string, object, string[]]>([
    ['a minimum', { type: 'tvl_changes', minValue: 1e9 }, ['s2']],
    ['a maximum', { type: 'tvl_changes', maxValue: 5 }, ['s3']],
    ['event types', { type: 'protocol', eventTypes: ['tvl_update'] }, ['s5']],
    ['all event types of the type', { type: 'tvl_changes', eventTypes: ['tvl_change'] }, ['s1', 's2', 's3']],
    ['every owner', { type: 'alerts', all: true }, ['s7']],
    ['fewer fields', { type: 'alerts' }, ['s6', 's7']],
  ])('are removed only if they match the unsubscribe body: %s', async (_, body, ids) => {
    const { open } = start();
    const { session, subscribe } = open(caller({ role: 'admin' }));
    await subscribe([
      { type: 'tvl_changes', minValue: 1e6 },
      { type: 'tvl_changes', minValue: 1e9 },
      { type: 'tvl_changes', maxValue: 5 },
      { type: 'protocol', protocol: 'lido' },
      { type: 'protocol', protocol: 'lido', eventTypes: ['tvl_change'] },
      { type: 'alerts' },
      { type: 'alerts', all: true },
    ]);
    const { removed } = await session.unsubscribe(parseSelector(body));
    expect(removed.map(({ id }) => id)).toEqual(ids);
  });

  it('keep their filters when only the mode changes', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', threshold: 0.05 });
    const { selector, filter, options } = parseUpdate({ mode: 'latest', intervalMs: 500 });
    const answer = await session.updateFilters(selector, filter, options);
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    expect(session.mode).toBe('latest');
  });

  it('refuse an update to event types that no selected subscription can send', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'announcements' }]);
    const { selector, filter } = parseUpdate({ id: 's1', filters: { eventTypes: ['price_change'] } });
    await expect(session.updateFilters(selector, filter)).rejects.toMatchObject({ field: 'eventTypes' });
    expect(session.list()).toMatchObject([{ id: 's1' }, { id: 's2' }, { id: 's3' }]);
    expect(session.list()[0]).not.toHaveProperty('eventTypes');
    expect((await session.updateFilters({}, filter)).subscriptions).toHaveLength(3);
  });

  it('are selected by fields beside `type: protocol` or beside `filters` in an update', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe([
      { type: 'protocol', protocol: 'lido' },
      { type: 'protocol', protocol: 'aave-v3', chain: 'ethereum' },
    ]);
    const first = parseUpdate({ type: 'protocol', protocol: 'lido', threshold: 0.1 });
    await session.updateFilters(first.selector, first.filter);
    const second = parseUpdate({ type: 'protocol', chain: 'ethereum', filters: { chain: 'base' } });
    await session.updateFilters(second.selector, second.filter);
    expect(session.list()).toEqual([
      { id: 's1', type: 'protocol', protocols: ['lido'], threshold: 0.1 },
      { id: 's2', type: 'protocol', protocols: ['aave-v3'], chains: ['base'] },
    ]);
  });

  it('are listed once when an update makes two subscriptions equal', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes', threshold: 0.05 }, { type: 'tvl_changes' }]);
    const { selector, filter } = parseUpdate({ type: 'tvl_changes', filters: {} });
    const { subscriptions } = await session.updateFilters(selector, filter);
    expect(subscriptions).toEqual([{ id: 's1', type: 'tvl_changes' }]);
    expect(session.list()).toHaveLength(1);
  });

  it.each([{}, { id: 's1' }, { type: 'protocol', protocol: 'lido' }])(
    'refuse an update without a filter, instead of removing all filters: %j',
    (body) => {
      expect(() => parseUpdate(body)).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'filters' }));
    },
  );

  it.each(['protocol', 'chain', 'token'])('refuse a blank or broken %s', (field) => {
    for (const value of ['  ', 'a\u0000b', '']) {
      expect(() => parseSubscribe({ type: 'protocol', protocol: 'lido', [field]: value })).toThrow(
        expect.objectContaining({ code: 'invalid_request', field }),
      );
    }
  });

  it('report the JSON pointer of an invalid field', () => {
    expect(() => parseUpdate({ id: 's1', filters: { chains: 5 } })).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/filters/chains' })] }),
    );
  });

  it('report no field when the whole message is invalid', () => {
    expect(() => parseSubscribe('tvl_changes')).toThrow(expect.objectContaining({ field: undefined }));
  });

  it('are added all or none: one refused body of an array adds nothing', async () => {
    const { open } = start({ limits: { subscriptionsPerConnection: 2 } });
    const { session, subscribe } = open(caller({ subscriptionTypes: ['tvl_changes'] }));
    await expect(subscribe([{ type: 'tvl_changes' }, { type: 'alerts' }])).rejects.toMatchObject({ code: 'forbidden' });
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      subscribe([0.01, 0.02, 0.05].map((threshold) => ({ type: 'tvl_changes', threshold }))),
    ).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(session.list()).toEqual([]);
  });

  it('allow a restricted key only channels whose events all belong to its types', async () => {
    const { open } = start();
    const { subscribe } = open(caller({ subscriptionTypes: ['tvl_changes', 'protocol'] }));
    for (const channel of ['events:tvl', 'tvl', 'events:chain:base:tvl', 'events:protocol:lido']) {
      expect((await subscribe({ type: 'channel', channel })).subscriptions).toMatchObject([{ channel }]);
    }
    for (const channel of [
      'events:prices',
      'events:chain:base',
      'events:alerts',
      'events:liquidations',
      'events:protocols',
    ]) {
      await expect(subscribe({ type: 'channel', channel })).rejects.toMatchObject({ code: 'forbidden' });
    }
    const all = open(caller({ subscriptionTypes: ['channel'] }));
    expect((await all.subscribe({ type: 'channel', channel: 'prices' })).subscriptions).toHaveLength(1);
    await expect(all.subscribe({ type: 'price_changes' })).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('show events with an owner only to this user and to admins with `all`', async () => {
    const { log, open } = start();
    const [owner, other, admin, plain] = [
      open(caller({ userId: 'owner' })),
      open(caller({ userId: 'other' })),
      open(caller({ userId: 'root', role: 'admin' })),
      open(caller({ userId: 'root2', role: 'admin' })),
    ] as const;
    for (const { subscribe } of [owner, other, plain]) await subscribe({ type: 'alerts' });
    await admin.subscribe({ type: 'alerts', all: true });
    await expect(other.subscribe({ type: 'alerts', all: true })).rejects.toMatchObject({ code: 'forbidden' });
    const alert = { type: 'alert', owner: 'owner' } as const;
    log.append(alert);
    expect([owner, other, admin, plain].map(({ link }) => link.seqs)).toEqual([[1], [], [1], []]);
    const late = open(caller({ userId: 'other' }));
    const answer = await late.subscribe({ type: 'alerts', since: formatCursor(EPOCH, 0) });
    expect(answer).toMatchObject({ recovered: true, replayed: 0 });
  });
});

describe('mode `latest`', () => {
  it('sends the newest event per key and interval in log order, with the number of merged events', async () => {
    const { log, open, pass } = start();
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
    const { log, open, pass } = start({ limits: { latestKeys: 2 } });
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
    const { log, open, pass } = start();
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

  it('sends every liquidation without merging', async () => {
    const { log, open, pass } = start();
    const { link, subscribe } = open();
    await subscribe({ type: 'channel', channel: 'events:liquidations', mode: 'latest' });
    log.append({ type: 'liquidation' }, { type: 'liquidation' });
    pass(1_000);
    expect(link.seqs).toEqual([1, 2]);
  });

  it('keeps the cursor before waiting events, and sends waiting events when the mode ends', async () => {
    const { hub, log, open, pass } = start();
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

describe('connections', () => {
  it('first receive id, position and limits, and then the position every 15 s', async () => {
    const { hub, log, open, pass } = start();
    log.append({});
    const { link, session } = open();
    expect(link.messages).toEqual([
      {
        name: 'connected',
        body: { connectionId: session.id, cursor: hub.cursor, limits: caller().limits, expiresInMs: null },
      },
    ]);
    log.append({}, {});
    pass(45_000);
    const heartbeats = link.named('heartbeat');
    expect(heartbeats).toHaveLength(3);
    expect(heartbeats[0]).toEqual({ cursor: formatCursor(EPOCH, 3), timestamp: expect.stringMatching(/^\d{4}-.*Z$/) });
    hub.stale = true;
    pass(15_000);
    expect(link.named('heartbeat')[3]).toMatchObject({ stale: true });
  });

  it('are switched to `latest` when reading too slowly, then closed; others are unaffected', async () => {
    const { hub, log, reports, open, pass } = start();
    const slow = open();
    const fast = open();
    for (const { subscribe } of [slow, fast]) await subscribe({ type: 'tvl_changes' });
    slow.link.buffered = 300_000;
    log.append({});
    pass(100);
    expect(slow.link.named('slow_consumer')).toEqual([{ mode: 'latest' }]);
    log.append({}, {});
    pass(5_000);
    expect(slow.link.seqs).toEqual([1]);
    pass(10_000);
    expect(slow.link.closed).toEqual({ reason: 'slow_consumer', cursor: formatCursor(EPOCH, 1) });
    expect(reports).toEqual(['latest', 'closed']);
    expect(fast.link.seqs).toEqual([1, 2, 3]);
    expect(hub.sessions.size).toBe(1);
    expect(hub.subscriptionCount).toBe(1);
  });

  it('stay open if the client catches up after the switch to `latest`, and get waiting events', async () => {
    const { log, open, pass } = start();
    const { link, session, subscribe } = open();
    await subscribe({ type: 'tvl_changes' });
    link.buffered = 300_000;
    log.append({});
    pass(200);
    log.append({}, {});
    link.buffered = 0;
    pass(20_000);
    expect(link.closed).toBeUndefined();
    expect(link.events).toMatchObject([{ seq: 1 }, { seq: 3, merged: 2 }]);
    expect(session.mode).toBe('latest');
  });

  it.each(['all', 'latest'] as const)(
    'are closed when too slow, even if the client requests mode %s again and again',
    async (mode) => {
      const { log, open, pass } = start();
      const { link, session, subscribe } = open();
      await subscribe({ type: 'tvl_changes' });
      link.buffered = 2_000_000;
      for (let second = 0; second < 30 && !session.ended; second++) {
        log.append({});
        pass(900);
        await session.updateFilters({}, undefined, { mode }).catch(() => {});
      }
      expect(link.closed?.reason).toBe('slow_consumer');
    },
  );

  it('are closed within 2 s above the hard mark of unread bytes', async () => {
    const { log, open, pass } = start();
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes' });
    link.buffered = 2_000_000;
    log.append({});
    pass(2_000);
    expect(link.closed?.reason).toBe('slow_consumer');
  });

  it('are closed when their token or key ends, but never for being silent', async () => {
    const { hub, clock, open, pass } = start();
    const expiring = open(caller({ keyId: 'jwt:1', endsAt: clock.now + 5_000 }));
    const revoked = open(caller({ keyId: 'k2' }));
    const silent = open(caller({ keyId: 'k3' }));
    const subscribed = open(caller({ keyId: 'k4' }));
    await subscribed.subscribe({ type: 'tvl_changes' });
    pass(4_900);
    expect(expiring.link.closed).toBeUndefined();
    pass(200);
    expect(expiring.link.closed?.reason).toBe('expired');
    expect(hub.endKey('k2', 'revoked', 'revoked')).toBe(1);
    expect(revoked.link.closed?.reason).toBe('revoked');
    pass(700_000);
    expect(silent.link.closed).toBeUndefined();
    expect(subscribed.link.closed).toBeUndefined();
    await expect(revoked.subscribe({ type: 'tvl_changes' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('continue after a renewed token, and are greeted again with the new expiry', async () => {
    const { hub, clock, open, pass } = start();
    const { link, session } = open(caller({ keyId: 'jwt:1', endsAt: clock.now + 5_000 }));
    expect(link.named('connected').at(-1)).toMatchObject({ expiresInMs: 5_000 });
    session.changeCaller(caller({ keyId: 'jwt:1', tier: 'pro', endsAt: clock.now + 60_000 }));
    expect(link.named('connected').at(-1)).toMatchObject({ connectionId: session.id, expiresInMs: 60_000 });
    pass(59_000);
    expect(link.closed).toBeUndefined();
    hub.changeKey('jwt:1', caller({ keyId: 'jwt:1', transports: ['rest'] }));
    expect(link.closed?.reason).toBe('forbidden');
  });

  it('lose subscriptions that their key no longer allows, each with an error message', async () => {
    const { hub, log, open } = start();
    const { link, session, subscribe } = open(caller({ role: 'admin' }));
    await subscribe([{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'alerts', all: true }]);
    hub.changeKey('key-1', caller({ role: 'reader', subscriptionTypes: ['tvl_changes'] }));
    expect(session.list().map(({ type }) => type)).toEqual(['tvl_changes']);
    const refused = link.named('error').map(({ code, subscriptionId }) => ({ code, subscriptionId }));
    expect(refused).toEqual(['s2', 's3'].map((subscriptionId) => ({ code: 'forbidden', subscriptionId })));
    log.append({ type: 'alert', owner: 'somebody else', data: {} }, {});
    expect(link.seqs).toEqual([2]);
  });

  it.each([-3_600_000, 3_600_000])('get `latest` events on time even if the clock changes by %d ms', async (step) => {
    const clock = { now: 1_000_000, elapsed: 0 };
    const { hub, log, open } = start({ now: () => clock.now, elapsed: () => clock.elapsed });
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 1_000 });
    log.append({}, {});
    clock.now += step;
    hub.tick((clock.elapsed += 900));
    expect(link.seqs).toEqual([]);
    hub.tick((clock.elapsed += 200));
    expect(link.seqs).toEqual([2]);
    expect(link.closed).toBeUndefined();
  });

  it('receive announcements to all, to their user or to their room', async () => {
    const { hub, open } = start();
    const [a, b, c] = [
      open(caller({ userId: 'a' })),
      open(caller({ userId: 'b' })),
      open(caller({ userId: 'b' })),
    ] as const;
    await a.subscribe({ type: 'protocol', protocol: 'lido', chain: 'ethereum' });
    await b.subscribe({ type: 'channel', channel: 'events:tvl' });
    expect(hub.announce({ to: 'everyone' }, 'hello')).toBe(3);
    expect(hub.announce({ to: 'user', userId: 'b' }, 'hello b')).toBe(2);
    expect(hub.announce({ to: 'room', room: 'protocol:lido' }, 'lido')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'protocol:lido:ethereum' }, 'lido on ethereum')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'events:tvl' }, 'tvl')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'nowhere' }, 'nobody')).toBe(0);
    const heard = (link: RecordingLink) => link.named('system_announcement').map(({ message }) => message);
    expect(heard(a.link)).toEqual(['hello', 'lido', 'lido on ethereum']);
    expect(heard(b.link)).toEqual(['hello', 'hello b', 'tvl']);
    expect(heard(c.link)).toEqual(['hello', 'hello b']);
  });

  it('report user, key, transport and client metadata', () => {
    const { open } = start();
    expect(open().session.info()).toMatchObject({
      userId: 'user-1',
      keyId: 'key-1',
      transport: 'socketio',
      metadata: { userAgent: 'test', ipAddress: '127.0.0.1', region: null },
      subscriptions: 0,
    });
  });
});

describe('a snapshot', () => {
  const valueOf = (fields: Partial<PublishedValue>): PublishedValue => ({
    metric: 'tvl',
    protocol: 'aave-v3',
    chain: 'ethereum',
    token: null,
    value: 100,
    volume24h: null,
    marketCap: null,
    symbol: null,
    name: 'Aave V3',
    category: null,
    source: 'test',
    confidence: 1,
    tags: [],
    observedAt: 1_700_000_000_000,
    seq: 1,
    cursor: formatCursor(EPOCH, 1),
    ...fields,
  });
  const tvls = [valueOf({}), valueOf({ protocol: 'lido', value: 5 }), valueOf({ chain: 'base', value: 7 })];
  const bitcoin = valueOf({ metric: 'price', protocol: null, chain: null, token: 'bitcoin', value: 67_000 });
  const published: PublishedValues = {
    tvlOf: (slug) => tvls.filter(({ protocol }) => protocol === slug),
    price: (token) => (token === 'bitcoin' ? bitcoin : undefined),
    all: (metric) => (metric === 'tvl' ? tvls : [bitcoin]),
  };
  const itemsOf = (link: RecordingLink) =>
    link
      .named('snapshot')
      .flatMap(({ items }) =>
        (items as { chain: string; tvl?: number; price?: number }[]).map((item) => item.tvl ?? item.price),
      );

  it('is sent in parts before live events, with its exact position', async () => {
    const { hub, log, open } = start({ published, limits: { snapshotPart: 2 } });
    log.append({});
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', snapshot: true });
    expect(answer.snapshot).toEqual({ items: 3, parts: 2, cursor: hub.cursor });
    expect(
      link.named('snapshot').map(({ subscriptionId, part, parts, cursor }) => [subscriptionId, part, parts, cursor]),
    ).toEqual([
      ['s1', 1, 2, hub.cursor],
      ['s1', 2, 2, hub.cursor],
    ]);
    expect(itemsOf(link)).toEqual([100, 5, 7]);
  });

  it('contains only the values that the filter selects', async () => {
    const { open } = start({ published });
    const { link, subscribe } = open();
    await subscribe([
      { type: 'protocol', protocol: 'aave-v3', chain: 'base', snapshot: true },
      { type: 'tvl_changes' },
      { type: 'price_changes', token: 'bitcoin', snapshot: true },
    ]);
    expect(itemsOf(link)).toEqual([7, 67_000]);
    expect(link.named('snapshot')).toHaveLength(2);
    await subscribe([
      { type: 'tvl_changes', chain: 'base' },
      { type: 'tvl_changes', chains: ['base'], snapshot: true },
    ]);
    expect(link.named('snapshot')).toHaveLength(3);
  });

  it('is followed by the events that arrived while its parts were sent', async () => {
    const { log, open } = start({ published, limits: { snapshotPart: 1 } });
    const { link, subscribe } = open();
    link.buffered = 10_000_000;
    const answer = subscribe({ type: 'tvl_changes', snapshot: true });
    await new Promise(setImmediate);
    log.append({}, {});
    expect(link.seqs).toEqual([]);
    link.buffered = 0;
    await answer;
    expect(link.seqs).toEqual([1, 2]);
  });

  it('is sent after the replay when both are requested', async () => {
    const { log, open } = start({ published });
    log.append({}, {});
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', snapshot: true, since: formatCursor(EPOCH, 1) });
    expect(answer).toMatchObject({ recovered: true, replayed: 1, snapshot: { cursor: formatCursor(EPOCH, 2) } });
    expect(link.seqs).toEqual([2]);
  });
});

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
    const { hub, open } = start();
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
    const { hub, open } = start();
    serve(hub);
    const { session, subscribe } = open();
    const queries = Array.from({ length: 20 }, (_, n) => ({ type: 'query', query: { n } }));
    await subscribe(queries);
    await subscribe(queries);
    expect(session.size).toBe(20);
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'limit_exceeded' });
  });
});

it('equal subscriptions count once against the limit of a connection', async () => {
  const { open } = start({ limits: { subscriptionsPerConnection: 3 } });
  const { session, subscribe } = open();
  const bodies = ['aave-v3', 'lido', 'uniswap-v3'].map((protocol) => ({ type: 'protocol', protocol }));
  await subscribe(bodies);
  await subscribe(bodies);
  await subscribe([bodies[0], bodies[0]]);
  expect(session.size).toBe(3);
  await expect(subscribe({ type: 'tvl_changes' })).rejects.toMatchObject({ code: 'limit_exceeded' });
});

it('the last given interval of a connection applies, even if given before mode `latest`', async () => {
  const { log, open, pass } = start();
  const { link, session, subscribe } = open();
  await subscribe({ type: 'tvl_changes', intervalMs: 5_000 });
  await session.updateFilters({}, undefined, { mode: 'latest' });
  log.append({});
  pass(4_900);
  expect(link.seqs).toEqual([]);
  pass(200);
  expect(link.seqs).toEqual([1]);
});

it('the filters of a connection may contain a limited number of names, even after an update', async () => {
  const { hub, open } = start({ limits: { namesPerConnection: 5 } });
  const { session, subscribe } = open();
  await subscribe([
    { type: 'tvl_changes', protocols: ['a', 'b'], chain: 'base' },
    { type: 'protocol', protocol: 'a' },
  ]);
  const tooMany = { code: 'limit_exceeded' };
  await expect(subscribe({ type: 'price_changes', tokens: ['x', 'y'] })).rejects.toMatchObject(tooMany);
  await subscribe({ type: 'price_changes', token: 'x' });
  const change = (body: unknown) => {
    const { selector, filter, options } = parseUpdate(body);
    return session.updateFilters(selector, filter, options);
  };
  await expect(change({ type: 'price_changes', tokens: ['x', 'y'] })).rejects.toMatchObject(tooMany);
  expect(session.list()).toMatchObject([{ protocols: ['a', 'b'] }, { protocols: ['a'] }, { tokens: ['x'] }]);
  await change({ type: 'price_changes', tokens: ['y'] });
  await session.unsubscribe({ type: 'tvl_changes' });
  await change({ type: 'price_changes', tokens: ['x', 'y', 'z'] });
  expect(hub.subscriptionCount).toBe(2);
});

it('a client that reads nothing is closed, even if its only subscription asked for a snapshot', async () => {
  const { open, pass } = start();
  const { link, subscribe } = open();
  link.buffered = 2_000_000;
  await subscribe({ type: 'tvl_changes', snapshot: true });
  pass(2_000);
  expect(link.closed?.reason).toBe('slow_consumer');
});
