import {
  isPseudoChain,
  isRealChain,
  type Changes,
  type ProtocolMeta,
  type PublishedValue,
} from '../../events/index.js';
import { nameInProtocols } from './chain-facts.js';
import type { LlamaProtocol, LlamaPoint } from './compat.dto.js';

/** One entry of `/protocols`. What we do not keep is null, as DefiLlama has it for protocols it knows little of. */
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
    url,
    description: text(metadata['description']),
    chain: chainOf(meta, values),
    logo: text(metadata['logo']),
    gecko_id: text(metadata['gecko_id']),
    cmcId: text(metadata['cmcId']),
    category,
    chains: chainNames(meta, values),
    twitter: text(metadata['twitter']),
    slug,
    tvl,
    chainTvls: chainTvls(values),
    change_1h: changes.change1h,
    change_1d: changes.change24h,
    change_7d: changes.change7d,
    mcap: typeof metadata['mcap'] === 'number' ? metadata['mcap'] : null,
  };
}

/** Every chain and pseudo chain with its value. A source's bare total (`all`) is not a chain and is left out. */
export function chainTvls(values: readonly PublishedValue[]): Record<string, number> {
  const shown = values.filter(({ chain }) => chain !== null && (isRealChain(chain) || isPseudoChain(chain)));
  return Object.fromEntries(
    [...shown]
      .sort((a, b) => b.value - a.value)
      .map(({ chain, value }) => [nameInProtocols(chain ?? '', isPseudoChain), value]),
  );
}

/** Chains with a value, the largest first; then those the protocol merely names. */
export function chainNames(meta: ProtocolMeta, values: readonly PublishedValue[]): string[] {
  const valued = values.filter(({ chain }) => isRealChain(chain ?? '')).sort((a, b) => b.value - a.value);
  const names = [...valued.map(({ chain }) => chain ?? ''), ...meta.chains];
  return [...new Set(names.map((chain) => nameInProtocols(chain, isPseudoChain)))];
}

/** `Multi-Chain` for several, as DefiLlama writes it. */
function chainOf(meta: ProtocolMeta, values: readonly PublishedValue[]): string | null {
  const names = chainNames(meta, values);
  return names.length > 1 ? 'Multi-Chain' : (names[0] ?? null);
}

/** Daily points and the present value as the last one, as DefiLlama ends its series. */
export function withPresent(points: readonly LlamaPoint[], present: number | null, now: number): LlamaPoint[] {
  return present === null ? [...points] : [...points, { date: Math.floor(now / 1_000), totalLiquidityUSD: present }];
}

function text(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}
