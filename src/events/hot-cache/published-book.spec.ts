import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import type { LogEvent } from '../core/log-event.js';
import { PublishedBook, protocolMeta } from './published-book.js';

const value = fc.double({ min: 0, max: 1e12, noNaN: true });
const change = fc.oneof(
  fc.record({
    type: fc.constantFrom('tvl_change' as const, 'tvl_baseline' as const),
    protocol: fc.constantFrom('aave', 'lido'),
    chain: fc.constantFrom('ethereum', 'polygon', 'all', 'staking'),
    current: value,
  }),
  fc.record({
    type: fc.constantFrom('price_change' as const, 'price_baseline' as const),
    token: fc.constantFrom('bitcoin', 'ethereum:0xab'),
    current: value,
  }),
  fc.record({ type: fc.constant('tick' as const) }),
  fc.record({ type: fc.constant('liquidation' as const), protocol: fc.constant('aave'), current: value }),
);
const log = fc
  .array(change, { maxLength: 60 })
  .map((changes) => changes.map((fields, index) => aLogEvent({ ...fields, seq: index + 1 })));

/** Computes the expected book naively: the last value of each key in log order. */
function naive(events: readonly LogEvent[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const { type, protocol, chain, token, current } of events) {
    if (type.startsWith('tvl_')) values.set(`${protocol} ${chain}`, current!);
    if (type.startsWith('price_')) values.set(`${token}`, current!);
  }
  return values;
}

function held(book: PublishedBook): Map<string, number> {
  return new Map([
    ...[...book.all('tvl')].map((entry): [string, number] => [`${entry.protocol} ${entry.chain}`, entry.value]),
    ...[...book.all('price')].map((entry): [string, number] => [`${entry.token}`, entry.value]),
  ]);
}

describe('the in-memory table of published values', () => {
  test('equals a naive replay of the event log', () => {
    fc.assert(
      fc.property(log, (events) => {
        const book = new PublishedBook();
        for (const event of events) book.apply(event);
        expect(held(book)).toEqual(naive(events));
      }),
    );
  });

  test('stays correct when the initial load and the event log overlap', () => {
    fc.assert(
      fc.property(log, fc.nat(60), fc.nat(60), (events, loaded, from) => {
        const book = new PublishedBook();
        for (const event of events.slice(0, loaded)) book.apply(event);
        for (const event of events.slice(Math.min(loaded, from))) book.apply(event);
        expect(held(book)).toEqual(naive(events));
      }),
    );
  });

  test('keeps each protocol total equal to a freshly computed sum', () => {
    fc.assert(
      fc.property(log, (events) => {
        const book = new PublishedBook();
        for (const event of events) {
          book.apply(event);
          const parts = book.tvlOf('aave');
          const real = parts.filter((part) => ['ethereum', 'polygon'].includes(part.chain!));
          const all = parts.find((part) => part.chain === 'all')?.value;
          const total = real.length > 0 ? real.reduce((sum, part) => sum + part.value, 0) : all;
          expect(book.protocolTvl('aave')).toBe(total);
        }
      }),
    );
  });

  test('attaches the newest protocol description to each value', () => {
    const book = new PublishedBook();
    book.apply(aLogEvent({ seq: 1, protocol: 'aave', chain: 'ethereum', current: 5, name: 'Old' }));
    book.putMeta(protocolMeta({ slug: 'aave', name: 'Aave', category: 'Lending', chains: ['ethereum'] }));
    expect(book.tvl('aave', 'ethereum')).toMatchObject({ value: 5, name: 'Aave', category: 'Lending' });
    const changes = [
      { field: 'name', previousValue: 'Aave', currentValue: 'Aave V3' },
      { field: 'symbol', previousValue: null, currentValue: 'AAVE' },
      { field: 'chains', previousValue: [], currentValue: ['ethereum', 'base'] },
      { field: 'metadata', previousValue: {}, currentValue: { status: 'live' } },
    ];
    book.apply(aLogEvent({ seq: 2, type: 'protocol_update', protocol: 'aave', data: { changes } }));
    expect(book.tvl('aave', 'ethereum')).toMatchObject({ name: 'Aave V3', symbol: 'AAVE', category: 'Lending' });
    expect(book.protocol('aave')).toEqual({
      slug: 'aave',
      name: 'Aave V3',
      symbol: 'AAVE',
      category: 'Lending',
      chains: ['ethereum', 'base'],
      url: null,
      metadata: { status: 'live' },
    });
    book.apply(aLogEvent({ seq: 3, protocol: 'aave', chain: 'base', current: 1, name: 'Older' }));
    expect(book.tvl('aave', 'base')).toMatchObject({ name: 'Aave V3' });
  });

  test('clears a field that an update removes', () => {
    const book = new PublishedBook();
    book.putMeta(protocolMeta({ slug: 'aave', name: 'Aave', category: 'Lending', symbol: 'AAVE' }));
    const changes = [{ field: 'category', previousValue: 'Lending', currentValue: null }];
    book.apply(aLogEvent({ type: 'protocol_update', protocol: 'aave', symbol: 'AAVE', data: { changes } }));
    expect(book.protocol('aave')).toMatchObject({ category: null, symbol: 'AAVE' });
  });

  test('stays valid after protocol updates with arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (changes) => {
        const book = new PublishedBook();
        book.apply(aLogEvent({ type: 'protocol_update', protocol: 'p', data: { changes } }));
        expect(book.protocol('p')).toMatchObject({ slug: expect.any(String), chains: expect.any(Array) });
      }),
    );
  });
});
