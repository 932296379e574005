import { Injectable } from '@nestjs/common';
import { ChangeReferences, type Changes } from '../../history/change-references.js';
import { HotCache } from '../../hot-cache/hot-cache.js';
import { PublishedState } from '../../hot-cache/published-state.js';
import { undescribed, type ProtocolMeta } from '../../hot-cache/published-value.js';
import type { Ranked } from '../../../platform/http/paging/keyset-page.js';
import { pagedList } from '../../../platform/http/paging/paged-list.js';
import type { ProtocolAnswer, ProtocolDetailAnswer, ProtocolsAnswer, ProtocolsQuery } from './protocols.dto.js';
import type { Window } from '../values/subjects-query.dto.js';
import { countedAmong, notFound, ValueLookups } from '../values/value-lookups.js';

const NO_CHANGES: Changes = { change1h: null, change24h: null, change7d: null };

/** Reads one protocol, or searches, filters and sorts protocols, from memory. */
@Injectable()
export class ProtocolLookups {
  constructor(
    private readonly cache: HotCache,
    private readonly published: PublishedState,
    private readonly references: ChangeReferences,
    private readonly values: ValueLookups,
  ) {}

  async one(slug: string): Promise<ProtocolDetailAnswer> {
    const [meta, tvl] = await Promise.all([this.cache.protocolMeta(slug), this.cache.protocolTvl(slug)]);
    if (!meta && !tvl) throw notFound('Protocol');
    const isCounted = countedAmong(tvl?.chains ?? []);
    const answer = this.answer(meta ?? undescribed(slug));
    return Object.assign(answer, {
      metadata: { ...meta?.metadata },
      tvls: (tvl?.chains ?? []).map((value) => this.values.chainAnswer(value, isCounted(value))),
    });
  }

  list(query: ProtocolsQuery): Promise<ProtocolsAnswer> {
    const { limit, cursor, ...scope } = query;
    const rankedBy = query.sort === 'name' ? 'string' : 'number';
    const order = query.order ?? (rankedBy === 'string' ? 'asc' : 'desc');
    return pagedList(this.ranked(query), { scope, order, limit, cursor, rankedBy }, (meta) => this.answer(meta));
  }

  private *ranked(query: ProtocolsQuery): Iterable<Ranked<ProtocolMeta> | undefined> {
    const matches = this.filter(query);
    for (const meta of this.metas()) {
      yield matches(meta) ? { item: meta, rank: this.rank(meta, query), id: meta.slug } : undefined;
    }
  }

  /** Yields protocols with a description, then protocols that have values only. */
  private *metas(): Iterable<ProtocolMeta> {
    yield* this.published.protocols();
    for (const slug of this.published.valuedProtocols()) {
      if (!this.published.protocol(slug)) yield undescribed(slug);
    }
  }

  private filter({ q, category, chain }: ProtocolsQuery): (meta: ProtocolMeta) => boolean {
    const text = q?.toLowerCase();
    const wanted = category?.toLowerCase();
    return (meta) =>
      (text === undefined || [meta.slug, meta.name, meta.symbol].some((part) => part?.toLowerCase().includes(text))) &&
      (wanted === undefined || meta.category?.toLowerCase() === wanted) &&
      (chain === undefined || meta.chains.includes(chain) || this.hasValueOn(meta, chain));
  }

  private hasValueOn({ slug }: ProtocolMeta, chain: string): boolean {
    return this.published.tvl(slug, chain) !== undefined;
  }

  private rank({ slug, name }: ProtocolMeta, query: ProtocolsQuery): number | string | null {
    if (query.sort === 'name') return name.toLowerCase();
    const tvl = this.published.protocolTvl(slug) ?? null;
    if (query.sort !== 'change' || tvl === null) return tvl;
    return changeOver(query.window ?? '24h', this.references.changes('tvl', slug, null, tvl));
  }

  private answer({ slug, name, symbol, category, chains, url }: ProtocolMeta): ProtocolAnswer {
    const tvl = this.published.protocolTvl(slug) ?? null;
    const changes = tvl === null ? NO_CHANGES : this.references.changes('tvl', slug, null, tvl);
    return { protocol: slug, name, symbol, category, chains: [...chains], url, tvl, ...changes };
  }
}

export function changeOver(window: Window, changes: Changes): number | null {
  if (window === '1h') return changes.change1h;
  return window === '24h' ? changes.change24h : changes.change7d;
}
