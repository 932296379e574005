import type { PoolClient } from 'pg';
import { chainOfToken } from '../core/names.js';
import {
  amount,
  badField,
  itemOf,
  OBSERVATION_FIELDS,
  observation,
  optionalName,
  requiredAmount,
  requiredName,
  text,
} from './item-fields.js';
import {
  tvlKey,
  writePrices,
  writeProtocols,
  writeTvl,
  type PriceRow,
  type ProtocolRow,
  type TvlRow,
} from './table-writer.js';

/** Kind of item of one ingest route: how its items are parsed and written, and what their key is. */
export interface ItemKind<Row> {
  /** Parses an item; throws BadItem. */
  read(value: unknown, now: number): Row;
  key(row: Row): string;
  /**
   * Returns the time of observation that the item contains, Unix milliseconds; undefined if it contains none and counts as
   * observed now.
   */
  givenTime(row: Row): number | undefined;
  /** Writes rows with unique keys; returns the keys of rows that were not older than the stored values. */
  write(tx: PoolClient, rows: readonly Row[]): Promise<readonly string[]>;
}

const SOURCE = 'ingest';
const MAX_CHAINS = 1_024;
/**
 * Maximum characters of an object as JSON: half of the database's limit, because the text form of jsonb contains more
 * spaces.
 */
const MAX_OBJECT_LENGTH = 32_768;
/** Maximum nesting of an object; some JSON parsers are recursive. */
const MAX_OBJECT_DEPTH = 16;
/** Characters that PostgreSQL's jsonb cannot store (NUL and lone surrogates), as JSON.stringify escapes them. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

const TVL_FIELDS = new Set(['protocol', 'chain', 'tvl', ...OBSERVATION_FIELDS]);

export const TVL_ITEMS: ItemKind<TvlRow> = {
  read(value, now) {
    const item = itemOf(value, TVL_FIELDS);
    return {
      protocol: requiredName(item, 'protocol', 'protocol'),
      chain: requiredName(item, 'chain', 'chain'),
      tvl: requiredAmount(item, 'tvl'),
      ...observation(item, now, SOURCE),
    };
  },
  key: tvlKey,
  givenTime,
  write: writeTvl,
};

const PRICE_FIELDS = new Set([
  'token',
  'symbol',
  'chain',
  'price',
  'volume24h',
  'volume_24h',
  'marketCap',
  'market_cap',
  ...OBSERVATION_FIELDS,
]);

export const PRICE_ITEMS: ItemKind<PriceRow> = {
  read(value, now) {
    const item = itemOf(value, PRICE_FIELDS);
    const token = requiredName(item, 'token', 'token');
    return {
      token,
      symbol: text(item, 'symbol', 64) ?? null,
      chain: optionalName(item, 'chain', 'chain') ?? chainOfToken(token),
      price: requiredAmount(item, 'price'),
      volume24h: amount(item, 'volume24h', 'volume_24h') ?? null,
      marketCap: amount(item, 'marketCap', 'market_cap') ?? null,
      ...observation(item, now, SOURCE),
    };
  },
  key: (row) => row.token,
  givenTime,
  write: writePrices,
};

const PROTOCOL_FIELDS = new Set(['slug', 'name', 'symbol', 'category', 'chains', 'url', 'metadata']);

export const PROTOCOL_ITEMS: ItemKind<ProtocolRow> = {
  read(value) {
    const item = itemOf(value, PROTOCOL_FIELDS);
    const name = text(item, 'name', 256)?.trim();
    if (name === undefined || name === '') throw badField('required', 'name', 'is required');
    return {
      slug: requiredName(item, 'slug', 'protocol'),
      name,
      symbol: text(item, 'symbol', 64) ?? null,
      category: text(item, 'category', 128) ?? null,
      chains: chains(item['chains']),
      url: text(item, 'url', 2_048) ?? null,
      metadata: metadata(item['metadata']),
    };
  },
  key: (row) => row.slug,
  givenTime: () => undefined,
  write: writeProtocols,
};

function givenTime({ observedAt, observedNow }: TvlRow | PriceRow): number | undefined {
  return observedNow === true ? undefined : observedAt;
}

function chains(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length > MAX_CHAINS) {
    throw badField('invalid_type', 'chains', `must be a list of at most ${MAX_CHAINS} strings`);
  }
  return [...new Set(value.map((chain: unknown) => requiredName({ chains: chain }, 'chains', 'chain')))];
}

function metadata(value: unknown): Record<string, unknown> | null {
  return value === undefined || value === null ? null : freeFormObject(value, 'metadata');
}

/** Validates an object whose fields the writer may choose: its depth and size are bounded, and jsonb can store it. */
export function freeFormObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badField('invalid_type', field, 'must be an object');
  }
  if (depthOf(value) > MAX_OBJECT_DEPTH) {
    throw badField('too_deep', field, `must be nested at most ${MAX_OBJECT_DEPTH} levels`);
  }
  const json = JSON.stringify(value);
  if (json.length > MAX_OBJECT_LENGTH) {
    throw badField('too_long', field, `must have at most ${MAX_OBJECT_LENGTH} characters of JSON`);
  }
  if (UNSTORABLE.test(json)) {
    throw badField('invalid_format', field, 'must not contain NUL characters or broken Unicode');
  }
  return value as Record<string, unknown>;
}

/** Returns the number of levels of nesting. Not recursive, because a hostile body may be nested deeply. */
function depthOf(value: unknown): number {
  let depth = 0;
  let level = [value];
  while (level.length > 0 && depth <= MAX_OBJECT_DEPTH + 1) {
    level = level.flatMap((entry) => (typeof entry === 'object' && entry !== null ? Object.values(entry) : []));
    depth++;
  }
  return depth;
}
