import type { Aggregation, DatasetName } from './ast.js';
import { onchain, points } from './chain-datasets.js';
import { chain, column, nullable, type Dataset, type Field, type FieldType } from './dataset-fields.js';

const folded = { isFolded: true };
const protocol = { names: 'protocol' } as const;
const token = { names: 'token' } as const;

/**
 * Returns the field of a change as a fraction of the last value at or before an earlier time; null if there is no such
 * value, it is 0, or the result exceeds the range of a number. Takes two index look-ups.
 */
const change = (metric: 'tvl' | 'price', value: string, subject: string, ofChain: string, interval: string): Field => ({
  type: 'number',
  nullable: true,
  lookups: 8,
  sql: (now) => `(SELECT CASE WHEN h.value = 0 OR (h.value < 1 AND ${value} > h.value * 1e300) THEN NULL
    ELSE (${value} - h.value) / h.value END
  FROM metric_series m CROSS JOIN LATERAL (SELECT coalesce(
    (SELECT q.value FROM metric_points q WHERE q.series_id = m.id AND q.at <= ${now} - interval '${interval}'
     ORDER BY q.at DESC, q.seq DESC LIMIT 1),
    (SELECT q.close FROM metric_hourly q WHERE q.series_id = m.id AND q.bucket <= ${now} - interval '${interval}'
     AND q.closed_at <= ${now} - interval '${interval}' ORDER BY q.bucket DESC LIMIT 1)) AS value) h
  WHERE m.metric = '${metric}' AND m.subject = ${subject} AND m.chain = ${ofChain})`,
});

const changes = (metric: 'tvl' | 'price', value: string, subject: string, ofChain: string) => ({
  change_1h: change(metric, value, subject, ofChain, '1 hour'),
  change_24h: change(metric, value, subject, ofChain, '24 hours'),
  change_7d: change(metric, value, subject, ofChain, '168 hours'),
});

/**
 * Confidence, converted by its shortest decimal form: the stored real 0.9 converted directly to a double is
 * 0.8999999761581421, which is not `gte` 0.9.
 */
const confidence = column('number', 'r.confidence::text::float8');

const observation = {
  source: column('text', 'r.source'),
  confidence,
  tags: column('texts', 'r.tags'),
  observed_at: column('time', 'r.observed_at'),
};

/** Condition on rows that count towards totals: those of real chains; that of `all` if the protocol has no real chain. */
const COUNTING_ROWS = `(is_real_chain(r.chain) OR (r.chain = 'all' AND NOT EXISTS (SELECT FROM protocol_tvl o
    WHERE o.protocol = r.protocol AND is_real_chain(o.chain))))`;

const tvl: Dataset = {
  name: 'tvl',
  metric: 'tvl',
  from: 'protocol_tvl r LEFT JOIN protocols p ON p.slug = r.protocol',
  counting: { sql: COUNTING_ROWS, unless: 'chain' },
  key: ['protocol', 'chain'],
  defaultSort: [{ field: 'tvl', order: 'desc' }],
  fields: {
    protocol: column('text', 'r.protocol', { history: 'series', ...protocol }),
    chain: column('text', 'r.chain', { history: 'series', ...chain }),
    tvl: column('number', 'r.tvl', { history: 'value' }),
    name: column('text', 'p.name', { history: 'series', ...nullable }),
    category: column('text', 'p.category', { history: 'series', ...nullable, ...folded }),
    symbol: column('text', 'p.symbol', { history: 'series', ...nullable }),
    ...changes('tvl', 'r.tvl', 'r.protocol', 'r.chain'),
    ...observation,
  },
};

