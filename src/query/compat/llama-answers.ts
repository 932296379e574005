import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { LlamaChain, LlamaChainPoint, LlamaCoins, LlamaProtocol, LlamaProtocolHistory } from './compat.dto.js';
import { LlamaLookups } from './llama-lookups.js';

/** Each entry is at most some MB (`/protocols` of 6,000 protocols is 4 MB). */
const MOST_ANSWERS = 200;
const PRESENT_MS = 1_000;
const HISTORY_MS = 30_000;

/**
 * Answers kept for as long as their cache headers say, so that the big ones are not built for every client: 6,000
 * protocols cost some 30 ms of the process, everyone's history a pass over all daily rows. Askers at one moment share one
 * reading. Single values and prices are never kept.
 */
@Injectable()
export class LlamaAnswers {
  private readonly kept = new LRUCache<string, object, () => object | Promise<object>>({
    max: MOST_ANSWERS,
    // More may be asked for at once than are kept: an answer that loses its place is still given to who waits for it.
    ignoreFetchAbort: true,
    fetchMethod: (_key, _stale, { context }) => context(),
  });

  constructor(private readonly lookups: LlamaLookups) {}

  protocols(): Promise<LlamaProtocol[]> {
    return this.keep('protocols', PRESENT_MS, () => this.lookups.protocols());
  }

  protocol(slug: string): Promise<LlamaProtocolHistory> {
    return this.keep(`protocol ${slug}`, HISTORY_MS, () => this.lookups.protocol(slug));
  }

  tvl(slug: string): number {
    return this.lookups.tvl(slug);
  }

  chains(): Promise<LlamaChain[]> {
    return this.keep('chains', PRESENT_MS, () => this.lookups.chains());
  }

  history(chain?: string): Promise<LlamaChainPoint[]> {
    return this.keep(`history ${chain ?? ''}`, HISTORY_MS, () => this.lookups.history(chain));
  }

  coins(list: string): Promise<LlamaCoins> {
    return this.lookups.coins(list);
  }

  private async keep<T extends object>(key: string, ttl: number, read: () => T | Promise<T>): Promise<T> {
    return (await this.kept.forceFetch(key, { ttl, context: read })) as T;
  }
}
