import { isDelivered, type LogEvent, type LogType } from '../../events/index.js';
import { comparisons, conjuncts, type Condition, type DatasetName, type Query } from './ast.js';

/** What has to happen before a query's answer can be another one. */
export interface Dependencies {
  readonly dataset: DatasetName;
  /**
   * Values the query is bound to; absent: any. A token's chain binds nothing: it may change, and an event tells the new one
   * only.
   */
  readonly protocols?: ReadonlySet<string>;
  readonly chains?: ReadonlySet<string>;
  readonly tokens?: ReadonlySet<string>;
  /** The answer also moves while nothing happens: a window that ends now, or a change against a time ago. */
  readonly movesWithTime: boolean;
}

/** First values and removals are no change events, but other rows. */
const KINDS: Readonly<Record<Exclude<DatasetName, 'events'>, readonly LogType[]>> = {
  tvl: ['tvl_change', 'tvl_baseline', 'tvl_removed', 'protocol_update', 'protocol_removed'],
  prices: ['price_change', 'price_baseline', 'price_removed'],
  protocols: ['protocol_update', 'protocol_removed', 'tvl_change', 'tvl_baseline', 'tvl_removed'],
};

const RELATIVE_FIELDS = ['change_1h', 'change_24h', 'change_7d'];

export function dependenciesOf(query: Query): Dependencies {
  const { dataset, where, time } = query;
  return {
    dataset,
    ...bound('protocols', where, 'protocol'),
    ...(dataset === 'prices' ? {} : bound('chains', where, 'chain')),
    ...bound('tokens', where, 'token'),
    movesWithTime:
      (time !== undefined && (isRelative(time.from) || isRelative(time.to))) ||
      usedFields(query).some((field) => RELATIVE_FIELDS.includes(field)) ||
      (query.aggregations.length === 0 && dataset !== 'protocols' && dataset !== 'events' && time === undefined),
  };
}

/**
 * Whether an event of the log can change the answer. Only what is bound for certain is looked at, so it may say yes in vain
 * and never says no in error. A protocol's description belongs to all of its chains.
 */
export function affects(event: LogEvent, { dataset, protocols, chains, tokens }: Dependencies): boolean {
  if (dataset === 'events' ? !isDelivered(event) : !KINDS[dataset].includes(event.type)) return false;
  return (
    holds(protocols, event.protocol) &&
    holds(tokens, event.token) &&
    (isDescription(event) || dataset === 'protocols' || holds(chains, event.chain))
  );
}

/** It belongs to all chains of its protocol. */
export function isDescription({ type }: LogEvent): boolean {
  return type === 'protocol_update' || type === 'protocol_removed';
}

function holds(values: ReadonlySet<string> | undefined, value: string | null): boolean {
  return values === undefined || (value !== null && values.has(value));
}

/** The values of a field in conditions that must all hold. */
function bound(
  name: 'protocols' | 'chains' | 'tokens',
  where: Condition | undefined,
  field: string,
): Partial<Dependencies> {
  for (const condition of conjuncts(where)) {
    if (condition.kind !== 'compare' || condition.field !== field) continue;
    if (condition.operator !== 'eq' && condition.operator !== 'in') continue;
    return { [name]: new Set(condition.values.map(String)) };
  }
  return {};
}

function usedFields({ where, aggregations, sort, groupBy }: Query): string[] {
  return [
    ...comparisons(where).map(({ field }) => field),
    ...aggregations.flatMap(({ field }) => field ?? []),
    ...sort.map(({ field }) => field),
    ...groupBy,
  ];
}

/** `now` and what is counted from it. */
function isRelative(time: string): boolean {
  return time.startsWith('now');
}
