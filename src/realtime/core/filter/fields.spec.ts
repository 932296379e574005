import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { validateSync } from 'class-validator';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogEvent, PublishedValue } from '../../../events/index.js';
import { SOCKET_IO_FILTERS, WEB_SOCKET_FILTERS } from '../../asyncapi/filter.schemas.js';
import { FilterBody } from '../../management/filter-properties.js';
import { STREAM_BODY_SCHEMA } from '../../transports/sse/stream-body.schema.js';
import { filterAnswer } from '../../transports/websocket/answers.js';
import { FIELD_NAMES, FIELDS, FILTER_FIELDS, spellingOf, type FieldName } from './fields.js';
import { assertCompared, FilterIndex } from './filter-index.js';
import { compileFilter, matches, mismatches } from './filter.js';
import { parseStreamBody, parseStreamQuery } from '../request/parse-sse.js';
import { parseSelector, parseSubscribe, parseUpdate } from '../request/parse-socketio.js';
import { parseMessage } from '../request/parse-websocket.js';
import type { Session } from '../session/session.js';
import { collectSnapshot } from '../session/snapshot.js';
import { SubscriptionBook } from '../session/subscription-book.js';
import { Subscription } from '../session/subscription.js';
import type { SubscriptionFilter, SubscriptionRequest } from './subscription-request.js';

interface Sample<Name extends FieldName> {
  /** Value as clients send it, which is also its canonical form; `other` is a different value. */
  readonly value: Required<SubscriptionFilter>[Name];
  readonly other: Required<SubscriptionFilter>[Name];
  /** Members of an event that the filter `value` refuses and every other sample accepts. */
  readonly refuses: Partial<LogEvent>;
}

const SAMPLES = {
  protocols: { value: ['lido'], other: ['aave-v3'], refuses: { protocol: 'aave-v3' } },
  chains: { value: ['base'], other: ['ethereum'], refuses: { chain: 'ethereum' } },
  tokens: { value: ['bitcoin'], other: ['ethereum'], refuses: { type: 'price_change', token: 'ethereum' } },
  types: { value: ['tvl_change'], other: ['price_change'], refuses: { type: 'price_change' } },
  threshold: { value: 0.05, other: 0.1, refuses: { moved: 0.02 } },
  minValue: { value: 10, other: 11, refuses: { previous: 8, current: 9 } },
  maxValue: { value: 20, other: 19, refuses: { previous: 21, current: 22 } },
  finality: { value: 'final', other: 'instant', refuses: { type: 'onchain_event', data: { status: 'pending' } } },
} satisfies { readonly [Name in FieldName]: Sample<Name> };

/** Conditions on what only events have. */
const NOT_OF_VALUES: readonly string[] = ['threshold', 'finality'];

const TAKEN = {
  type: 'tvl_change',
  protocol: 'lido',
  chain: 'base',
  token: 'bitcoin',
  previous: 12,
  current: 13,
  moved: 0.05,
  owner: null,
};
const eventWith = (fields: Partial<LogEvent>) => ({ ...TAKEN, ...fields }) as unknown as LogEvent;
const all = (filter: SubscriptionFilter): SubscriptionRequest => ({ type: 'channel', channel: 'events:tvl', filter });
const compiled = (filter: SubscriptionFilter) => compileFilter(all(filter));

function indexOf(filter: SubscriptionFilter): FilterIndex<Subscription> {
  const index = new FilterIndex<Subscription>();
  index.add(new Subscription({} as Session, 's1', 1, all(filter), compiled(filter), 0, 0));
  return index;
}

/**
 * Returns the product's files that contain the word, without specs and READMEs, and without the client: its package stands
 * alone, and test/contract/client-types.test.ts compares its filter with this table.
 */
function filesWith(word: RegExp): string[] {
  const root = join(import.meta.dirname, '../../../..');
  return ['src', 'migrations'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|js|html)$/.test(name) && !name.endsWith('.spec.ts'))
      .map((name) => join(folder, name))
      .filter((name) => !name.startsWith('src/client/'))
      .filter((name) => word.test(readFileSync(join(root, name), 'utf8'))),
  );
}

/** Files of `GET /v1/movers`: its parameter of the same name is not a filter field. */
const OF_MOVERS = [
  'src/console/static/api.js',
  'src/events/lookups/markets/market-lookups.ts',
  'src/events/lookups/markets/markets.dto.ts',
];

it('the filter field `minValue` is spelled out in at most three source files', () => {
  const files = filesWith(/\bminValue\b/).filter((name) => !OF_MOVERS.includes(name));
  expect(files).toContain('src/realtime/core/filter/subscription-request.ts');
  expect(files.length).toBeLessThanOrEqual(3);
});

