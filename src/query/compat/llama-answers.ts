import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { slugOf } from '../../events/index.js';
import type { LlamaChain, LlamaChainPoint, LlamaCoins, LlamaProtocol, LlamaProtocolHistory } from './compat.dto.js';
import { askedCoins, widthMs } from './llama-input.js';
import { LlamaLookups } from './llama-lookups.js';

/** Maximum number of kept answers, each of some MB at most (`/protocols` of 6,000 protocols is 4 MB). */
const MAX_ANSWERS = 200;
const PRESENT_MS = 1_000;
/** Time for which histories are kept, in durations of their making: they cost the database some milliseconds up to a second. */
const KEPT_PER_WORK = 20;
const MAX_KEPT_MS = 30_000;

/**
 * Answers kept for at most as long as their cache headers say, so that the large ones are not built for every client: 6,000
 * protocols cost some 30 ms of the process, the history of all of them a pass over all daily rows. Simultaneous requests share
 * one reading. Single values and prices are never kept.
 */
@Injectable()
export class LlamaAnswers {
  private readonly kept = new LRUCache<string, object, () => object | Promise<object>>({
    max: MAX_ANSWERS,
    // More answers may be requested at once than are kept: one that loses its place is still given to the waiting requests.
    ignoreFetchAbort: true,
    fetchMethod: async (_key, _stale, { context, options }) => {
      const startedAt = performance.now();
      const answer = await context();
      const kept = Math.max(PRESENT_MS, KEPT_PER_WORK * (performance.now() - startedAt));
      options.ttl = Math.min(options.ttl ?? PRESENT_MS, kept);
      return answer;
    },
  });

  constructor(private readonly lookups: LlamaLookups) {}

  protocols(): Promise<LlamaProtocol[]> {
    return this.keep('protocols', PRESENT_MS, () => this.lookups.protocols());
  }

  protocol(name: string): Promise<LlamaProtocolHistory> {
    const slug = slugOf(name);
    return this.keep(`protocol ${slug}`, MAX_KEPT_MS, () => this.lookups.protocol(slug));
  }

  tvl(name: string): number {
    return this.lookups.tvl(slugOf(name));
  }

  chains(): Promise<LlamaChain[]> {
    return this.keep('chains', PRESENT_MS, () => this.lookups.chains());
  }

  history(chain?: string): Promise<LlamaChainPoint[]> {
    return this.keep(`history ${chain ?? ''}`, MAX_KEPT_MS, () => this.lookups.history(chain));
  }

  /** Returns the prices of coins. `address`: as requested, of limited length; `searchWidth`: as DefiLlama accepts it. */
  coins(list: string, searchWidth: string | undefined, address: string): Promise<LlamaCoins> {
    return this.lookups.coins(askedCoins(list, address), widthMs(searchWidth));
  }

  private async keep<T extends object>(key: string, ttl: number, read: () => T | Promise<T>): Promise<T> {
    return (await this.kept.forceFetch(`${key} ${this.lookups.removals}`, { ttl, context: read })) as T;
  }
}
