import { Injectable } from '@nestjs/common';
import { chainOfToken, PublishedState } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import type { KnownNames } from '../core/warnings.js';

const KEPT_MS = 5_000;

/** The names that there is data of. Gathered when one is asked for, at most every five seconds. */
@Injectable()
export class PresentNames {
  private names: KnownNames | undefined;
  private gatheredAt = -Infinity;

  constructor(
    private readonly published: PublishedState,
    private readonly clock: Clock,
  ) {}

  /** Undefined before anything is known of anybody. */
  all(): KnownNames | undefined {
    if (this.published.loadedAt === 0) return undefined;
    const now = this.clock.now();
    if (this.names === undefined || now - this.gatheredAt > KEPT_MS) {
      this.names = this.gather();
      this.gatheredAt = now;
    }
    return this.names;
  }

  private gather(): KnownNames {
    const [protocol, chain, token] = [new Set<string>(), new Set<string>(), new Set<string>()];
    const category = new Map<string, string>();
    for (const meta of this.published.protocols()) {
      protocol.add(meta.slug);
      for (const name of meta.chains) chain.add(name);
      if (meta.category !== null) category.set(meta.category.toLowerCase(), meta.category);
    }
    for (const value of this.published.all('tvl')) {
      if (value.protocol !== null) protocol.add(value.protocol);
      if (value.chain !== null) chain.add(value.chain);
    }
    for (const value of this.published.all('price')) {
      if (value.token === null) continue;
      token.add(value.token);
      const on = value.chain ?? chainOfToken(value.token);
      if (on !== null) chain.add(on);
    }
    return { protocol, chain, token, category };
  }
}