describe.each(FIELD_NAMES)('the filter field %s', (name) => {
  const { value, other, refuses } = SAMPLES[name];
  const field = FILTER_FIELDS[name];
  const filter: SubscriptionFilter = { [name]: value };
  const refused = eventWith(refuses);

  it('is parsed under its name on every transport', () => {
    const [common, ofWebSocket] = [{ [field.name]: value }, { [spellingOf(field, 'webSocket')]: value }];
    const query = new URLSearchParams([[field.name, String(value)]]);
    const message = parseMessage({ type: 'subscribe', channels: ['tvl'], filters: ofWebSocket });
    expect(message.type === 'subscribe' && message.filter).toEqual(filter);
    expect(parseSubscribe({ type: 'tvl_changes', ...common }).requests[0]?.filter).toEqual(filter);
    expect(parseSelector(common)).toEqual(filter);
    expect(parseUpdate({ id: 's1', filters: common }).filter).toEqual(filter);
    expect(parseStreamQuery(query, undefined).requests[0]?.filter).toEqual(filter);
    expect(parseStreamBody(common, new URLSearchParams(), undefined).requests[0]?.filter).toEqual(filter);
  });

  it('is refused next to a query and with a value of the wrong type', () => {
    const common = { [field.name]: value };
    expect(() => parseSubscribe({ type: 'query', query: {}, ...common })).toThrow(
      `${field.name} is not allowed beside`,
    );
    expect(() => parseStreamBody({ query: {}, ...common }, new URLSearchParams(), undefined)).toThrow(
      'not allowed beside',
    );
    expect(() => parseSubscribe({ type: 'tvl_changes', [field.name]: {} })).toThrow(`${field.name} must be`);
    const faults = validateSync(Object.assign(new FilterBody(), { [field.name]: {} }));
    expect(faults.map(({ property }) => property)).toEqual([field.name]);
    expect(validateSync(Object.assign(new FilterBody(), common))).toEqual([]);
  });

  it('is returned and documented under its name', () => {
    const session = { identity: { caller: { role: 'reader' } } } as Session;
    const one = new Subscription(session, 's1', 1, all(filter), compiled(filter), 0, 0);
    expect(one.describe()).toMatchObject({ [field.name]: value });
    expect(filterAnswer(filter)).toEqual({ [spellingOf(field, 'webSocket')]: value });
    expect(Object.keys(SOCKET_IO_FILTERS)).toContain(field.name);
    expect(Object.keys(WEB_SOCKET_FILTERS)).toContain(spellingOf(field, 'webSocket'));
    expect(Object.keys(STREAM_BODY_SCHEMA.properties)).toContain(field.name);
  });

  it('rejects an event with its condition, in the filter index too', () => {
    expect(mismatches(compiled({}), refused)).toEqual([]);
    expect(indexOf({}).match(refused)).toHaveLength(1);
    expect(mismatches(compiled(filter), refused)).toEqual([field.condition]);
    expect(matches(compiled(filter), refused)).toBe(false);
    expect(indexOf(filter).match(refused)).toHaveLength(0);
    expect(indexOf(filter).match(eventWith({}))).toHaveLength(1);
  });

  it('separates subscriptions with different values into different groups', () => {
    const keys = [{}, filter, { [name]: other }].map((one) => compiled(one).key);
    // `instant` is what a subscription without the field receives.
    expect(new Set(keys).size).toBe(other === 'instant' ? 2 : 3);
  });

  it('selects only the subscriptions with the same value', () => {
    const host = { limits: { subscriptionsPerConnection: 9, namesPerConnection: 9 }, now: () => 0, register: () => {} };
    const session = { identity: { caller: { role: 'reader' } } } as Session;
    const book = new SubscriptionBook(session, host as unknown as ConstructorParameters<typeof SubscriptionBook>[1]);
    book.add([all(filter), all({ [name]: other })]);
    expect(book.find(filter).map(({ request }) => request.filter)).toEqual([filter]);
  });

  it('applies to snapshots unless published values do not have the field', async () => {
    const { type, protocol, token, chain, current } = refused;
    const metric = type === 'price_change' ? 'price' : 'tvl';
    const published = { metric, protocol, token, chain, value: current } as PublishedValue;
    const values = {
      tvlOf: (slug: string) => (metric === 'tvl' && slug === protocol ? [published] : []),
      price: (id: string) => (metric === 'price' && id === token ? published : undefined),
      all: (asked: string) => (asked === metric ? [published] : []),
    };
    expect(await collectSnapshot(values, compiled({}))).toHaveLength(1);
    expect(await collectSnapshot(values, compiled(filter))).toHaveLength(
      NOT_OF_VALUES.includes(field.condition) ? 1 : 0,
    );
  });
});

it('two filters have the same group key exactly if all compared members are equal', () => {
  const some = fc.record(
    Object.fromEntries(
      FIELD_NAMES.map((name) => [name, fc.constantFrom<unknown>(SAMPLES[name].value, SAMPLES[name].other)]),
    ),
    { requiredKeys: [] },
  );
  const request = fc.record(
    {
      type: fc.constant('channel' as const),
      filter: some,
      about: fc.record({ protocol: fc.constant(['lido']), chain: fc.constant(['base']) }, { requiredKeys: [] }),
      all: fc.boolean(),
    },
    { requiredKeys: ['type', 'filter'] },
  );
  fc.assert(
    fc.property(request, request, fc.constantFrom('filter', 'about', 'all'), (one, changes, part) => {
      const another = { ...one, [part]: changes[part] };
      const [{ key, ...members }, { key: otherKey, ...otherMembers }] = [compileFilter(one), compileFilter(another)];
      expect(key === otherKey).toBe(isDeepStrictEqual(members, otherMembers));
    }),
    { numRuns: 300 },
  );
});

it('the filter index refuses to load if it does not compare a filter member', () => {
  expect(() => assertCompared(['types', 'minConfidence'])).toThrow('does not compare minConfidence');
});

it('the names and places of filter fields are unique', () => {
  const [names, ofWebSocket] = [FIELDS.map(({ name }) => name), FIELDS.map((field) => spellingOf(field, 'webSocket'))];
  const places = FIELDS.map(({ place }) => place);
  for (const given of [new Set(names), new Set(ofWebSocket), new Set(places)]) expect(given.size).toBe(FIELDS.length);
});
