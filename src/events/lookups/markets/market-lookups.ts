import { Injectable } from '@nestjs/common';
import { isLeftOutOfChains } from '../../core/chain-totals.js';
import { isRealChain } from '../../core/names.js';
import { eachInSlices } from '../../../platform/loop/slices.js';
import { ChangeReferences } from '../../history/change-references.js';
import { PublishedState } from '../../hot-cache/published-state.js';
import type { PublishedValue } from '../../hot-cache/published-value.js';
import type { Position, Ranked } from '../../../platform/http/paging/keyset-page.js';
import type {
  ChainAnswer,
  ChainsAnswer,
  MoverAnswer,
  MoversAnswer,
  MoversQuery,
  TokensAnswer,
  TokensQuery,
} from './markets.dto.js';
import { pagedList } from '../../../platform/http/paging/paged-list.js';
import { changeOver } from '../protocols/protocol-lookups.js';
import { ValueLookups } from '../values/value-lookups.js';
import { type PageQuery } from '../../../platform/http/paging/page.dto.js';

/** Reads chains, tokens and the largest changes from memory. */
@Injectable()
export class MarketLookups {
  constructor(
    private readonly published: PublishedState,
    private readonly references: ChangeReferences,
    private readonly values: ValueLookups,
  ) {}

  /** Lists chains in descending order of TVL. */
  async chains({ limit, cursor }: PageQuery): Promise<ChainsAnswer> {
    const chains = new Map<string, ChainAnswer>();
    await eachInSlices(this.published.all('tvl'), ({ chain, protocol, value }) => {
      if (chain === null || !isRealChain(chain)) return;
      const held = chains.get(chain) ?? { chain, tvl: 0, netTvl: 0, protocols: 0 };
      const meta = this.published.protocol(protocol ?? '');
      const net = meta && isLeftOutOfChains(meta) ? 0 : value;
      chains.set(chain, { chain, tvl: held.tvl + value, netTvl: held.netTvl + net, protocols: held.protocols + 1 });
    });
    const ranked = [...chains.values()].map((item) => ({ item, rank: item.tvl, id: item.chain }));
    const request = { scope: 'chains', order: 'desc', limit, cursor, rankedBy: 'number' } as const;
    return pagedList(ranked, request, (item) => item);
  }

  tokens({ limit, cursor, ...query }: TokensQuery): Promise<TokensAnswer> {
    const scope = ['tokens', query];
    const rankedBy = query.sort === 'token' ? 'string' : 'number';
    const order = query.order ?? (rankedBy === 'string' ? 'asc' : 'desc');
    const request = { scope, order, limit, cursor, rankedBy } as const;
    return pagedList(this.rankedTokens(query), request, (value) => this.values.priceAnswer(value));
  }

  movers({ limit, cursor, ...query }: MoversQuery): Promise<MoversAnswer> {
    const request = { scope: ['movers', query], order: 'desc', limit, cursor, rankedBy: 'number' } as const;
    return pagedList(this.moves(query), request, (mover) => mover);
  }

  private *moves(query: Omit<MoversQuery, 'limit' | 'cursor'>): Iterable<Ranked<MoverAnswer> | undefined> {
    const { metric = 'tvl', window = '24h', direction = 'any', minValue = 0 } = query;
    for (const candidate of metric === 'tvl' ? this.protocols() : this.prices()) {
      const id = candidate.protocol ?? candidate.token ?? '';
      const changes = this.references.changes(metric, id, null, candidate.value);
      const changePercent = changeOver(window, changes);
      const isWanted = direction === 'any' || (changePercent ?? 0) > 0 === (direction === 'up');
      yield candidate.value < minValue || changePercent === null || changePercent === 0 || !isWanted
        ? undefined
        : { item: { metric, ...candidate, ...changes, changePercent }, rank: Math.abs(changePercent), id };
    }
  }

  private *rankedTokens(query: Omit<TokensQuery, 'limit' | 'cursor'>): Iterable<Ranked<PublishedValue> | undefined> {
    const { q, chain, sort, window } = query;
    const text = q?.toLowerCase();
    for (const item of this.published.all('price')) {
      const token = item.token ?? '';
      const isWanted =
        (chain === undefined || item.chain === chain) &&
        (text === undefined || [token, item.symbol].some((part) => part?.toLowerCase().includes(text)));
      yield isWanted ? { item, id: token, rank: this.rankOf(item, sort, window) } : undefined;
    }
  }

  private rankOf(item: PublishedValue, sort: TokensQuery['sort'], window: TokensQuery['window']): Position['rank'] {
    switch (sort) {
      case 'token':
        return item.token;
      case 'price':
        return item.value;
      case 'volume':
        return item.volume24h;
      case 'change':
        return changeOver(window ?? '24h', this.references.changes('price', item.token ?? '', null, item.value));
      default:
        return item.marketCap;
    }
  }

  private *protocols(): Iterable<Candidate> {
    for (const protocol of this.published.valuedProtocols()) {
      const value = this.published.protocolTvl(protocol);
      if (value === undefined) continue;
      const meta = this.published.protocol(protocol);
      const { name = null, symbol = null, category = null } = meta ?? {};
      yield { protocol, token: null, name, symbol, category, value };
    }
  }

  private *prices(): Iterable<Candidate> {
    for (const { token, symbol, value } of this.published.all('price')) {
      yield { protocol: null, token, name: null, symbol, category: null, value };
    }
  }
}

type Candidate = Pick<MoverAnswer, 'protocol' | 'token' | 'name' | 'symbol' | 'category' | 'value'>;
