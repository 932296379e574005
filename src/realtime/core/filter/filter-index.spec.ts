import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FINALITIES, STEPS, type EventType, type LogEvent } from '../../../events/core/index.js';
import type { FieldName } from './fields.js';
import { compileFilter, matches, mismatches } from './filter.js';
import { FilterIndex } from './filter-index.js';
import type { Session } from '../session/session.js';
import { SUBSCRIPTION_TYPES, type SubscriptionRequest } from './subscription-request.js';
import { Subscription } from '../session/subscription.js';
import { aTvlChange } from '../../../../test/support/data/log-event.js';

const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const protocols = ['aave-v3', 'lido', 'uniswap-v3'];
const chains = ['ethereum', 'base', 'all'];
const tokens = ['bitcoin', 'ethereum'];
const types: EventType[] = [
  'tvl_change',
  'price_change',
  'protocol_update',
  'liquidation',
  'onchain_event',
  'chain_reorg',
];
const listOf = (values: string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 });
const step = fc.constantFrom(0, ...STEPS);

const request: fc.Arbitrary<SubscriptionRequest> = fc
  .record({
    type: fc.constantFrom(...SUBSCRIPTION_TYPES),
    filter: fc.record({
      types: some(fc.uniqueArray(fc.constantFrom(...types), { minLength: 1 })),
      protocols: some(listOf(protocols)),
      chains: some(listOf(chains)),
      tokens: some(listOf(tokens)),
      threshold: some(step),
      minValue: some(fc.integer({ min: 0, max: 10 })),
      maxValue: some(fc.integer({ min: 0, max: 10 })),
      finality: some(fc.constantFrom(...FINALITIES)),
    } satisfies Record<FieldName, unknown>),
    about: some(
      fc.record({ protocol: listOf(protocols), chain: listOf(chains), token: listOf(tokens) }, { requiredKeys: [] }),
    ),
  })
  .map((made) => made as SubscriptionRequest);

const value = fc.option(fc.integer({ min: 0, max: 10 }), { nil: null });
const event: fc.Arbitrary<LogEvent> = fc
  .record({
    type: fc.constantFrom(...types),
    protocol: fc.option(fc.constantFrom(...protocols), { nil: null }),
    chain: fc.option(fc.constantFrom(...chains), { nil: null }),
    token: fc.option(fc.constantFrom(...tokens), { nil: null }),
    previous: value,
    current: value,
    moved: fc.option(step, { nil: null }),
    data: fc.constantFrom(null, { status: 'pending' }, { status: 'final' }, { status: 'final', repeat: true }),
  })
  .map((fields) => aTvlChange(1, fields));

/** Routing uses no member of a session. */
const nobody = {} as Session;
let made = 0;
const subscriptionOf = (asked: SubscriptionRequest) =>
  new Subscription(nobody, `s${++made}`, made, asked, compileFilter(asked), 0, 0);

const found = (index: FilterIndex<Subscription>, one: LogEvent) =>
  index
    .match(one)
    .flatMap((group) => group.members.map(({ id }) => id))
    .sort();

it('a filter matches an event exactly if `mismatches` returns no failed condition', () => {
  fc.assert(
    fc.property(request, event, (asked, one) => {
      const filter = compileFilter(asked);
      expect(matches(filter, one)).toBe(mismatches(filter, one).length === 0);
    }),
    { numRuns: 2_000 },
  );
});

describe('the filter index', () => {
  it('finds the same subscriptions as a naive comparison with every filter, each once', () => {
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 30 }),
        fc.array(event, { minLength: 1, maxLength: 20 }),
        (asked, events) => {
          const index = new FilterIndex<Subscription>();
          const all = asked.map(subscriptionOf);
          for (const subscription of all) index.add(subscription);
          for (const one of events) {
            const naive = all.filter(({ filter }) => matches(filter, one)).map(({ id }) => id);
            expect(found(index, one)).toEqual(naive.sort());
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('matches a naive comparison after random additions and removals, and ends empty', () => {
    const change = fc.record({ asked: request, remove: fc.boolean(), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), event, (changes, one) => {
        const index = new FilterIndex<Subscription>();
        const held: Subscription[] = [];
        for (const { asked, remove, pick } of changes) {
          const [gone] = remove && held.length > 0 ? held.splice(pick % held.length, 1) : [];
          if (gone) index.remove(gone);
          else {
            const added = subscriptionOf(asked);
            held.push(added);
            index.add(added);
          }
          const naive = held.filter(({ filter }) => matches(filter, one)).map(({ id }) => id);
          expect(found(index, one)).toEqual(naive.sort());
        }
        for (const subscription of held) index.remove(subscription);
        expect(index.size).toBe(0);
        expect(index.match(one)).toHaveLength(0);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps one group for equal filters, whatever the order of their values', () => {
    const index = new FilterIndex<Subscription>();
    index.add(subscriptionOf({ type: 'tvl_changes', filter: { protocols: ['lido', 'aave-v3'], threshold: 0.05 } }));
    index.add(subscriptionOf({ type: 'tvl_changes', filter: { protocols: ['aave-v3', 'lido'], threshold: 0.05 } }));
    index.add(
      subscriptionOf({
        type: 'channel',
        selects: ['tvl_change'],
        filter: { protocols: ['aave-v3', 'lido'], threshold: 0.05 },
      }),
    );
    expect(index.size).toBe(1);
  });

  it('finds the one matching group among 10,000 protocols and thresholds', () => {
    const index = new FilterIndex<Subscription>();
    for (let i = 0; i < 10_000; i++) {
      index.add(
        subscriptionOf({ type: 'tvl_changes', filter: { protocols: [`p${i}`], threshold: STEPS[i % 9] ?? 0 } }),
      );
    }
    const before = index.size;
    expect(before).toBe(10_000);
    expect(index.match(aTvlChange(1, { protocol: 'p77', moved: 0.5 }))).toHaveLength(1);
    expect(index.match(aTvlChange(1, { protocol: 'p77', moved: 0.001 }))).toHaveLength(0);
  });
});