const prices: Dataset = {
  name: 'prices',
  metric: 'price',
  from: 'token_prices r',
  key: ['token'],
  defaultSort: [{ field: 'market_cap', order: 'desc' }],
  fields: {
    token: column('text', 'r.token', { history: 'series', ...token }),
    symbol: column('text', 'r.symbol', { history: 'series', ...nullable }),
    chain: column('text', 'r.chain', { history: 'series', ...nullable, ...chain }),
    price: column('number', 'r.price', { history: 'value' }),
    volume_24h: column('number', 'r.volume_24h', nullable),
    market_cap: column('number', 'r.market_cap', nullable),
    ...changes('price', 'r.price', 'r.token', `''`),
    ...observation,
  },
};

const protocols: Dataset = {
  name: 'protocols',
  from: `protocols r LEFT JOIN (SELECT t.protocol, coalesce(sum(t.tvl) FILTER (WHERE is_real_chain(t.chain)),
      max(t.tvl) FILTER (WHERE t.chain = 'all')) AS tvl FROM protocol_tvl t GROUP BY t.protocol) v ON v.protocol = r.slug`,
  key: ['protocol'],
  defaultSort: [{ field: 'tvl', order: 'desc' }],
  fields: {
    protocol: column('text', 'r.slug', protocol),
    name: column('text', 'r.name'),
    symbol: column('text', 'r.symbol', nullable),
    category: column('text', 'r.category', { ...nullable, ...folded }),
    chains: column('texts', 'r.chains', chain),
    url: column('text', 'r.url', nullable),
    tvl: column('number', 'v.tvl', nullable),
    updated_at: column('time', 'r.updated_at'),
  },
};

/** Events without an owner and those of the caller, whose user id is set on the connection (QueryPool). */
const events: Dataset = {
  name: 'events',
  from: 'readable_events r',
  timeField: 'logged_at',
  key: ['seq'],
  defaultSort: [{ field: 'seq', order: 'desc' }],
  fields: {
    seq: column('number', 'r.seq', { shownOnly: true, bound: 'bigint' }),
    cursor: column('text', 'r.cursor', { shownOnly: true }),
    event_type: column('text', 'r.type'),
    protocol: column('text', 'r.protocol', { ...nullable, ...protocol }),
    chain: column('text', 'r.chain', { ...nullable, ...chain }),
    token: column('text', 'r.token', { ...nullable, ...token }),
    name: column('text', 'r.name', nullable),
    category: column('text', 'r.category', { ...nullable, ...folded }),
    symbol: column('text', 'r.symbol', nullable),
    previous: column('number', 'r.previous', nullable),
    current: column('number', 'r.current', nullable),
    change: column('number', 'r.change', nullable),
    moved: column('number', 'r.moved', nullable),
    volume_24h: column('number', 'r.volume_24h', nullable),
    market_cap: column('number', 'r.market_cap', nullable),
    source: column('text', 'r.source'),
    confidence,
    tags: column('texts', 'r.tags'),
    data: column('json', 'r.data', { ...nullable, shownOnly: true, isLong: true }),
    observed_at: column('time', 'r.observed_at'),
    logged_at: column('time', 'r.logged_at'),
  },
};

const ALL: Readonly<Record<DatasetName, Dataset>> = { tvl, prices, protocols, events, points, onchain };

export function datasetOf(name: DatasetName): Dataset {
  return ALL[name];
}

/** Returns a field by the name that a client sent; never a member that every object inherits. */
export function fieldOf(dataset: Dataset, name: string): Field | undefined {
  return Object.hasOwn(dataset.fields, name) ? dataset.fields[name] : undefined;
}

/** Returns the type of an aggregate: decimals stay exact, except for means. */
export function aggregateType({ operation, field = '' }: Aggregation, dataset: Dataset): FieldType {
  const isExact = operation !== 'avg' && !operation.startsWith('count');
  return isExact && fieldOf(dataset, field)?.type === 'decimal' ? 'decimal' : 'number';
}

/** Returns the names of the fields that fit, for answers and messages. */
export function fieldNames(dataset: Dataset, fits: (field: Field) => boolean = () => true): string[] {
  return Object.entries(dataset.fields).flatMap(([name, field]) => (fits(field) ? [name] : []));
}
