import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { channelsOf, isShortChannel, parseChannel } from './channels.js';
import { parseEventId } from './event-id.js';
import { EVENT_TYPES, type EventType } from './event-catalogue.js';
import type { LogEvent } from './log-event.js';
import { eventPayload } from './payload.js';

const at = Date.parse('2026-05-01T12:00:00.000Z');

const event = <T extends LogEvent['type']>(fields: Partial<LogEvent> & { type: T }): LogEvent & { type: T } =>
  aLogEvent({ seq: 36, epoch: 'abc', ...fields }, at);

describe('`eventPayload`', () => {
  it('returns a TVL change in percent, with the common fields and without internal fields', () => {
    const payload = eventPayload(
      event({
        type: 'tvl_change',
        protocol: 'uniswap-v3',
        chain: 'ethereum',
        name: 'Uniswap V3',
        category: 'Dexes',
        previous: 2_500,
        current: 2_750,
        moved: 0.1,
        protocolTvl: 4_000,
        tags: ['dex'],
        correlationId: 'c-1',
        owner: 'someone',
        traceParent: '00-1',
      }),
    );
    expect(payload).toEqual({
      eventId: expect.any(String),
      cursor: 'abc-00000000010',
      eventType: 'tvl_change',
      timestamp: '2026-05-01T12:00:00.000Z',
      source: 'test',
      confidence: 1,
      tags: ['dex'],
      correlationId: 'c-1',
      protocol: 'uniswap-v3',
      name: 'Uniswap V3',
      category: 'Dexes',
      chain: 'ethereum',
      previousTvl: 2_500,
      currentTvl: 2_750,
      changePercent: 10,
      changeAbsolute: 250,
      moved: 0.1,
      protocolTvl: 4_000,
    });
    expect(parseEventId(payload.eventId)).toMatchObject({ loggedAt: at, seq: 36 });
  });

  it('returns no percentage for a change from zero, and rounds floating-point noise', () => {
    expect(eventPayload(event({ type: 'price_change', token: 'x', previous: 0, current: 3 }))).toMatchObject({
      changePercent: null,
      changeAbsolute: 3,
      previousPrice: 0,
    });
    expect(eventPayload(event({ type: 'price_change', token: 'x', previous: 0.1, current: 0.3 }))).toMatchObject({
      changeAbsolute: 0.2,
      changePercent: 200,
    });
  });

  it('returns the changed fields of a protocol', () => {
    const changes = [{ field: 'name', previousValue: 'A', currentValue: 'B' }];
    expect(
      eventPayload(event({ type: 'protocol_update', protocol: 'p', data: { updateType: 'metadata', changes } })),
    ).toMatchObject({ protocol: 'p', updateType: 'metadata', changes });
    expect(eventPayload(event({ type: 'protocol_update' }))).toMatchObject({ updateType: 'metadata', changes: [] });
  });

  it('nests the data of a market event under `data` and omits an absent token', () => {
    const payload = eventPayload(event({ type: 'liquidation', protocol: 'aave', data: { amount: 7 } }));
    expect(payload).toMatchObject({ protocol: 'aave', data: { amount: 7 } });
    expect(payload).not.toHaveProperty('token');
  });

  it('merges alert data into the payload without replacing common fields', () => {
    expect(
      eventPayload(
        event({ type: 'alert', protocol: 'aave', data: { alertId: 'a', cursor: 'forged', source: 'forged' } }),
      ),
    ).toMatchObject({ alertId: 'a', cursor: 'abc-00000000010', source: 'test', protocol: 'aave' });
  });

  it.each(EVENT_TYPES)('returns a payload for the event type %s', (type: EventType) => {
    expect(eventPayload(event({ type }))).toMatchObject({ eventType: type });
  });
});

describe('event channels', () => {
  it.each<[Partial<LogEvent> & { type: LogEvent['type'] }, string[]]>([
    [
      { type: 'tvl_change', protocol: 'p', chain: 'bsc' },
      ['events:tvl', 'events:protocol:p', 'events:chain:bsc', 'events:chain:bsc:tvl'],
    ],
    [
      { type: 'price_change', token: 'bsc:0x1', chain: 'bsc' },
      ['events:prices', 'events:token:bsc:0x1', 'events:chain:bsc', 'events:chain:bsc:prices'],
    ],
    [{ type: 'price_change', token: 'btc' }, ['events:prices', 'events:token:btc']],
    [{ type: 'protocol_update', protocol: 'p' }, ['events:protocols', 'events:protocol:p']],
    [{ type: 'governance', protocol: 'p' }, ['events:governance', 'events:protocol:p']],
    [{ type: 'alert', protocol: 'p' }, ['events:alerts']],
    [{ type: 'chain_reorg', chain: 'bsc' }, ['events:onchain']],
    [{ type: 'tick' }, []],
    [{ type: 'tvl_baseline', protocol: 'p' }, []],
  ])('are derived from the event %o', (fields, expected) => {
    expect(channelsOf(event(fields))).toEqual(expected);
    for (const channel of expected) expect(parseChannel(channel)?.types).toContain(fields.type);
  });

  it('accept chain names with spaces and capital letters and keep their spelling', () => {
    expect(parseChannel('events:chain:op mainnet')).toMatchObject({ chain: 'op mainnet' });
    expect(parseChannel('events:chain:OP Mainnet:tvl')).toEqual({ types: ['tvl_change'], chain: 'OP Mainnet' });
  });

  it('are parsed into event types and a chain or token', () => {
    expect(parseChannel('events:token:ethereum:0xabc')).toMatchObject({ token: 'ethereum:0xabc' });
    expect(parseChannel('events:chain:bsc:prices')).toEqual({ types: ['price_change'], chain: 'bsc' });
    expect(parseChannel('protocols')).toEqual({ types: ['tvl_change', 'protocol_update'] });
  });

  it.each([
    '',
    'events',
    'events:token:',
    'events:chain:a:b',
    'events:chain:a:tvl:x',
    'constructor',
    'events:chain: ',
    'events:protocol:a b',
    `events:chain:${'x'.repeat(65)}`,
    `events:protocol:${'x'.repeat(129)}`,
  ])('are not parsed from the invalid name "%s"', (name) => {
    expect(parseChannel(name)).toBeUndefined();
  });

  it('have short names such as `tvl` and `prices`', () => {
    expect(['tvl', 'prices', 'events:tvl', 'toString'].map(isShortChannel)).toEqual([true, true, false, false]);
  });
});
