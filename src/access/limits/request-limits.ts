import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import type { Caller } from '../caller.js';
import { leaving } from '../../platform/http/leaving.js';
import { Places } from '../../platform/http/places.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import { MinuteCounters, WINDOW_SECONDS, type Count } from './minute-counters.js';

/**
 * Requests of an address per minute to pages without a key. A page of the console takes about thirty, all of them held in
 * memory: a whole office behind one address opens it at once after an incident.
 */
const MAX_PUBLIC_REQUESTS = { pages: 6_000, probes: 600 } as const;

/**
 * Costly requests of one caller. More than these would only wait in the database, with the memory of all their answers; clients
 * of one key are answered in turns.
 */
const COSTLY_REQUESTS = { atOnce: 8, waiting: 1_000, waitMs: 20_000, what: 'costly requests' } as const;

/** Audited requests of a user per minute, whatever their role: a loop fills neither the trail nor the table of keys. */
const MAX_RARE_REQUESTS = 10;

/** Request limit of REST, with the headers RateLimit and RateLimit-Policy of the IETF draft 11. */
@Injectable()
export class RequestLimits {
  private readonly costly = new Places(COSTLY_REQUESTS);

  constructor(
    private readonly counters: MinuteCounters,
    private readonly settings: Settings,
  ) {}

  /** Counts one request of a key; throws rate_limited beyond the limit. */
  async countRequest(caller: Caller, response: ServerResponse): Promise<void> {
    const limit = caller.limits.apiRequests;
    if (limit > 0) this.enforce(limit, await this.counters.hit('requests', caller.keyId), response);
  }

  /** Counts one request without a valid key against its address. Valid keys from the same address are not affected. */
  async countKeyless(address: string, response: ServerResponse): Promise<void> {
    const limit = this.settings.limitApiRequests.none;
    if (limit > 0) this.enforce(limit, await this.counters.hit('refusals', addressGroup(address)), response);
  }

  /** Counts one request that needs no key: `pages` (documents and the console) or `probes` (health, metrics). */
  async countPublic(what: keyof typeof MAX_PUBLIC_REQUESTS, address: string, response: ServerResponse): Promise<void> {
    this.enforce(MAX_PUBLIC_REQUESTS[what], await this.counters.hit(what, addressGroup(address)), response);
  }

  /** Counts one audited request. */
  async countRare({ userId }: Caller): Promise<void> {
    const { used, resetMs } = await this.counters.hit('rare', userId);
    if (used > MAX_RARE_REQUESTS) {
      throw new DomainError('rate_limited', `At most ${MAX_RARE_REQUESTS} of these requests a minute of a user.`, {
        retryAfterMs: resetMs,
      });
    }
  }

  /**
   * Waits until the caller, a key or an address, has few enough costly requests in progress. This one counts until its answer
   * has been read or its client has disconnected.
   */
  async waitForPlace(caller: string, response: ServerResponse): Promise<void> {
    const leave = await this.costly.enter(caller, leaving(response));
    if (response.closed) leave();
    else response.once('close', leave);
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
