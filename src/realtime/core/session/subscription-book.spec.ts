import { describe, expect, it } from 'vitest';
import { EPOCH } from '../../../../test/support/data/log-event.js';
import { caller } from '../../../../test/support/servers/realtime-parts.js';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import { formatCursor } from '../../../events/core/index.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../request/parse-socketio.js';

const PRICE = { type: 'price_change', protocol: null, chain: null, token: 'bitcoin' } as const;

describe('subscriptions', () => {
  it('send a matching event once, with all matching channel names in subscription order', async () => {
    const { log, open } = startHub();
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
    const { log, open } = startHub();
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
    const { log, open } = startHub();
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', threshold: 0.07 });
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    log.append({ moved: 0.02 }, { moved: 0.05 }, { moved: 0.2 }, { moved: 0 });
    expect(link.seqs).toEqual([2, 3]);
  });

  it('include the event with which a value leaves their range', async () => {
    const { log, open } = startHub();
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
    const { log, open } = startHub();
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
    const { log, reports, open } = startHub();
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
    const { log, open } = startHub();
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
    const { log, open } = startHub();
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
    const { open } = startHub();
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
    const { open } = startHub();
    const { session, subscribe } = open();
    await subscribe({ type: 'tvl_changes', threshold: 0.05 });
    const { selector, filter, options } = parseUpdate({ mode: 'latest', intervalMs: 500 });
    const answer = await session.updateFilters(selector, filter, options);
    expect(answer.subscriptions).toEqual([{ id: 's1', type: 'tvl_changes', threshold: 0.05 }]);
    expect(session.mode).toBe('latest');
  });

  it('refuse an update to event types that no selected subscription can send', async () => {
    const { open } = startHub();
    const { session, subscribe } = open();
    await subscribe([{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'announcements' }]);
    const { selector, filter } = parseUpdate({ id: 's1', filters: { eventTypes: ['price_change'] } });
    await expect(session.updateFilters(selector, filter)).rejects.toMatchObject({ field: 'eventTypes' });
    expect(session.list()).toMatchObject([{ id: 's1' }, { id: 's2' }, { id: 's3' }]);
    expect(session.list()[0]).not.toHaveProperty('eventTypes');
    expect((await session.updateFilters({}, filter)).subscriptions).toHaveLength(3);
  });

  it('are selected by fields beside `type: protocol` or beside `filters` in an update', async () => {
    const { open } = startHub();
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
    const { open } = startHub();
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
    const { open } = startHub({ limits: { subscriptionsPerConnection: 2 } });
    const { session, subscribe } = open(caller({ subscriptionTypes: ['tvl_changes'] }));
    await expect(subscribe([{ type: 'tvl_changes' }, { type: 'alerts' }])).rejects.toMatchObject({ code: 'forbidden' });
    await expect(subscribe({ type: 'query', query: {} })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      subscribe([0.01, 0.02, 0.05].map((threshold) => ({ type: 'tvl_changes', threshold }))),
    ).rejects.toMatchObject({ code: 'limit_exceeded' });
    expect(session.list()).toEqual([]);
  });

  it('allow a restricted key only channels whose events all belong to its types', async () => {
    const { open } = startHub();
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
    const { log, open } = startHub();
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

it('equal subscriptions count once against the limit of a connection', async () => {
  const { open } = startHub({ limits: { subscriptionsPerConnection: 3 } });
  const { session, subscribe } = open();
  const bodies = ['aave-v3', 'lido', 'uniswap-v3'].map((protocol) => ({ type: 'protocol', protocol }));
  await subscribe(bodies);
  await subscribe(bodies);
  await subscribe([bodies[0], bodies[0]]);
  expect(session.size).toBe(3);
  await expect(subscribe({ type: 'tvl_changes' })).rejects.toMatchObject({ code: 'limit_exceeded' });
});

it('the filters of a connection may contain a limited number of names, even after an update', async () => {
  const { hub, open } = startHub({ limits: { namesPerConnection: 5 } });
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
