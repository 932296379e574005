import { Injectable } from '@nestjs/common';
import {
  chainName,
  ChangeReferences,
  HotCache,
  isPseudoChain,
  isRealChain,
  normaliseChain,
  normaliseToken,
  PublishedState,
  undescribed,
  type Changes,
  type ProtocolMeta,
} from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { chainFact, nameInProtocols } from './chain-facts.js';
import type { LlamaChain, LlamaChainPoint, LlamaCoins, LlamaProtocol, LlamaProtocolHistory } from './compat.dto.js';
import { DailyLevels, type DailyLevel } from './daily-levels.js';
import { chainNames, chainTvls, protocolShape, withPresent } from './protocol-shapes.js';

/** Left out of chain totals, as DefiLlama leaves them out: they count money twice or hold none of DeFi's. */
const NOT_IN_CHAIN_TOTALS = ['cex', 'chain', 'liquid staking'];
const NO_CHANGES: Changes = { change1h: null, change24h: null, change7d: null };
const MOST_COINS = 500;

/** What DefiLlama's free routes answer, from our published values and daily aggregates. */
@Injectable()
export class LlamaLookups {
  constructor(
    private readonly published: PublishedState,
    private readonly cache: HotCache,
    private readonly references: ChangeReferences,
    private readonly levels: DailyLevels,
    private readonly clock: Clock,
  ) {}

  /** Largest first. */
  protocols(): LlamaProtocol[] {
    const metas = new Map<string, ProtocolMeta>();
    for (const slug of this.published.valuedProtocols()) metas.set(slug, undescribed(slug));
    for (const meta of this.published.protocols()) metas.set(meta.slug, meta);
    return [...metas.values()].map((meta) => this.shape(meta)).sort((a, b) => (b.tvl ?? -1) - (a.tvl ?? -1));
  }

  async protocol(slug: string): Promise<LlamaProtocolHistory> {
    const values = this.published.tvlOf(slug);
    const meta = this.published.protocol(slug);
    if (!meta && values.length === 0) throw new DomainError('not_found', 'There is no protocol of this slug.');
    const [byChain, total] = await Promise.all([this.levels.byChain(slug), this.levels.of({ protocol: slug })]);
    const { id, name, symbol, url, description, category, mcap } = this.shape(meta ?? undescribed(slug));
    const now = this.clock.now();
    const present = new Map(values.map(({ chain, value }) => [chain ?? '', value]));
    const chains = [...new Set([...byChain.keys(), ...present.keys()])].filter((chain) => chain !== 'all');
    const histories = chains.map((chain) => [
      nameInProtocols(chain, isPseudoChain),
      {
        tvl: withPresent(asPoints(byChain.get(chain) ?? []), present.get(chain) ?? null, now),
        tokensInUsd: [],
        tokens: [],
      },
    ]);
    return {
      id,
      name,
      symbol,
      url,
      description,
      category,
      slug,
      mcap,
      chains: chainNames(meta ?? undescribed(slug), values),
      currentChainTvls: chainTvls(values),
      chainTvls: Object.fromEntries(histories),
      tvl: withPresent(asPoints(total), this.published.protocolTvl(slug) ?? null, now),
    };
  }

  tvl(slug: string): number {
    const tvl = this.published.protocolTvl(slug);
    if (tvl === undefined) throw new DomainError('not_found', 'There is no TVL of this protocol.');
    return tvl;
  }

  chains(): LlamaChain[] {
    return [...this.chainTotals()].map(([chain, tvl]) => {
      const { geckoId, symbol, cmcId, chainId } = chainFact(chain);
      return { gecko_id: geckoId, tvl, tokenSymbol: symbol, cmcId, name: chainName(chain), chainId };
    });
  }

  /** Without a chain: everything, protocols of which only a total is known included. */
  async history(chain?: string): Promise<LlamaChainPoint[]> {
    const name = chain === undefined ? undefined : normaliseChain(chain);
    const choice = { ...(name !== undefined && { chain: name }), withoutCategories: NOT_IN_CHAIN_TOTALS };
    const levels = name !== undefined && !isRealChain(name) ? [] : await this.levels.of(choice);
    const present = name === undefined ? this.total() : this.chainTotals().get(name);
    if (levels.length === 0 && present === undefined)
      throw new DomainError('not_found', 'There is no TVL of this chain.');
    const points = levels.map(({ date, level }) => ({ date, tvl: level }));
    return present === undefined ? points : [...points, { date: Math.floor(this.clock.now() / 1_000), tvl: present }];
  }

  async coins(list: string): Promise<LlamaCoins> {
    const asked = [...new Set(list.split(',').map((coin) => coin.trim()))].filter((coin) => coin !== '');
    if (asked.length > MOST_COINS) {
      throw new DomainError('limit_exceeded', `At most ${MOST_COINS} coins per request; ask in several.`, {
        field: 'coins',
      });
    }
    const values = await this.cache.prices(asked.map(normaliseToken));
    const coins: LlamaCoins['coins'] = {};
    for (const [index, coin] of asked.entries()) {
      const value = values[index];
      if (!value) continue;
      const { value: price, symbol, observedAt, confidence } = value;
      // defineProperty: a coin may be called `__proto__`.
      const answer = { price, symbol: symbol ?? '', timestamp: Math.floor(observedAt / 1_000), confidence };
      Object.defineProperty(coins, coin, { value: answer, enumerable: true });
    }
    return { coins };
  }

  private shape(meta: ProtocolMeta): LlamaProtocol {
    const tvl = this.published.protocolTvl(meta.slug) ?? null;
    const changes = tvl === null ? NO_CHANGES : this.references.changes('tvl', meta.slug, null, tvl);
    return protocolShape(meta, this.published.tvlOf(meta.slug), tvl, changes);
  }

  /** Of each real chain, largest first. */
  private chainTotals(): Map<string, number> {
    const totals = new Map<string, number>();
    for (const { chain, value, category } of this.published.all('tvl')) {
      if (chain === null || !isRealChain(chain) || isLeftOut(category)) continue;
      totals.set(chain, (totals.get(chain) ?? 0) + value);
    }
    return new Map([...totals].sort(([, a], [, b]) => b - a));
  }

  /** Of all protocols; undefined before there is any. */
  private total(): number | undefined {
    let total: number | undefined;
    for (const slug of this.published.valuedProtocols()) {
      if (isLeftOut(this.published.protocol(slug)?.category)) continue;
      const tvl = this.published.protocolTvl(slug);
      if (tvl !== undefined) total = (total ?? 0) + tvl;
    }
    return total;
  }
}

function isLeftOut(category: string | null | undefined): boolean {
  return typeof category === 'string' && NOT_IN_CHAIN_TOTALS.includes(category.toLowerCase());
}

function asPoints(levels: readonly DailyLevel[]): { date: number; totalLiquidityUSD: number }[] {
  return levels.map(({ date, level }) => ({ date, totalLiquidityUSD: level }));
}
