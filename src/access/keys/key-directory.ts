import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LRUCache } from 'lru-cache';
import { In, Repository } from 'typeorm';
import { DomainError } from '../../platform/errors/domain-error.js';
import { runForProcess } from '../../platform/fairness/working-for.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { KeyChanges } from './key-changes.js';

/**
 * Time for which a look-up is cached, ms. A change is visible immediately if this process made it, or another process while
 * Redis is available; after this time in all other cases, such as plain SQL.
 */
const KEY_TTL_MS = 2_000;
const MAX_KNOWN_KEYS = 10_000;
const MAX_UNKNOWN_KEYS = 10_000;
const MAX_WAITING_LOOKUPS = 10_000;
const BATCH_SIZE = 1_000;

interface Waiter {
  promise: Promise<ApiKeyEntity | undefined>;
  resolve: (key: ApiKeyEntity | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * Looks up keys by id, from a cache if possible. All requests for the same key share one look-up. Ids are read in batches,
 * one statement at a time, so a flood of invented keys occupies one connection only, and a valid key in the flood waits for
 * at most two statements as long as the queue is not full. They are read for the process: a look-up does not wait behind
 * the statements of the caller that happened to start it.
 */
@Injectable()
export class KeyDirectory {
  private readonly known = new LRUCache<string, ApiKeyEntity>({ max: MAX_KNOWN_KEYS, ttl: KEY_TTL_MS });
  // A cache of its own, so that a flood of invented ids cannot displace existing keys.
  private readonly unknown = new LRUCache<string, true>({ max: MAX_UNKNOWN_KEYS, ttl: KEY_TTL_MS });
  private readonly waiting = new Map<string, Waiter>();
  private readonly changedWhileReading = new Set<string>();
  private beingRead: ReadonlyMap<string, Waiter> | undefined;

  constructor(
    @InjectRepository(ApiKeyEntity) private readonly keys: Repository<ApiKeyEntity>,
    changes: KeyChanges,
  ) {
    changes.onChange((id) => this.forget(id));
  }

  find(id: string): Promise<ApiKeyEntity | undefined> {
    const key = this.known.get(id);
    if (key !== undefined) return Promise.resolve(key);
    if (this.unknown.get(id)) return Promise.resolve(undefined);
    return (this.underWay(id) ?? this.waiting.get(id))?.promise ?? this.read(id);
  }

  private forget(id: string): void {
    this.known.delete(id);
    this.unknown.delete(id);
    this.changedWhileReading.add(id);
  }

  /** Returns the look-up in progress; undefined if the key has changed since the look-up began. */
  private underWay(id: string): Waiter | undefined {
    return this.changedWhileReading.has(id) ? undefined : this.beingRead?.get(id);
  }

  private read(id: string): Promise<ApiKeyEntity | undefined> {
    if (this.waiting.size >= MAX_WAITING_LOOKUPS) {
      return Promise.reject(
        new DomainError('unavailable', 'Too many keys are waiting to be checked; try again.', { retryAfterMs: 1_000 }),
      );
    }
    const waiter = Promise.withResolvers<ApiKeyEntity | undefined>();
    this.waiting.set(id, waiter);
    if (this.beingRead === undefined) void runForProcess(() => this.readAll());
    return waiter.promise;
  }

  private async readAll(): Promise<void> {
    while (this.waiting.size > 0) {
      const batch = new Map([...this.waiting].slice(0, BATCH_SIZE));
      for (const id of batch.keys()) this.waiting.delete(id);
      this.changedWhileReading.clear();
      this.beingRead = batch;
      await this.answer(batch);
    }
    this.beingRead = undefined;
  }

  private async answer(batch: ReadonlyMap<string, Waiter>): Promise<void> {
    try {
      const found = await this.keys.findBy({ id: In([...batch.keys()]) });
      const byId = new Map(found.map((key) => [key.id, key]));
      for (const [id, waiter] of batch) {
        this.remember(id, byId.get(id));
        waiter.resolve(byId.get(id));
      }
    } catch (cause) {
      const error = new DomainError('unavailable', 'Keys cannot be checked at the moment.', {
        retryAfterMs: 2_000,
        cause,
      });
      for (const waiter of batch.values()) waiter.reject(error);
    }
  }

  private remember(id: string, key: ApiKeyEntity | undefined): void {
    if (this.changedWhileReading.has(id)) return;
    if (key === undefined) this.unknown.set(id, true);
    else this.known.set(id, key);
  }
}
