import { Injectable } from '@nestjs/common';
import {
  chainName,
  CATEGORIES_LEFT_OUT,
  ChangeReferences,
  HotCache,
  isLeftOutOfChains,
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
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inSlices } from '../../platform/loop/slices.js';
import { chainFact, nameInProtocols } from './chain-facts.js';
import type {
  LlamaChain,
  LlamaChainPoint,
  LlamaCoin,
  LlamaCoins,
  LlamaProtocol,
  LlamaProtocolHistory,
} from './compat.dto.js';
import { DailyLevels, totalLevels } from './daily-levels.js';
import { asPoints, chainTvls, protocolShape, withPresent } from './protocol-shapes.js';

const NO_CHANGES: Changes = { change1h: null, change24h: null, change7d: null };

/** Computes the answers of DefiLlama's free routes from published values and daily aggregates. */
@Injectable()
export class LlamaLookups {
  constructor(
    private readonly published: PublishedState,
    private readonly cache: HotCache,
    private readonly references: ChangeReferences,
    private readonly levels: DailyLevels,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Number of removed keys; when it changes, cached answers are out of date. */
  get removals(): number {
    return this.published.removals;
  }

  /** Lists protocols in descending order of TVL. Works in slices, because thousands of protocols take about 30 ms. */
  async protocols(): Promise<LlamaProtocol[]> {
    const metas = new Map<string, ProtocolMeta>();
    for (const slug of this.published.valuedProtocols()) metas.set(slug, undescribed(slug));
    for (const meta of this.published.protocols()) metas.set(meta.slug, meta);
    const shapes = await inSlices(this.shapes(metas.values()));
    return shapes.sort((a, b) => (b.tvl ?? -1) - (a.tvl ?? -1));
  }

  async protocol(slug: string): Promise<LlamaProtocolHistory> {
    const values = this.published.tvlOf(slug);
    const known = this.published.protocol(slug);
    if (!known && values.length === 0) throw new DomainError('not_found', 'Protocol not found.');
    const meta = known ?? undescribed(slug);
    const byChain = await this.levels.byChain(slug);
    const now = this.clock.now();
    const present = new Map(values.map(({ chain, value }) => [chain ?? '', value]));
    const chains = [...new Set([...byChain.keys(), ...present.keys()])].filter((chain) => chain !== 'all');
    const histories = chains.map((chain) => [
      nameInProtocols(chain, isPseudoChain),
      {
        tvl: asPoints(withPresent(byChain.get(chain) ?? [], present.get(chain), now)),
        tokensInUsd: [],
        tokens: [],
      },
    ]);
    const {
      tvl: _tvl,
      chainTvls: _chainTvls,
      change_1h: _1h,
      change_1d: _1d,
      change_7d: _7d,
      ...described
    } = this.shape(meta);
    return {
      ...described,
      currentChainTvls: chainTvls(values),
      chainTvls: Object.fromEntries(histories),
      tvl: asPoints(withPresent(totalLevels(byChain), this.published.protocolTvl(slug), now)),
      tokensInUsd: [],
      tokens: [],
      raises: [],
      hallmarks: [],
    };
  }

  tvl(slug: string): number {
    const tvl = this.published.protocolTvl(slug);
    if (tvl === undefined) throw new DomainError('not_found', 'TVL of this protocol not found.');
    return tvl;
  }

  chains(): LlamaChain[] {
    return [...this.chainTotals()].map(([chain, tvl]) => {
      const { geckoId, symbol, cmcId, chainId } = chainFact(chain);
      return { gecko_id: geckoId, tvl, tokenSymbol: symbol, cmcId, name: chainName(chain), chainId };
    });
  }

  /**
   * Returns the history of a chain; without a chain, of all protocols together, including those of which only a total is
   * known. A chain without any value has no points.
   */
  async history(chain?: string): Promise<LlamaChainPoint[]> {
    const name = chain === undefined ? undefined : normaliseChain(chain);
    const choice = { ...(name !== undefined && { chain: name }), withoutCategories: CATEGORIES_LEFT_OUT };
    const levels = name !== undefined && !isRealChain(name) ? [] : await this.levels.sum(choice);
    const present = name === undefined ? this.total() : this.chainTotals().get(name);
    if (levels.length === 0 && present === undefined && name !== undefined && !this.isKnownChain(name))
      throw new DomainError('not_found', 'TVL of this chain not found.');
    return withPresent(levels, present, this.clock.now()).map(({ date, level }) => ({ date, tvl: level }));
  }

  /**
   * Returns coins by their requested names. A coin is included if its price was observed within the last `withinMs`. The
   * time of observation is read from the row, because an observation of an unchanged price causes no event.
   */
  async coins(asked: readonly string[], withinMs: number): Promise<LlamaCoins> {
    const tokens = asked.map(normaliseToken);
    const [values, rows] = await Promise.all([
      this.cache.prices(tokens),
      this.database.query<ObservedRow>(OBSERVED, [tokens]),
    ]);
    const observed = new Map(rows.map((row) => [row.token, row]));
    const since = this.clock.now() - withinMs;
    const coins: LlamaCoins['coins'] = {};
    for (const [index, coin] of asked.entries()) {
      const value = values[index];
      const row = observed.get(tokens[index] ?? '');
      if (!value || !row || row.observed_at < since) continue;
      const { value: price, symbol, confidence } = value;
      const timestamp = Math.floor(row.observed_at / 1_000);
      const answer: LlamaCoin = { decimals: null, price, symbol: symbol ?? '', timestamp, confidence };
      // Defined as an own property, because a coin may be named `__proto__`.
      Object.defineProperty(coins, coin, { value: answer, enumerable: true });
    }
    return { coins };
  }

  private *shapes(metas: Iterable<ProtocolMeta>): Generator<LlamaProtocol> {
    for (const meta of metas) yield this.shape(meta);
  }

  private shape(meta: ProtocolMeta): LlamaProtocol {
    const tvl = this.published.protocolTvl(meta.slug) ?? null;
    const changes = tvl === null ? NO_CHANGES : this.references.changes('tvl', meta.slug, null, tvl);
    return protocolShape(meta, this.published.tvlOf(meta.slug), tvl, changes);
  }

  /** Returns the total of each real chain, in descending order. */
  private chainTotals(): Map<string, number> {
    const totals = new Map<string, number>();
    for (const { chain, protocol, value } of this.published.all('tvl')) {
      if (chain === null || !isRealChain(chain) || this.isLeftOut(protocol ?? '')) continue;
      totals.set(chain, (totals.get(chain) ?? 0) + value);
    }
    return new Map([...totals].sort(([, a], [, b]) => b - a));
  }

  /** Returns the total of all protocols; undefined if no protocol has a value. */
  private total(): number | undefined {
    let total: number | undefined;
    for (const slug of this.published.valuedProtocols()) {
      if (this.isLeftOut(slug)) continue;
      const tvl = this.published.protocolTvl(slug);
      if (tvl !== undefined) total = (total ?? 0) + tvl;
    }
    return total;
  }

  private isLeftOut(slug: string): boolean {
    const meta = this.published.protocol(slug);
    return meta !== undefined && isLeftOutOfChains(meta);
  }

  /** Whether a protocol lists the chain, or has a value on it, even one that totals omit. */
  private isKnownChain(chain: string): boolean {
    if (!isRealChain(chain)) return false;
    for (const { chains } of this.published.protocols()) {
      if (chains.some((name) => normaliseChain(name) === chain)) return true;
    }
    for (const value of this.published.all('tvl')) if (value.chain === chain) return true;
    return false;
  }
}

interface ObservedRow {
  token: string;
  observed_at: number;
}

const OBSERVED = `
SELECT token, (extract(epoch FROM observed_at) * 1000)::float8 AS observed_at FROM token_prices
WHERE token = ANY ($1::text[])`;
