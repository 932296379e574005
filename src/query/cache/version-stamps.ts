import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { EventFeed, type LogEvent } from '../../events/index.js';
import type { DatasetName } from '../core/ast.js';
import { datasetsChangedBy, isDescription, type Dependencies } from '../core/plan/dependencies.js';

/**
 * Log positions of the last event that could change an answer, per protocol, chain, token and dataset. The highest position
 * that concerns a query is its version: processes that have read the log equally far compute the same version without
 * communication.
 */
@Injectable()
export class VersionStamps implements OnModuleInit, OnApplicationShutdown {
  private readonly stamps = new Map<string, number>();
  /** Position up to which the events are unknown to this process. */
  private base = 0;
  private newest = 0;
  private ends: (() => void)[] = [];

  constructor(private readonly feed: EventFeed) {}

  async onModuleInit(): Promise<void> {
    await this.feed.start();
    this.base = this.feed.position;
    this.newest = this.feed.position;
    this.ends = [this.feed.subscribe((batch) => this.receive(batch)), this.feed.onEpochChange(() => this.forget())];
  }

  onApplicationShutdown(): void {
    for (const end of this.ends) end();
  }

  /**
   * Returns the version of a query's dependencies. If two versions of an epoch are equal, nothing that the query depends on
   * has changed in between.
   */
  versionOf({ dataset, protocols, chains, tokens }: Dependencies): string {
    const bound = this.bound(dataset, { protocols, chains, tokens });
    const own = bound === undefined ? this.of(dataset) : Math.max(0, ...bound.map((key) => this.of(key)));
    const newest = Math.max(this.base, own, dataset === 'tvl' ? this.of('descriptions') : 0);
    return `${this.feed.epoch}-${newest}`;
  }

  /**
   * Returns the keys of the narrowest restriction of a query. The chain of a price does not restrict it, because the chain
   * is a property that may change.
   */
  private bound(
    dataset: DatasetName,
    { protocols, chains, tokens }: Pick<Dependencies, 'protocols' | 'chains' | 'tokens'>,
  ): string[] | undefined {
    const keys = (kind: string, values: ReadonlySet<string>): string[] =>
      [...values].map((value) => `${kind} ${value}`);
    if (dataset === 'prices' && tokens) return keys('token', tokens);
    if ((dataset === 'tvl' || dataset === 'protocols') && protocols) return keys('protocol', protocols);
    return dataset === 'tvl' && chains ? keys('chain', chains) : undefined;
  }

  private of(key: string): number {
    return this.stamps.get(key) ?? 0;
  }

  private receive(batch: readonly LogEvent[]): void {
    const [first] = batch;
    // A gap: this process missed events that the log no longer had.
    if (first !== undefined && first.seq > this.newest + 1) this.base = first.seq - 1;
    for (const event of batch) this.note(event);
    this.newest = batch.at(-1)?.seq ?? this.newest;
  }

  private note(event: LogEvent): void {
    const { type, seq, protocol, chain, token } = event;
    const keys: string[] = datasetsChangedBy(event);
    if (type === 'tvl_change' || type === 'tvl_baseline' || type === 'tvl_removed')
      keys.push(`protocol ${protocol}`, `chain ${chain}`);
    else if (type === 'price_change' || type === 'price_baseline' || type === 'price_removed')
      keys.push(`token ${token}`);
    else if (isDescription(event)) keys.push('descriptions', `protocol ${protocol}`);
    for (const key of keys) this.stamps.set(key, seq);
  }

  private forget(): void {
    this.stamps.clear();
    this.base = this.feed.position;
  }
}
