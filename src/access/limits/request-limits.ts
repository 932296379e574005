import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Caller } from '../caller.js';
import { addressGroup } from './address-group.js';
import { MinuteCounters, WINDOW_SECONDS, type Count } from './minute-counters.js';
import { TierLimits } from './tier-limits.js';

/** The request limit of REST, with the headers RateLimit and RateLimit-Policy as the IETF draft 11 writes them. */
@Injectable()
export class RequestLimits {
  constructor(
    private readonly counters: MinuteCounters,
    private readonly tiers: TierLimits,
  ) {}

  /** Counts one request of a key; throws rate_limited beyond the limit. */
  async countRequest(caller: Caller, response: ServerResponse): Promise<void> {
    const limit = caller.limits.apiRequests;
    if (limit > 0) this.enforce(limit, await this.counters.hit('requests', caller.keyId), response);
  }

  /**
   * Counts one request without a good key against its address, in the limit of the free tier. Good keys from the same
   * address do not feel it.
   */
  async countKeyless(address: string, response: ServerResponse): Promise<void> {
    const limit = this.tiers.of('free').apiRequests;
    if (limit > 0) this.enforce(limit, await this.counters.hit('refusals', addressGroup(address)), response);
  }

  private enforce(limit: number, count: Count, response: ServerResponse): void {
    const seconds = Math.ceil(count.resetMs / 1_000);
    response.setHeader('RateLimit-Policy', `"default";q=${limit};w=${WINDOW_SECONDS}`);
    response.setHeader('RateLimit', `"default";r=${Math.max(limit - count.used, 0)};t=${seconds}`);
    if (count.used > limit) {
      throw new DomainError('rate_limited', `At most ${limit} requests a minute; the next one in ${seconds} s.`, {
        retryAfterMs: count.resetMs,
      });
    }
  }
}
