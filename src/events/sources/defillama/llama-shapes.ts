import { isPseudoChain, normaliseChain, normaliseProtocol, normaliseToken, slugOf } from '../../core/names.js';
import type { PriceRow, ProtocolRow, TvlRow } from '../../ingest/table-writer.js';
import { isRecord, text } from './llama-fields.js';
import { readMetadata } from './llama-metadata.js';

/** Parsed answer of the API: rows to write, and the number of unusable entries. */
interface Reading<Row> {
  rows: Row[];
  skipped: number;
}

interface ProtocolsReading {
  protocols: Reading<ProtocolRow>;
  tvl: Reading<TvlRow>;
  /** CoinGecko ids of the protocols' own tokens, in descending order of TVL. */
  tokens: string[];
}

const SOURCE = 'defillama';
/**
 * Maximum amount, US dollars: far above any amount that the API has reported (1e11), but low enough to detect a wrong unit.
 */
const MAX_USD = 1e15;

/** Error for an answer whose format has changed. */
class ChangedShape extends Error {}

/**
 * Parses the answer of `GET /protocols`. Entries without a usable name are skipped; of entries with the same slug, which
 * exist, the one with the highest TVL is used. TVL that is null, negative or above `MAX_USD` is ignored. Of `chainTvls`,
 * pseudo chains (`staking`, `Ethereum-borrowed`) and nulls are ignored; if no real chain remains, the total is stored for
 * the only listed chain, or for `all` if there are several.
 */
export function readProtocols(body: unknown, observedAt: number): ProtocolsReading {
  if (!Array.isArray(body)) throw new ChangedShape('/protocols is not a list');
  const bySlug = new Map<string, LlamaProtocol>();
  let skipped = 0;
  for (const entry of body as unknown[]) {
    const protocol = protocolOf(entry);
    if (protocol === undefined) {
      skipped++;
      continue;
    }
    const known = bySlug.get(protocol.row.slug);
    if (known !== undefined) skipped++;
    if (known === undefined || protocol.total > known.total) bySlug.set(protocol.row.slug, protocol);
  }
  if (body.length > 0 && bySlug.size === 0) throw new ChangedShape('/protocols has no usable entry');
  const kept = [...bySlug.values()];
  const tvl = kept.flatMap(({ row, chains }) => {
    return [...chains].map(([chain, value]) => tvlRow(row.slug, chain, value, observedAt));
  });
  const ranked = [...kept].sort((a, b) => b.total - a.total);
  return {
    protocols: { rows: kept.map(({ row }) => row), skipped },
    tvl: { rows: tvl, skipped: kept.filter(({ chains }) => chains.size === 0).length },
    tokens: [...new Set(ranked.flatMap(({ geckoId }) => (geckoId === undefined ? [] : [geckoId])))],
  };
}

interface LlamaProtocol {
  row: ProtocolRow;
  chains: Map<string, number>;
  total: number;
  geckoId: string | undefined;
}

function protocolOf(entry: unknown): LlamaProtocol | undefined {
  if (!isRecord(entry)) return undefined;
  const name = text(entry['name'], 256);
  const slug = slugIn(entry['slug']) ?? (name === undefined ? undefined : wordOf(slugOf(name)));
  if (name === undefined || slug === undefined) return undefined;
  const listed = (Array.isArray(entry['chains']) ? entry['chains'] : [])
    .map((chain: unknown) => chainOf(chain))
    .filter((chain) => chain !== undefined);
  const chains = [...new Set(listed)];
  const values = chainValues(entry['chainTvls']);
  const total = usd(entry['tvl']);
  if (values.size === 0 && total !== undefined) values.set(chains.length === 1 ? (chains[0] ?? 'all') : 'all', total);
  const gecko = text(entry['gecko_id'], 128);
  return {
    row: {
      slug,
      name,
      symbol: symbolOf(entry['symbol']),
      category: text(entry['category'], 128) ?? null,
      chains,
      url: text(entry['url'], 2_048) ?? null,
      metadata: readMetadata(entry),
    },
    chains: values,
    total: total ?? 0,
    geckoId: gecko !== undefined && /^[a-z0-9][a-z0-9._-]*$/i.test(gecko) ? normaliseToken(gecko) : undefined,
  };
}

