import { join } from 'node:path';
import ts from 'typescript';
import { expect, expectTypeOf, it } from 'vitest';
import { connect, type EventType, type Filter, type Snapshot, type StreamMessage } from '../../src/client/index.js';
import { EVENT_TYPES, type EventType as CatalogueType } from '../../src/events/core/index.js';
import { eventSpec } from '../../src/events/core/event-catalogue.js';
import { eventBody } from '../../src/realtime/asyncapi/event.schemas.js';
import { FIELDS } from '../../src/realtime/core/filter/fields.js';

interface PropertySchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly PropertySchema[];
  readonly oneOf?: readonly PropertySchema[];
  readonly $ref?: string;
}

const folder = join(import.meta.dirname, '../../src/client');
const program = ts.createProgram([join(folder, 'index.ts')], {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2023,
});
const checker = program.getTypeChecker();

function typeOf(file: string, name: string): ts.Type {
  const source = program.getSourceFile(join(folder, file))!;
  const found = checker.getExportsOfModule(checker.getSymbolAtLocation(source)!).find((one) => one.name === name)!;
  return checker.getDeclaredTypeOfSymbol(found);
}

const flag = (one: ts.Symbol): string => (one.flags & ts.SymbolFlags.Optional ? '?' : '');
const isNullable = (type: ts.Type): boolean =>
  type.isUnion() && type.types.some(({ flags }) => (flags & ts.TypeFlags.Null) !== 0);

/** Returns the members of a type as `name`, `name?` if optional, with ` | null` if nullable. */
function membersOf(type: ts.Type): string[] {
  return type
    .getProperties()
    .map((one) => `${one.name}${flag(one)}${isNullable(checker.getTypeOfSymbol(one)) ? ' | null' : ''}`)
    .sort();
}

/** Returns the same of a JSON schema. */
function membersOfSchema({ properties, required }: { properties: Record<string, PropertySchema>; required: string[] }) {
  const permitsNull = (schema: PropertySchema): boolean =>
    [schema.type].flat().includes('null') || [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].some(permitsNull);
  return Object.entries(properties)
    .map(([name, schema]) => `${name}${required.includes(name) ? '' : '?'}${permitsNull(schema) ? ' | null' : ''}`)
    .sort();
}

it('the event types of the client are those of the catalogue', () => {
  expectTypeOf<EventType>().toEqualTypeOf<CatalogueType>();
  expect(membersOf(typeOf('events.ts', 'EventFields'))).toEqual([...EVENT_TYPES].sort());
});

it.each(EVENT_TYPES)('the fields of %s in the client are those in the AsyncAPI document', (type) => {
  const union = typeOf('events.ts', 'DefiEvent') as ts.UnionType;
  const event = union.types.find((one) => {
    const name = checker.getTypeOfSymbol(one.getProperty('eventType')!);
    return name.isStringLiteral() && name.value === type;
  })!;
  const schema = eventBody(type) as unknown as Parameters<typeof membersOfSchema>[0];
  expect(membersOf(event)).toEqual(membersOfSchema(schema));
});

it('the filter of the client has every field of the table of filters, and no other', () => {
  const own = ['all', 'channels', 'query', 'snapshot'];
  const members = typeOf('filter.ts', 'EventFilter').getProperties();
  const names = members.map(({ name }) => name).filter((name) => !own.includes(name));
  expect(names.sort()).toEqual(FIELDS.map(({ name }) => name).sort());
});

it('the channels of the client are those of the catalogue', () => {
  const channels = typeOf('filter.ts', 'Channel') as ts.UnionType;
  const names = channels.types.flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
  const known = EVENT_TYPES.flatMap((type) => [eventSpec(type).channel, ...eventSpec(type).alsoIn]);
  expect(names.sort()).toEqual([...new Set(known)].sort());
});

it('a filter with a typo does not compile', () => {
  const filters: Filter[] = [
    { protocols: ['uniswap-v3'], chains: ['ethereum'], threshold: 0.05, eventTypes: ['tvl_change'] },
    { channels: ['events:token:bitcoin', 'alerts'], snapshot: true },
    { query: { dataset: 'protocols' }, intervalMs: 1_000 },
    // @ts-expect-error the name of a field
    { protocol: ['uniswap-v3'] },
    // @ts-expect-error the name of a channel
    { channels: ['events:tvls'] },
    // @ts-expect-error the name of an event type
    { eventTypes: ['tvl_changed'] },
    // @ts-expect-error the type of a value
    { threshold: '5 %' },
    // @ts-expect-error a filter beside a query
    { query: {}, chains: ['base'] },
  ];
  expect(filters).toHaveLength(8);
  expect(connect).toBeTypeOf('function');
});

it('messages are distinguished by `eventType`', () => {
  const price = (message: StreamMessage) =>
    message.eventType === 'price_change' ? message.currentPrice : message.eventType === 'gap' ? message.reason : null;
  expectTypeOf(price).returns.toEqualTypeOf<
    number | 'cursor_expired' | 'replay_limit' | 'epoch' | 'slow_consumer' | null
  >();
  const values = ({ items }: Snapshot) => items.map((item) => (item.metric === 'tvl' ? item.tvl : item.price));
  expect(values({ eventType: 'snapshot', items: [], cursor: '' })).toEqual([]);
});
