import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { slugOf } from '../../events/index.js';
import type { LlamaChain, LlamaChainPoint, LlamaCoins, LlamaProtocol, LlamaProtocolHistory } from './compat.dto.js';
import { askedCoins, widthMs } from './llama-input.js';
import { LlamaLookups } from './llama-lookups.js';

/** Maximum number of cached answers; each has some MB at most (`/protocols` with 6,000 protocols has 4 MB). */
const MAX_ANSWERS = 200;
const PRESENT_TTL_MS = 1_000;
/**
 * Time for which histories are cached, as a multiple of the time that their computation took: from some milliseconds to a
 * second.
 */
const TTL_PER_WORK = 20;
const MAX_TTL_MS = 30_000;

/**
 * Caches answers for at most the time in their cache headers, so that large ones are not built for every client: 6,000
 * protocols take about 30 ms, and the history of all protocols a pass over all daily rows. Simultaneous requests share one
 * computation. Single values and prices are not cached.
 */
@Injectable()
export class LlamaAnswers {
  private readonly kept = new LRUCache<string, object, () => object | Promise<object>>({
    max: MAX_ANSWERS,
    // An answer that is evicted while it is computed, because more are requested than fit, is still returned to the waiting
    // requests.
    ignoreFetchAbort: true,
    fetchMethod: async (_key, _stale, { context, options }) => {
      const startedAt = performance.now();
      const answer = await context();
      const kept = Math.max(PRESENT_TTL_MS, TTL_PER_WORK * (performance.now() - startedAt));
      options.ttl = Math.min(options.ttl ?? PRESENT_TTL_MS, kept);
      return answer;
    },
  });

  constructor(private readonly lookups: LlamaLookups) {}

  protocols(): Promise<LlamaProtocol[]> {
    return this.keep('protocols', PRESENT_TTL_MS, () => this.lookups.protocols());
  }

  protocol(name: string): Promise<LlamaProtocolHistory> {
    const slug = slugOf(name);
    return this.keep(`protocol ${slug}`, MAX_TTL_MS, () => this.lookups.protocol(slug));
  }

  tvl(name: string): number {
    return this.lookups.tvl(slugOf(name));
  }

  chains(): Promise<LlamaChain[]> {
    return this.keep('chains', PRESENT_TTL_MS, () => this.lookups.chains());
  }

  history(chain?: string): Promise<LlamaChainPoint[]> {
    return this.keep(`history ${chain ?? ''}`, MAX_TTL_MS, () => this.lookups.history(chain));
  }

  /**
   * Returns the prices of coins. `address`: the requested URL, whose length is limited; `searchWidth`: in DefiLlama's
   * format.
   */
  coins(list: string, searchWidth: string | undefined, address: string): Promise<LlamaCoins> {
    return this.lookups.coins(askedCoins(list, address), widthMs(searchWidth));
  }

  private async keep<T extends object>(key: string, ttl: number, read: () => T | Promise<T>): Promise<T> {
    return (await this.kept.forceFetch(`${key} ${this.lookups.removals}`, { ttl, context: read })) as T;
  }
}
