import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { messageId, parseMessage } from './parse-websocket.js';

function faultOf(value: unknown): { code: string; field: string | undefined } {
  try {
    parseMessage(value);
  } catch (error) {
    if (error instanceof DomainError) return { code: error.code, field: error.field };
    throw error;
  }
  throw new Error(`${JSON.stringify(value)} was accepted`);
}

function outcomeOf(value: unknown): string {
  try {
    parseMessage(value);
    return 'accepted';
  } catch (error) {
    return error instanceof DomainError ? error.code : String(error);
  }
}

describe('`parseMessage`', () => {
  it('returns the same result for the `type` dialect and the `action` dialect', () => {
    const body = { channels: ['prices'], filters: { tokenIds: ['bitcoin'] } };
    const { type: _, ...first } = parseMessage({ type: 'subscribe', ...body });
    const { type: __, ...second } = parseMessage({ action: 'subscribe', ...body });
    expect(first).toEqual(second);
    expect(parseMessage({ type: 'ping', action: 'ping' })).toEqual({ type: 'ping' });
  });

  it('normalises filters: chain aliases, case, order, duplicates, event types and threshold', () => {
    const filters = {
      chains: ['Binance', 'bsc', 'ethereum'],
      tokenIds: ['coingecko:Bitcoin', 'ETHEREUM:0xAB'],
      protocolIds: ['Uniswap-V3'],
      eventTypes: ['price_update', 'price_change'],
      threshold: 0.07,
      minValue: 0,
    };
    expect(parseMessage({ type: 'subscribe', channels: ['prices'], filters })).toMatchObject({
      filter: {
        chains: ['bsc', 'ethereum'],
        tokens: ['bitcoin', 'ethereum:0xab'],
        protocols: ['uniswap-v3'],
        types: ['price_change'],
        threshold: 0.05,
        minValue: 0,
      },
    });
  });

  it('accepts `all: true` to request the events of all users', () => {
    const message = parseMessage({ type: 'subscribe', channels: ['alerts', 'nonsense'], all: true });
    expect(message).toMatchObject({ channels: [{ request: { all: true } }, { request: undefined }] });
  });

  it('keeps an unknown channel name without a subscription request', () => {
    const message = parseMessage({ type: 'subscribe', channels: ['tvl', 'nonsense', 'tvl'] });
    expect(message).toMatchObject({ channels: [{ channel: 'tvl' }, { channel: 'nonsense', request: undefined }] });
  });

  it.each([
    ['a number', 5, undefined],
    ['a list', [], undefined],
    ['null', null, undefined],
    ['no type', {}, 'type'],
    ['an unknown type', { type: 'explode' }, 'type'],
    ['a type that is no text', { type: {} }, 'type'],
    ['`type` and `action` with different values', { type: 'ping', action: 'stats' }, 'action'],
    ['an unknown field', { type: 'ping', surprise: 1 }, 'surprise'],
    ['a member named `__proto__`', JSON.parse('{"type":"ping","__proto__":{"a":1}}'), '__proto__'],
    ['an id that is an object', { type: 'ping', id: {} }, 'id'],
    ['an id that is too long', { type: 'ping', id: 'x'.repeat(129) }, 'id'],
    ['no key', { type: 'authenticate' }, 'apiKey'],
    ['a key that is a number', { type: 'authenticate', apiKey: 5 }, 'apiKey'],
    ['no channels', { type: 'subscribe' }, 'channels'],
    ['empty channels', { type: 'subscribe', channels: [] }, 'channels'],
    ['too many channels', { type: 'subscribe', channels: Array.from({ length: 501 }, (_, i) => `c${i}`) }, 'channels'],
    ['a channel that is an object', { type: 'subscribe', channels: [{}] }, 'channels/0'],
    ['a channel name that is too long', { type: 'subscribe', channels: ['x'.repeat(161)] }, 'channels/0'],
    ['a control character', { type: 'subscribe', channels: ['tvl\n'] }, 'channels/0'],
    ['filters that are a list', { type: 'subscribe', channels: ['tvl'], filters: [] }, 'filters'],
    ['an unknown filter', { type: 'subscribe', channels: ['tvl'], filters: { token: 'x' } }, 'filters.token'],
    ['a negative threshold', { type: 'subscribe', channels: ['tvl'], filters: { threshold: -1 } }, 'filters.threshold'],
    ['a threshold as text', { type: 'subscribe', channels: ['tvl'], filters: { threshold: '1' } }, 'filters.threshold'],
    ['NaN', { type: 'subscribe', channels: ['tvl'], filters: { minValue: Number.NaN } }, 'filters.minValue'],
    ['infinity', { type: 'subscribe', channels: ['tvl'], filters: { maxValue: Infinity } }, 'filters.maxValue'],
    [
      'a minimum above the maximum',
      { type: 'subscribe', channels: ['tvl'], filters: { minValue: 2, maxValue: 1 } },
      'filters.maxValue',
    ],
    [
      'an unknown event type',
      { type: 'subscribe', channels: ['tvl'], filters: { eventTypes: ['x'] } },
      'filters.eventTypes/0',
    ],
    ['a wrong mode', { type: 'subscribe', channels: ['tvl'], mode: 'fast' }, 'mode'],
    ['a wrong interval', { type: 'subscribe', channels: ['tvl'], intervalMs: 1 }, 'intervalMs'],
    [
      'an interval that is no whole number',
      { type: 'subscribe', channels: ['tvl'], intervalMs: 1_000.5 },
      'intervalMs',
    ],
    [
      'an interval of a query that is no whole number',
      { type: 'subscribe', query: {}, intervalMs: 100.5 },
      'intervalMs',
    ],
    ['a since that is no cursor', { type: 'subscribe', channels: ['tvl'], since: 'yesterday' }, 'since'],
    [
      'event types that no channel sends',
      { type: 'subscribe', channels: ['tvl', 'events:protocols'], filters: { eventTypes: ['price_update'] } },
      'filters.eventTypes',
    ],
    ['a snapshot that is a text', { type: 'subscribe', channels: ['tvl'], snapshot: 'yes' }, 'snapshot'],
    ['no filters', { type: 'update_filters' }, 'filters'],
  ])('refuses a message with this fault and names the field: %s', (_, value, field) => {
    expect(faultOf(value)).toEqual({ code: 'invalid_request', field });
  });

  it('accepts event types if the channels produce at least one of them', () => {
    const filters = { eventTypes: ['price_change', 'alert'] };
    expect(outcomeOf({ type: 'subscribe', channels: ['tvl', 'prices'], filters })).toBe('accepted');
    expect(outcomeOf({ type: 'subscribe', channels: ['nonsense'], filters })).toBe('accepted');
  });

  it('needs linear time for a message with many fields', () => {
    // A search through all names for each of them would take minutes, and the test would time out.
    const fields = Array.from({ length: 400_000 }, (_, n) => `"${n.toString(36)}":1`);
    expect(faultOf(JSON.parse(`{${fields.join(',')}}`))).toEqual({ code: 'invalid_request', field: 'type' });
  });

  it('throws no error except `invalid_request`, whatever the message', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.object({ key: fc.constantFrom('type', 'action', 'channels', 'filters', 'id') })),
        (value) => {
          expect(['accepted', 'invalid_request']).toContain(outcomeOf(value));
          expect(['string', 'number', 'undefined']).toContain(typeof messageId(value));
        },
      ),
    );
  });
});

describe('`messageId`', () => {
  it('returns an id that is a string or a number, and undefined otherwise', () => {
    expect([
      messageId({ id: 'a' }),
      messageId({ id: 0 }),
      messageId({ id: {} }),
      messageId(null),
      messageId('id'),
    ]).toEqual(['a', 0, undefined, undefined, undefined]);
  });
});
