import { Injectable } from '@nestjs/common';
import { chainOfToken, PublishedState } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { KnownNames } from '../core/warnings.js';

const KEPT_MS = 5_000;

/** The names that there is data of. Gathered when one is asked for, at most every five seconds. */
@Injectable()
export class PresentNames {
  private names: Promise<KnownNames> | undefined;
  private gatheredAt = -Infinity;

  constructor(
    private readonly published: PublishedState,
    private readonly clock: Clock,
  ) {}

  /** Undefined before anything is known of anybody. */
  async all(): Promise<KnownNames | undefined> {
    if (this.published.loadedAt === 0) return undefined;
    const now = this.clock.now();
    if (this.names === undefined || now - this.gatheredAt > KEPT_MS) {
      this.names = this.gather();
      this.gatheredAt = now;
    }
    return this.names;
  }

  private async gather(): Promise<KnownNames> {
    const [protocol, chain, token] = [new Set<string>(), new Set<string>(), new Set<string>()];
    const category = new Map<string, string>();
    await eachInSlices(this.published.protocols(), (meta) => {
      protocol.add(meta.slug);
      for (const name of meta.chains) chain.add(name);
      if (meta.category !== null) category.set(meta.category.toLowerCase(), meta.category);
    });
    await eachInSlices(this.published.all('tvl'), (value) => {
      if (value.protocol !== null) protocol.add(value.protocol);
      if (value.chain !== null) chain.add(value.chain);
    });
    await eachInSlices(this.published.all('price'), (value) => {
      if (value.token === null) return;
      token.add(value.token);
      const on = value.chain ?? chainOfToken(value.token);
      if (on !== null) chain.add(on);
    });
    return { protocol, chain, token, category };
  }
}
