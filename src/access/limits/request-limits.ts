import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import type { Caller } from '../caller.js';
import { leaving } from '../../platform/request/leaving.js';
import { Places } from '../../platform/fairness/places.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import type { Count } from './leases.js';
import { MinuteCounters, WINDOW_SECONDS } from './minute-counters.js';

/**
 * Requests per address and minute to routes without a key. A page load of the console makes about thirty requests, all
 * answered from memory; a whole office behind one address may open the console at the same time after an incident.
 */
const MAX_PUBLIC_REQUESTS = { pages: 6_000, probes: 600 } as const;

/**
 * Bounds of one caller's costly requests. More parallel ones would only wait in the database while their answers occupy
 * memory.
 */
const COSTLY_REQUESTS = { atOnce: 8, waiting: 1_000, waitMs: 20_000, what: 'costly requests' } as const;

/**
 * Audited requests (`@Rare`) per user and minute for every role, so that a client in a loop fills neither the audit trail
 * nor the table of keys.
 */
const MAX_RARE_REQUESTS = 10;

/** Request limit of REST, with the headers RateLimit and RateLimit-Policy of the IETF draft 11. */
@Injectable()
export class RequestLimits {
  private readonly costly = new Places(COSTLY_REQUESTS);

  constructor(
    private readonly counters: MinuteCounters,
    private readonly settings: Settings,
  ) {}

  /** Counts one request of a key; throws `rate_limited` beyond the limit. */
  async countRequest(caller: Caller, response: ServerResponse): Promise<void> {
    const limit = caller.limits.apiRequests;
    if (limit > 0) this.enforce(limit, await this.counters.countUse('requests', caller.keyId), response);
  }

  /**
   * Counts one request without a valid key for its address. Requests with valid keys from the same address are not affected.
   */
  async countKeyless(address: string, response: ServerResponse): Promise<void> {
    const limit = this.settings.limitApiRequests.none;
    if (limit > 0) this.enforce(limit, await this.counters.countUse('refusals', addressGroup(address)), response);
  }

  /** Counts one request to a route that needs no key: `pages` (documents and the console) or `probes` (health, metrics). */
  async countPublic(what: keyof typeof MAX_PUBLIC_REQUESTS, address: string, response: ServerResponse): Promise<void> {
    this.enforce(MAX_PUBLIC_REQUESTS[what], await this.counters.countUse(what, addressGroup(address)), response);
  }

  /** Counts one audited request (`@Rare`) of a user. */
  async countRare({ userId }: Caller): Promise<void> {
    const { used, resetMs } = await this.counters.countUse('rare', userId);
    if (used > MAX_RARE_REQUESTS) {
      throw new DomainError(
        'rate_limited',
        `A user must make at most ${MAX_RARE_REQUESTS} of these requests a minute.`,
        {
          retryAfterMs: resetMs,
        },
      );
    }
  }

  /**
   * Waits until the caller (a key or an address) may run another costly request. The place is freed when the answer has been
   * sent or the client has disconnected.
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
      throw new DomainError('rate_limited', `At most ${limit} requests a minute are allowed; retry in ${seconds} s.`, {
        retryAfterMs: count.resetMs,
      });
    }
  }
}
