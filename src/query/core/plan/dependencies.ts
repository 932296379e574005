import { isDelivered, type LogEvent } from '../../../events/index.js';
import { comparisons, conjuncts, DATASETS, type Condition, type DatasetName, type Query } from '../ast.js';

/** Events that can change a query's answer. */
export interface Dependencies {
  readonly dataset: DatasetName;
  /**
   * Values to which the query is restricted; absent: any value. The chain of a token is no restriction: it may change, and
   * an event contains only the new chain.
   */
  readonly protocols?: ReadonlySet<string>;
  readonly chains?: ReadonlySet<string>;
  readonly tokens?: ReadonlySet<string>;
  /**
   * Whether the answer can change without an event: its range ends at `now`, or it contains changes compared with an earlier
   * time.
   */
  readonly movesWithTime: boolean;
}

/**
 * Types of log rows that change the answers of a dataset. First values and removals are not change events, but they change
 * rows.
 */
const KINDS: Readonly<Record<Exclude<DatasetName, 'events'>, readonly LogEvent['type'][]>> = {
  tvl: ['tvl_change', 'tvl_baseline', 'tvl_removed', 'protocol_update', 'protocol_removed'],
  prices: ['price_change', 'price_baseline', 'price_removed'],
  protocols: ['protocol_update', 'protocol_removed', 'tvl_change', 'tvl_baseline', 'tvl_removed'],
  points: ['points_change', 'onchain_event', 'chain_reorg'],
  onchain: ['onchain_event', 'chain_reorg', 'points_change'],
};
/** Datasets that contain changes compared with an earlier time. */
const OF_CHANGES: ReadonlySet<DatasetName> = new Set(['tvl', 'prices']);

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
      (query.aggregations.length === 0 && OF_CHANGES.has(dataset) && time === undefined),
  };
}

/**
 * Whether an event can change the answer. A false result is always right; a true one may be wrong, because only some
 * restrictions are considered. A protocol's description belongs to all of its chains.
 */
export function affects(event: LogEvent, { dataset, protocols, chains, tokens }: Dependencies): boolean {
  if (!changes(event, dataset)) return false;
  return (
    holds(protocols, event.protocol) &&
    holds(tokens, event.token) &&
    (isDescription(event) || dataset === 'protocols' || holds(chains, event.chain))
  );
}

/** Returns the datasets whose answers an event can change. */
export function datasetsChangedBy(event: LogEvent): DatasetName[] {
  return DATASETS.filter((dataset) => changes(event, dataset));
}

function changes(event: LogEvent, dataset: DatasetName): boolean {
  return dataset === 'events' ? isDelivered(event) : KINDS[dataset].includes(event.type);
}

/** Whether an event changes a protocol's description, which belongs to all of its chains. */
export function isDescription({ type }: LogEvent): boolean {
  return type === 'protocol_update' || type === 'protocol_removed';
}

function holds(values: ReadonlySet<string> | undefined, value: string | null): boolean {
  return values === undefined || (value !== null && values.has(value));
}

/** Returns the values to which conditions that must all hold restrict a field. */
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

/** Whether a time is `now` or relative to it. */
function isRelative(time: string): boolean {
  return time.startsWith('now');
}
