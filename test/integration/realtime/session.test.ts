import { describe, expect, it } from 'vitest';
import { formatCursor, type PublishedValue } from '../../../src/events/index.js';
import { RealtimeHub, type HubParts } from '../../../src/realtime/core/hub.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../../../src/realtime/core/parse-subscribe.js';
import type { PublishedValues } from '../../../src/realtime/core/snapshot.js';
import { caller, EPOCH, MemoryLog, NOTHING_PUBLISHED, RecordingLink } from '../../support/realtime-parts.js';

const PRICE = { type: 'price_change', protocol: null, chain: null, token: 'bitcoin' } as const;

function start(parts: Partial<HubParts> = {}) {
  const clock = { now: 1_000_000 };
  const log = new MemoryLog(10_000);
  const told: string[] = [];
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: NOTHING_PUBLISHED,
    now: () => clock.now,
    observer: {
      routed: () => {},
      replayed: (outcome) => told.push(outcome),
      slowConsumer: (step) => told.push(step),
      failed: ({ seq }) => told.push(`failed ${seq}`),
    },
    ...parts,
  });
  log.subscribe((events) => hub.deliver(events));
  const open = (as = caller()) => {
    const link = new RecordingLink();
    const session = hub.open(link, { caller: as, address: '127.0.0.1', userAgent: 'test' });
    /** As a Socket.IO client would say it. */
    const subscribe = (body: unknown) => {
      const { requests, options } = parseSubscribe(body);
      return session.subscribe(requests, options);
    };
    return { link, session, subscribe };
  };
  const pass = (ms: number) => {
    for (let step = 0; step < ms; step += 100) hub.beat((clock.now += 100));
  };
  return { hub, log, clock, told, open, pass };
}

