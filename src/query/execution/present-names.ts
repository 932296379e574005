import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { chainOfToken, EventFeed, PublishedState } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { KnownNames } from '../core/plan/warnings.js';

const NAMES_TTL_MS = 5_000;
/** Events whose names have data from then on. */
const VALUE_EVENTS: ReadonlySet<string> = new Set(['tvl_baseline', 'tvl_change', 'price_baseline', 'price_change']);

/** Names in an event or a published value. */
interface Subject {
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
}

class Names implements KnownNames {
  readonly protocol = new Set<string>();
  readonly chain = new Set<string>();
  readonly token = new Set<string>();
  readonly category = new Map<string, string>();

  add({ protocol, chain, token }: Subject): void {
    if (protocol !== null) this.protocol.add(protocol);
    if (token !== null) this.token.add(token);
    const on = chain ?? (token === null ? null : chainOfToken(token));
    if (on !== null) this.chain.add(on);
  }
}

/**
 * Names that occur in the data. They are collected on request, at most every five seconds; new names of events are added
 * immediately.
 */
@Injectable()
export class PresentNames implements OnApplicationShutdown {
  private names: Promise<KnownNames> | undefined;
  private newest = new Names();
  private gatheredAt = -Infinity;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly published: PublishedState,
    private readonly clock: Clock,
    feed: EventFeed,
  ) {
    this.unsubscribe = feed.subscribe((batch) => {
      for (const event of batch) if (VALUE_EVENTS.has(event.type)) this.newest.add(event);
    });
  }

  onApplicationShutdown(): void {
    this.unsubscribe();
  }

  /** Returns the names; undefined until published values are loaded. */
  async all(): Promise<KnownNames | undefined> {
    if (this.published.loadedAt === 0) return undefined;
    const now = this.clock.now();
    if (this.names === undefined || now - this.gatheredAt > NAMES_TTL_MS) {
      this.names = this.gather();
      this.gatheredAt = now;
    }
    return this.names;
  }

  private async gather(): Promise<KnownNames> {
    const names = (this.newest = new Names());
    await eachInSlices(this.published.protocols(), (meta) => {
      names.protocol.add(meta.slug);
      for (const name of meta.chains) names.chain.add(name);
      if (meta.category !== null) names.category.set(meta.category.toLowerCase(), meta.category);
    });
    for (const metric of ['tvl', 'price'] as const) {
      await eachInSlices(this.published.all(metric), (value) => names.add(value));
    }
    return names;
  }
}
