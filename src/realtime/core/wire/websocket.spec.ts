import { describe, expect, it } from 'vitest';
import { aTvlChange } from '../../../../test/support/data/log-event.js';
import { EncodedEvent, type DeliveredEvent } from './encoded-event.js';
import { websocketMessage, websocketText } from './websocket.js';

const references = { changes: () => ({ change1h: 1, change24h: -2.5, change7d: null }) };
const encoded = (fields: object) => new EncodedEvent(aTvlChange(7, fields) as DeliveredEvent, references);
const update = (event: EncodedEvent, channels: string[], merged?: number) =>
  JSON.parse(websocketText(event, channels, merged)) as Record<string, unknown>;

describe('websocketText', () => {
  it('adds type, channels and aliases to the contract fields, with times in milliseconds', () => {
    const event = encoded({});
    expect(update(event, ['tvl', 'events:chain:ethereum'])).toEqual({
      type: 'tvl_update',
      channel: 'tvl',
      channels: ['tvl', 'events:chain:ethereum'],
      cursor: event.cursor,
      data: {
        ...event.payload,
        timestamp: 1_700_000_000_000,
        protocolId: 'aave-v3',
        tvl: 110,
        change24h: -2.5,
      },
      timestamp: 1_700_000_000_000,
    });
  });

  it('adds the price aliases `coin`, `tokenId` and `price`', () => {
    const event = encoded({ type: 'price_change', protocol: null, token: 'bitcoin', current: 67_500 });
    expect(update(event, ['prices'], 3)).toMatchObject({
      type: 'price_update',
      merged: 3,
      data: { coin: 'bitcoin', tokenId: 'bitcoin', price: 67_500, change24h: -2.5, currentPrice: 67_500 },
    });
  });

  it('escapes special characters in names, tags and channels', () => {
    const event = encoded({ name: '</script>"\u2028', tags: ['"'] });
    expect(update(event, ['events:token:"'])).toMatchObject({
      channel: 'events:token:"',
      data: { name: '</script>"\u2028' },
    });
  });
});

describe('websocketMessage', () => {
  it('returns one flat object with times in milliseconds', () => {
    const timestamp = '2026-01-01T00:00:00.000Z';
    const items = [{ metric: 'tvl', timestamp }];
    const message = JSON.parse(websocketMessage('snapshot', { items, timestamp, part: 1 })) as unknown;
    const milliseconds = Date.parse(timestamp);
    expect(message).toEqual({
      type: 'snapshot',
      items: [{ metric: 'tvl', timestamp: milliseconds }],
      timestamp: milliseconds,
      part: 1,
    });
  });

  it('wraps errors in `error` and announcements in `data`', () => {
    expect(JSON.parse(websocketMessage('error', { code: 'forbidden' }))).toEqual({
      type: 'error',
      error: { code: 'forbidden' },
    });
    const announcement = websocketMessage('system_announcement', {
      message: 'Maintenance',
      timestamp: '1970-01-01T00:00:01.000Z',
    });
    expect(JSON.parse(announcement)).toEqual({
      type: 'system_announcement',
      data: { message: 'Maintenance' },
      timestamp: 1000,
    });
  });
});