function chainValues(given: unknown): Map<string, number> {
  const values = new Map<string, number>();
  for (const [key, entry] of isRecord(given) ? Object.entries(given) : []) {
    const chain = chainOf(key);
    // An object in the answer for one protocol, a number in the list.
    const value = usd(isRecord(entry) ? entry['tvl'] : entry);
    if (chain === undefined || chain === 'all' || isPseudoChain(chain) || value === undefined) continue;
    // Two names of the same chain (`Binance`, `BSC`) stand for the same money: the larger value counts.
    values.set(chain, Math.max(value, values.get(chain) ?? 0));
  }
  return values;
}

/** Parses the answer of `GET /v2/chains` and returns the chains with TVL. */
export function readChains(body: unknown): string[] {
  if (!Array.isArray(body)) throw new ChangedShape('/v2/chains is not a list');
  const chains = (body as unknown[]).flatMap((entry) => {
    const chain = isRecord(entry) && usd(entry['tvl']) !== undefined ? chainOf(entry['name']) : undefined;
    return chain === undefined ? [] : [chain];
  });
  return [...new Set(chains)];
}

/** Parses the answer of `GET /prices/current/{coins}`: each coin has a time in seconds and an optional confidence. */
export function readPrices(body: unknown, now: number): Reading<PriceRow> {
  const coins = isRecord(body) ? body['coins'] : undefined;
  if (!isRecord(coins)) throw new ChangedShape('/prices/current has no coins');
  const rows = new Map<string, PriceRow>();
  let skipped = 0;
  for (const [key, coin] of Object.entries(coins)) {
    const row = priceRow(key, coin, now);
    if (row === undefined) skipped++;
    else rows.set(row.token, row);
  }
  return { rows: [...rows.values()], skipped };
}

function priceRow(key: string, coin: unknown, now: number): PriceRow | undefined {
  if (!isRecord(coin)) return undefined;
  const price = usd(coin['price']);
  const token = wordOf(normaliseToken(key));
  if (price === undefined || token === undefined) return undefined;
  const colon = token.indexOf(':');
  const chain = colon < 0 ? null : chainOf(token.slice(0, colon));
  if (chain === undefined) return undefined;
  const seconds = coin['timestamp'];
  const confidence = coin['confidence'];
  return {
    token,
    symbol: symbolOf(coin['symbol']),
    chain,
    price,
    volume24h: null,
    marketCap: null,
    source: SOURCE,
    confidence: typeof confidence === 'number' && confidence >= 0 && confidence <= 1 ? confidence : 1,
    tags: [],
    observedAt: typeof seconds === 'number' && seconds > 0 ? Math.min(seconds * 1000, now) : now,
  };
}

function tvlRow(protocol: string, chain: string, tvl: number, observedAt: number): TvlRow {
  return { protocol, chain, tvl, source: SOURCE, confidence: 1, tags: [], observedAt };
}

function usd(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_USD)) return undefined;
  // An amount below the smallest value that the tables accept becomes 0.
  return value < 1e-300 ? 0 : value;
}

/** Returns the symbol; null for `-`, which the API writes for a protocol without a token. */
function symbolOf(value: unknown): string | null {
  const symbol = text(value, 64);
  return symbol === undefined || symbol === '-' ? null : symbol;
}

function wordOf(value: unknown): string | undefined {
  const slug = text(value, 128);
  return slug === undefined || /\s/.test(slug) ? undefined : slug;
}

function slugIn(value: unknown): string | undefined {
  const slug = wordOf(value);
  return slug === undefined ? undefined : normaliseProtocol(slug);
}

function chainOf(value: unknown): string | undefined {
  const name = text(value, 64);
  const chain = name === undefined ? '' : normaliseChain(name);
  return chain === '' || chain.length > 64 ? undefined : chain;
}
