import type { NameKind } from '../../events/index.js';
import type { DatasetName, SortKey } from './ast.js';

export type FieldType = 'text' | 'number' | 'time' | 'texts' | 'json';

/** Field of a dataset with its fixed SQL. Client input never becomes SQL. */
export interface Field {
  readonly type: FieldType;
  readonly nullable: boolean;
  /**
   * Returns the SQL of the field's value in the dataset's current rows; `now` is the placeholder for the time of the query.
   */
  sql(now: string): string;
  /**
   * Source of the field in queries with `time`: a property of the series (a column of that name), or the recorded value.
   * Absent: the field has no history.
   */
  readonly history?: 'series' | 'value';
  /**
   * Present if the values of the field are names, such as chains. Names in a query are converted to their canonical spelling;
   * names that no data can have are refused.
   */
  readonly names?: NameKind;
  /** Additional cost of computing the field compared with a column, in rows read. */
  readonly lookups?: number;
  /** Whether the field only appears in rows and cannot be used in conditions, groups or sorting. */
  readonly shownOnly?: boolean;
  /** Whether comparisons ignore case, because sources write the values in different cases. */
  readonly isFolded?: boolean;
  /** SQL type of the field's parameters, if it differs from the default of its `type`. */
  readonly bound?: string;
}

export interface Dataset {
  readonly name: DatasetName;
  readonly fields: Readonly<Record<string, Field>>;
  /** FROM clause of the current rows. */
  readonly from: string;
  /** Condition on rows that applies unless the query has a condition on `chain`. */
  readonly counting?: string;
  /** Fields that identify a row. */
  readonly key: readonly string[];
  readonly defaultSort: readonly SortKey[];
  /** Metric whose recorded series are read if the query has `time`. */
  readonly metric?: 'tvl' | 'price';
  readonly timeField?: string;
}

const column = (type: FieldType, sql: string, extra: Partial<Field> = {}): Field => ({
  type,
  nullable: false,
  sql: () => sql,
  ...extra,
});
const nullable = { nullable: true };
const folded = { isFolded: true };
const protocol = { names: 'protocol' } as const;
const chain = { names: 'chain' } as const;
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
  counting: COUNTING_ROWS,
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
    data: column('json', 'r.data', { ...nullable, shownOnly: true }),
    observed_at: column('time', 'r.observed_at'),
    logged_at: column('time', 'r.logged_at'),
  },
};

const ALL: Readonly<Record<DatasetName, Dataset>> = { tvl, prices, protocols, events };

export function datasetOf(name: DatasetName): Dataset {
  return ALL[name];
}

/** Returns a field by the name that a client sent; never a member that every object inherits. */
export function fieldOf(dataset: Dataset, name: string): Field | undefined {
  return Object.hasOwn(dataset.fields, name) ? dataset.fields[name] : undefined;
}

/** Returns the names of the fields that fit, for answers and messages. */
export function fieldNames(dataset: Dataset, fits: (field: Field) => boolean = () => true): string[] {
  return Object.entries(dataset.fields).flatMap(([name, field]) => (fits(field) ? [name] : []));
}