describe('subscriptions', () => {
  it('sends an event that matches several subscriptions once, under all their names, first subscribed first', async () => {
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

  it('lets filters bind only events that have the field, and names demand it', async () => {
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

  it('rounds a threshold down to a step, says which, and matches what moved that far', async () => {
    const { log, open } = start();
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', threshold: 0.07 });
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    log.append({ moved: 0.02 }, { moved: 0.05 }, { moved: 0.2 }, { moved: 0 });
    expect(link.seqs).toEqual([2, 3]);
  });

  it('lets a client see a value leave its range', async () => {
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

  it('understands aliases of chains and tokens and both names of event types', async () => {
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

  it('leaves out a row that cannot be shown, reports it, and goes on with the others, live and in replay', async () => {
    const { log, told, open } = start();
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
    expect(told).toEqual(['failed 2', 'failed 2', 'recovered']);
  });

  it('keeps one of the same subscription, and removes all that an unsubscribe matches', async () => {
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

  it('replaces filters from now on and keeps the id and the type of what is filtered', async () => {
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
    ['a range', { type: 'tvl_changes', minValue: 1e9 }, ['s2']],
    ['the other end of a range', { type: 'tvl_changes', maxValue: 5 }, ['s3']],
    ['event types', { type: 'protocol', eventTypes: ['tvl_update'] }, ['s5']],
    ['event types that are all the type has', { type: 'tvl_changes', eventTypes: ['tvl_change'] }, ['s1', 's2', 's3']],
    ['every owner', { type: 'alerts', all: true }, ['s7']],
    ['less', { type: 'alerts' }, ['s6', 's7']],
  ])('unsubscribes only what agrees with the body: %s', async (_, body, ids) => {
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

  it('changes the mode alone without touching a filter', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', threshold: 0.05 });
    const { selector, filter, options } = parseUpdate({ mode: 'latest', intervalMs: 500 });
    const answer = await session.updateFilters(selector, filter, options);
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    expect(session.mode).toBe('latest');
  });

  it('refuses an update to event types that none of the selected subscriptions can give', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'announcements' }]);
    const { selector, filter } = parseUpdate({ id: 's1', filters: { eventTypes: ['price_change'] } });
    await expect(session.updateFilters(selector, filter)).rejects.toMatchObject({ field: 'eventTypes' });
    expect(session.list()).toMatchObject([{ id: 's1' }, { id: 's2' }, { id: 's3' }]);
    expect(session.list()[0]).not.toHaveProperty('eventTypes');
    expect((await session.updateFilters({}, filter)).subscriptions).toHaveLength(3);
  });

  it('takes what stands beside type protocol, or beside filters, as the selection', async () => {
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

  it('names a subscription once when an update makes two of them the same', async () => {
    const { open } = start();
    const { session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes', threshold: 0.05 }, { type: 'tvl_changes' }]);
    const { selector, filter } = parseUpdate({ type: 'tvl_changes', filters: {} });
    const { subscriptions } = await session.updateFilters(selector, filter);
    expect(subscriptions).toEqual([{ id: 's1', type: 'tvl_changes' }]);
    expect(session.list()).toHaveLength(1);
  });

  it.each([{}, { id: 's1' }, { type: 'protocol', protocol: 'lido' }])(
    'refuses an update that names no filter instead of taking all away: %j',
    (body) => {
      expect(() => parseUpdate(body)).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'filters' }));
    },
  );

  it.each(['protocol', 'chain', 'token'])('refuses a blank or broken %s', (field) => {
    for (const value of ['  ', 'a\u0000b', '']) {
      expect(() => parseSubscribe({ type: 'protocol', protocol: 'lido', [field]: value })).toThrow(
        expect.objectContaining({ code: 'invalid_request', field }),
      );
    }
  });

  it('points into the body as REST does', () => {
    expect(() => parseUpdate({ id: 's1', filters: { chains: 5 } })).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/filters/chains' })] }),
    );
  });

  it('names no field when the whole message is wrong', () => {
    expect(() => parseSubscribe('tvl_changes')).toThrow(expect.objectContaining({ field: undefined }));
  });

  it('is all or nothing: one refused body of an array leaves nothing behind', async () => {
    const { open } = start({ limits: { subscriptionsPerConnection: 2 } });
    const { session, subscribe } = open(caller({ subscriptionTypes: ['tvl_changes'] }));
    await expect(subscribe([{ type: 'tvl_changes' }, { type: 'alerts' }])).rejects.toMatchObject({ code: 'forbidden' });
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      subscribe([0.01, 0.02, 0.05].map((threshold) => ({ type: 'tvl_changes', threshold }))),
    ).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(session.list()).toEqual([]);
  });

  it('lets a key that is restricted to some types use the channels that hold nothing else', async () => {
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

  it('shows rows with an owner to that user only, and to admins who ask for all', async () => {
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

describe('latest', () => {
  it('sends at most one event per key and interval, the newest, in log order, with how many it stands for', async () => {
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

  it('takes mode and interval of the last call, and may hold only so many keys', async () => {
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

  it('never merges events that are no levels', async () => {
    const { log, open, pass } = start();
    const { link, subscribe } = open();
    await subscribe({ type: 'channel', channel: 'events:liquidations', mode: 'latest' });
    log.append({ type: 'liquidation' }, { type: 'liquidation' });
    pass(1_000);
    expect(link.seqs).toEqual([1, 2]);
  });

  it('has no cursor beyond what waits, replays the newest per key, and ends with what waits when it is left', async () => {
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
  it('are told their id, position and limits first, and the position every 15 s', async () => {
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
    const beats = link.named('heartbeat');
    expect(beats).toHaveLength(3);
    expect(beats[0]).toEqual({ cursor: formatCursor(EPOCH, 3), timestamp: expect.stringMatching(/^\d{4}-.*Z$/) });
    hub.stale = true;
    pass(15_000);
    expect(link.named('heartbeat')[3]).toMatchObject({ stale: true });
  });

  it('that read too slowly are switched to latest and told, then closed with their cursor; others notice nothing', async () => {
    const { hub, log, told, open, pass } = start();
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
    expect(told).toEqual(['latest', 'closed']);
    expect(fast.link.seqs).toEqual([1, 2, 3]);
    expect(hub.sessions.size).toBe(1);
    expect(hub.subscriptionCount).toBe(1);
  });

  it('that catch up again after the switch stay, and get what waited', async () => {
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

  it.each(['all', 'latest'] as const)('are closed although they ask for mode %s again and again', async (mode) => {
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
  });

  it('above the hard mark are closed soon', async () => {
    const { log, open, pass } = start();
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes' });
    link.buffered = 2_000_000;
    log.append({});
    pass(2_000);
    expect(link.closed?.reason).toBe('slow_consumer');
  });

  it('end with their token or key, when it expires or is revoked, and never for being silent', async () => {
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

  it('go on with other limits and a later end, and are greeted again', async () => {
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

  it('lose the subscriptions that their key may no longer have, and hear which', async () => {
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

  it.each([-3_600_000, 3_600_000])('get latest events although the clock was set %d ms further', async (step) => {
    const clock = { now: 1_000_000, elapsed: 0 };
    const { hub, log, open } = start({ now: () => clock.now, elapsed: () => clock.elapsed });
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 1_000 });
    log.append({}, {});
    clock.now += step;
    hub.beat((clock.elapsed += 900));
    expect(link.seqs).toEqual([]);
    hub.beat((clock.elapsed += 200));
    expect(link.seqs).toEqual([2]);
    expect(link.closed).toBeUndefined();
  });

  it('can be told something together, by user, or by room', async () => {
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

  it('show who they are', () => {
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

describe('snapshot', () => {
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

  it('comes in parts before live events, with the position it is exact at', async () => {
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

  it('holds what the filter selects and nothing else', async () => {
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

  it('is followed by what changed while its parts were sent', async () => {
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

  it('comes after the replay when both are asked for', async () => {
    const { log, open } = start({ published });
    log.append({}, {});
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', snapshot: true, since: formatCursor(EPOCH, 1) });
    expect(answer).toMatchObject({ recovered: true, replayed: 1, snapshot: { cursor: formatCursor(EPOCH, 2) } });
    expect(link.seqs).toEqual([2]);
  });
});

describe('live queries', () => {
  /** A runner that runs nothing: what is open, by id. */
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

  it('are left by their body: the one it names and no other, whatever its interval', async () => {
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

  it('that are followed already take no further place', async () => {
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

it('subscriptions that are there already take no further place', async () => {
  const { open } = start({ limits: { subscriptionsPerConnection: 3 } });
  const { session, subscribe } = open();
  const bodies = ['aave-v3', 'lido', 'uniswap-v3'].map((protocol) => ({ type: 'protocol', protocol }));
  await subscribe(bodies);
  await subscribe(bodies);
  await subscribe([bodies[0], bodies[0]]);
  expect(session.size).toBe(3);
  await expect(subscribe({ type: 'tvl_changes' })).rejects.toMatchObject({ code: 'limit_exceeded' });
});

it('the interval of a connection is the one it named last, whatever its mode was then', async () => {
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

it('the filters of one connection hold a limited number of names, also after a change', async () => {
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

it('a client that reads nothing is closed also when all it was sent were snapshots', async () => {
  const { open, pass } = start();
  const { link, subscribe } = open();
  link.buffered = 2_000_000;
  await subscribe({ type: 'tvl_changes', snapshot: true });
  pass(2_000);
  expect(link.closed?.reason).toBe('slow_consumer');
});
