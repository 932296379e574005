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
 * Returns one entry of `/protocols`. Members that clients process further are never null: texts are empty, lists are empty. The
 * others are null where nothing is known, as DefiLlama has them for little-known protocols.
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

/** Returns every chain and pseudo chain with its value. A source's bare total (`all`) is not a chain and is left out. */
export function chainTvls(values: readonly PublishedValue[]): Record<string, number> {
  const shown = values.filter(({ chain }) => chain !== null && (isRealChain(chain) || isPseudoChain(chain)));
  return Object.fromEntries(
    [...shown]
      .sort((a, b) => b.value - a.value)
      .map(({ chain, value }) => [nameInProtocols(chain ?? '', isPseudoChain), value]),
  );
}

/** Returns chains with a value, the largest first; then those that the protocol only names. */
export function chainNames(meta: ProtocolMeta, values: readonly PublishedValue[]): string[] {
  const valued = values.filter(({ chain }) => isRealChain(chain ?? '')).sort((a, b) => b.value - a.value);
  const names = [...valued.map(({ chain }) => chain ?? ''), ...meta.chains];
  return [...new Set(names.map((chain) => nameInProtocols(chain, isPseudoChain)))];
}

/** Returns the only chain, or `Multi-Chain` for several, as DefiLlama writes it. */
function chainOf(meta: ProtocolMeta, values: readonly PublishedValue[]): string | null {
  const names = chainNames(meta, values);
  return names.length > 1 ? 'Multi-Chain' : (names[0] ?? null);
}

/** Appends the present value to daily levels, as DefiLlama ends its series. */
export function withPresent(levels: readonly DailyLevel[], present: number | undefined, now: number): DailyLevel[] {
  if (present === undefined) return [...levels];
  const date = Math.floor(now / 1_000);
  // Replaces today's point: at midnight the day's start is the present.
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

/** Returns a list of texts; a single text stands for a list of one. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
