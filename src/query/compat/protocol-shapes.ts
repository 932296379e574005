import {
  isPseudoChain,
  isRealChain,
  type Changes,
  type ProtocolMeta,
  type PublishedValue,
} from '../../events/index.js';
import { nameInProtocols } from './chain-facts.js';
import type { LlamaProtocol, LlamaPoint } from './compat.dto.js';
import type { DailyLevel } from './daily-levels.js';

/**
 * Returns one entry of `/protocols`. Members that clients usually process are never null but empty texts or lists. Other
 * members are null if unknown, as in DefiLlama's answers.
 */
export function protocolShape(
  meta: ProtocolMeta,
  values: readonly PublishedValue[],
  tvl: number | null,
  changes: Changes,
): LlamaProtocol {
  const { slug, name, symbol, category, url, metadata } = meta;
  return {
    id: text(metadata['id']) ?? slug,
    name,
    address: text(metadata['address']),
    symbol: symbol ?? '-',
    url: url ?? '',
    description: text(metadata['description']),
    chain: chainOf(meta, values),
    logo: text(metadata['logo']) ?? '',
    audits: text(metadata['audits']) ?? '0',
    audit_note: text(metadata['audit_note']),
    audit_links: texts(metadata['audit_links']),
    gecko_id: text(metadata['gecko_id']),
    cmcId: text(metadata['cmcId']),
    category: category ?? '',
    chains: chainNames(meta, values),
    module: text(metadata['module']) ?? '',
    twitter: text(metadata['twitter']),
    forkedFrom: texts(metadata['forkedFrom']),
    oracles: texts(metadata['oracles']),
    listedAt: number(metadata['listedAt']),
    methodology: text(metadata['methodology']) ?? '',
    parentProtocol: text(metadata['parentProtocol']),
    slug,
    tvl,
    chainTvls: chainTvls(values),
    change_1h: changes.change1h,
    change_1d: changes.change24h,
    change_7d: changes.change7d,
    mcap: number(metadata['mcap']),
  };
}

/** Returns the value of every chain and pseudo chain. A total without chains (`all`) is not a chain and is omitted. */
export function chainTvls(values: readonly PublishedValue[]): Record<string, number> {
  const shown = values.filter(({ chain }) => chain !== null && (isRealChain(chain) || isPseudoChain(chain)));
  return Object.fromEntries(
    [...shown]
      .sort((a, b) => b.value - a.value)
      .map(({ chain, value }) => [nameInProtocols(chain ?? '', isPseudoChain), value]),
  );
}

/** Returns the chains with a value, in descending order, then chains that the protocol only lists. */
function chainNames(meta: ProtocolMeta, values: readonly PublishedValue[]): string[] {
  const valued = values.filter(({ chain }) => isRealChain(chain ?? '')).sort((a, b) => b.value - a.value);
  const names = [...valued.map(({ chain }) => chain ?? ''), ...meta.chains];
  return [...new Set(names.map((chain) => nameInProtocols(chain, isPseudoChain)))];
}

/** Returns the chain's name; `Multi-Chain` for several chains, like DefiLlama. */
function chainOf(meta: ProtocolMeta, values: readonly PublishedValue[]): string | null {
  const names = chainNames(meta, values);
  return names.length > 1 ? 'Multi-Chain' : (names[0] ?? null);
}

/** Appends the current value to the daily values, as in DefiLlama's series. */
export function withPresent(levels: readonly DailyLevel[], present: number | undefined, now: number): DailyLevel[] {
  if (present === undefined) return [...levels];
  const date = Math.floor(now / 1_000);
  // At exactly midnight, the current value replaces the point of today's start.
  return [...levels.filter((point) => point.date < date), { date, level: present }];
}

export function asPoints(levels: readonly DailyLevel[]): LlamaPoint[] {
  return levels.map(({ date, level }) => ({ date, totalLiquidityUSD: level }));
}

function text(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Returns a list of texts; a single text counts as a list of one. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
