import type { ClientBase } from 'pg';

/** Common columns of observed rows. */
interface ObservedRow {
  source: string;
  confidence: number;
  tags: readonly string[];
  /** Time of the observation, Unix milliseconds. */
  observedAt: number;
  /**
   * Whether the writer gave no time. The row then counts as observed now, and as later than the stored row, whatever the
   * clocks show.
   */
  observedNow?: boolean;
}

/** One observed TVL. */
export interface TvlRow extends ObservedRow {
  protocol: string;
  chain: string;
  tvl: number;
}

/** One observed price. Null fields keep the stored values. */
export interface PriceRow extends ObservedRow {
  token: string;
  symbol: string | null;
  chain: string | null;
  price: number;
  volume24h: number | null;
  marketCap: number | null;
}

/** One protocol. Null fields keep the stored values. */
export interface ProtocolRow {
  slug: string;
  name: string;
  symbol: string | null;
  category: string | null;
  chains: readonly string[] | null;
  url: string | null;
  metadata: Readonly<Record<string, unknown>> | null;
}

export const tvlKey = (row: { protocol: string; chain: string }): string => `${row.protocol}\n${row.chain}`;

/** Restricts the rest of the transaction to the rights of an SQL writer. */
export async function becomeWriter(tx: ClientBase, correlationId?: string): Promise<void> {
  await tx.query('SET LOCAL ROLE rta_writer');
  if (correlationId !== undefined) await tx.query(`SELECT set_config('rta.correlation_id', $1, true)`, [correlationId]);
}

/**
 * Upserts all rows in one statement; `rows` must not contain a key twice. All writers lock keys in the same order, so that
 * they cannot deadlock. Returns the keys (`tvlKey`) that were written; rows older than the stored ones are not.
 */
export async function writeTvl(tx: ClientBase, rows: readonly TvlRow[]): Promise<string[]> {
  return writeObserved<TvlRow>(tx, rows, {
    key: tvlKey,
    upsert: UPSERT_TVL,
    stored: STORED_TVL,
    columns: (sorted) => [
      sorted.map((row) => row.protocol),
      sorted.map((row) => row.chain),
      sorted.map((row) => row.tvl),
    ],
  });
}

/** Upserts prices like `writeTvl`; the keys are tokens. */
export async function writePrices(tx: ClientBase, rows: readonly PriceRow[]): Promise<string[]> {
  return writeObserved<PriceRow>(tx, rows, {
    key: (row) => row.token,
    upsert: UPSERT_PRICES,
    stored: STORED_PRICES,
    columns: (sorted) => [
      sorted.map((row) => row.token),
      sorted.map((row) => row.symbol),
      sorted.map((row) => row.chain),
      sorted.map((row) => row.price),
      sorted.map((row) => row.volume24h),
      sorted.map((row) => row.marketCap),
    ],
  });
}

interface ObservedTable<Row> {
  key(row: Row): string;
  /** Statement with `columns` and the columns of the observation as parameters; returns the keys that it wrote. */
  upsert: string;
  /** Statement with keys as parameter; returns `key` and `observed_at` in Unix milliseconds, rounded up. */
  stored: string;
  columns(rows: readonly Row[]): unknown[][];
}

async function writeObserved<Row extends ObservedRow>(
  tx: ClientBase,
  rows: readonly Row[],
  table: ObservedTable<Row>,
): Promise<string[]> {
  const sorted = sortedBy(rows, table.key);
  const parameters = [...table.columns(sorted), ...observationColumns(sorted)];
  const { rows: written } = await tx.query<{ key: string }>(table.upsert, parameters);
  const keys = written.map(({ key }) => key);
  if (keys.length === rows.length) return keys;
  const done = new Set(keys);
  const late = sorted.filter((row) => row.observedNow === true && !done.has(table.key(row)));
  if (late.length === 0) return keys;
  // The upsert has locked these rows, so their times cannot change: the second attempt always writes.
  const { rows: stored } = await tx.query<{ key: string; observed_at: number }>(table.stored, [late.map(table.key)]);
  const times = new Map(stored.map((row) => [row.key, row.observed_at]));
  const after = late.map((row) => ({ ...row, observedNow: false, observedAt: (times.get(table.key(row)) ?? 0) + 1 }));
  return [...keys, ...(await writeObserved(tx, after, table))];
}

/**
 * Upserts protocols like `writeTvl`; the keys are slugs, and every row is written. Rows that would stay the same are not
 * updated. Metadata replaces the stored object; with `members`, only those members of it, which belong to this writer.
 */
export async function writeProtocols(
  tx: ClientBase,
  rows: readonly ProtocolRow[],
  members: readonly string[] | null = null,
): Promise<string[]> {
  const sorted = sortedBy(rows, (row) => row.slug);
  const columns = [
    sorted.map((row) => row.slug),
    sorted.map((row) => row.name),
    sorted.map((row) => row.symbol),
    sorted.map((row) => row.category),
    sorted.map((row) => (row.chains === null ? null : arrayText(row.chains))),
    sorted.map((row) => row.url),
    sorted.map((row) => (row.metadata === null ? null : JSON.stringify(row.metadata))),
  ];
  await tx.query(ADD_PROTOCOLS, columns);
  await tx.query(CHANGE_PROTOCOLS, [...columns, members]);
  return sorted.map((row) => row.slug);
}

function observationColumns(rows: readonly ObservedRow[]): unknown[] {
  return [
    rows.map((row) => row.source),
    rows.map((row) => row.confidence),
    rows.map((row) => arrayText(row.tags)),
    rows.map((row) => row.observedAt / 1000),
  ];
}

function sortedBy<T>(rows: readonly T[], key: (row: T) => string): T[] {
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Returns PostgreSQL's text form of a text[]. A parameter cannot be an array of arrays of different lengths. */
function arrayText(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(',')}}`;
}

const UPSERT_TVL = `
INSERT INTO protocol_tvl AS t (protocol, chain, tvl, source, confidence, tags, observed_at)
SELECT u.protocol, u.chain, u.tvl, u.source, u.confidence, u.tags::text[], to_timestamp(u.observed_at)
FROM unnest($1::text[], $2::text[], $3::float8[], $4::text[], $5::real[], $6::text[], $7::float8[])
  AS u (protocol, chain, tvl, source, confidence, tags, observed_at)
ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl, source = excluded.source,
  confidence = excluded.confidence, tags = excluded.tags, observed_at = excluded.observed_at
WHERE t.observed_at <= excluded.observed_at
RETURNING t.protocol || E'\\n' || t.chain AS key`;

/** Time of the stored row in milliseconds, rounded up, so that a millisecond later is certainly after the row. */
const STORED_AT = 'ceil(extract(epoch FROM observed_at) * 1000)::float8 AS observed_at';

const STORED_TVL = `
SELECT protocol || E'\\n' || chain AS key, ${STORED_AT} FROM protocol_tvl
WHERE (protocol, chain) IN (SELECT split_part(key, E'\\n', 1), split_part(key, E'\\n', 2) FROM unnest($1::text[]) AS key)`;

const STORED_PRICES = `SELECT token AS key, ${STORED_AT} FROM token_prices WHERE token = ANY ($1)`;

const UPSERT_PRICES = `
INSERT INTO token_prices AS t (token, symbol, chain, price, volume_24h, market_cap, source, confidence, tags, observed_at)
SELECT u.token, u.symbol, u.chain, u.price, u.volume_24h, u.market_cap, u.source, u.confidence, u.tags::text[],
  to_timestamp(u.observed_at)
FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::text[], $8::real[],
  $9::text[], $10::float8[])
  AS u (token, symbol, chain, price, volume_24h, market_cap, source, confidence, tags, observed_at)
ON CONFLICT (token) DO UPDATE SET symbol = coalesce(excluded.symbol, t.symbol),
  chain = coalesce(excluded.chain, t.chain), price = excluded.price,
  volume_24h = coalesce(excluded.volume_24h, t.volume_24h), market_cap = coalesce(excluded.market_cap, t.market_cap), source = excluded.source, confidence = excluded.confidence, tags = excluded.tags,
  observed_at = excluded.observed_at
WHERE t.observed_at <= excluded.observed_at
RETURNING t.token AS key`;

const GIVEN_PROTOCOLS = `
unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  AS u (slug, name, symbol, category, chains, url, metadata)`;

const ADD_PROTOCOLS = `
INSERT INTO protocols (slug, name, symbol, category, chains, url, metadata)
SELECT slug, name, symbol, category, coalesce(chains::text[], '{}'), url, coalesce(metadata::jsonb, '{}')
FROM ${GIVEN_PROTOCOLS}
ON CONFLICT (slug) DO NOTHING`;

/**
 * Expressions for the new row, computed from the row as it is when it is locked, so that concurrent writers keep each
 * other's fields.
 */
const WANTED_PROTOCOL = `u.name, coalesce(u.symbol, t.symbol), coalesce(u.category, t.category),
  coalesce(u.chains::text[], t.chains), coalesce(u.url, t.url), coalesce(CASE
    WHEN $8::text[] IS NULL THEN u.metadata::jsonb
    -- Both together may be more than the table takes, and stored before its limit of levels.
    WHEN length((t.metadata - $8 || u.metadata::jsonb)::text) <= 65536 AND has_few_levels(t.metadata - $8)
      THEN t.metadata - $8 || u.metadata::jsonb
    END, t.metadata)`;

const CHANGE_PROTOCOLS = `
WITH changed AS MATERIALIZED (
  SELECT u.* FROM ${GIVEN_PROTOCOLS} JOIN protocols t ON t.slug = u.slug
  WHERE (t.name, t.symbol, t.category, t.chains, t.url, t.metadata) IS DISTINCT FROM (${WANTED_PROTOCOL})
  ORDER BY u.slug COLLATE "C" FOR UPDATE OF t
)
UPDATE protocols t SET (name, symbol, category, chains, url, metadata, updated_at) = ROW (${WANTED_PROTOCOL}, now())
FROM changed u WHERE t.slug = u.slug`;
