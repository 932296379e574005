import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { PublishedState } from './published-state.js';

type ReferenceRow = [subject: string, chain: string, published: number];

const PAGE_SIZE = 1_000;
const COMPARE_INTERVAL_MS = 3_000;
/**
 * Time within which a change reaches the state, ms; only a difference that is still the same after this time is an error.
 */
const SETTLE_DELAY_MS = 500;

/**
 * Compares the published state with the published values stored in the source rows, and loads the state again if they
 * differ, so that after any fault the state is correct within five seconds.
 */
@Injectable()
export class StateReconciler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(StateReconciler.name);
  private readonly differing: Gauge;
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly published: PublishedState,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    this.differing = new Gauge({
      ...metricOf('published_state_differences'),
      registers: [metrics.registry],
    });
    this.loop = loops.loop({
      name: 'published_state_comparison',
      intervalMs: COMPARE_INTERVAL_MS,
      isDelayed: true,
      run: async (stop) => void (await this.compare(stop)),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /**
   * Returns the number of keys that differ; if there are any, everything is loaded again first. Returns 0 while the log is
   * behind the rows because no sequencer runs: no state can contain events that are not in the log.
   */
  async compare(stop?: AbortSignal): Promise<number> {
    const suspects = await this.suspects();
    if (suspects.size > 0) await sleep(SETTLE_DELAY_MS, undefined, { signal: stop });
    const still = suspects.size === 0 ? suspects : await this.suspects();
    const different = [...still].filter(([key, pair]) => suspects.get(key) === pair).length;
    const differences = different > 0 && (await this.isLogBehind()) ? 0 : different;
    this.differing.set(differences);
    if (differences > 0) {
      this.logger.error({ differences }, 'published state differs from the rows; reloading');
      await this.published.reload();
    }
    return differences;
  }

  private async isLogBehind(): Promise<boolean> {
    const waiting = await this.database.one<{ behind: boolean }>(BEHIND, [SETTLE_DELAY_MS]);
    return waiting?.behind === true;
  }

  /**
   * Returns the keys that differ, with both values. If the pair of values has changed at the next look, the change was in
   * transit and is not an error.
   */
  private async suspects(): Promise<Map<string, string>> {
    const suspects = new Map<string, string>();
    const note = (key: string, held: number | undefined, published: number) => {
      if (held !== published) suspects.set(key, `${held} ${published}`);
    };
    for await (const [protocol, chain, published] of this.rows(TVLS, ['', ''])) {
      note(`tvl ${protocol} ${chain}`, this.published.tvl(protocol, chain)?.value, published);
    }
    for await (const [token, , published] of this.rows(PRICES, [''])) {
      note(`price ${token}`, this.published.price(token)?.value, published);
    }
    return suspects;
  }

  /** Reads rows in small pages: larger ones would delay this process's events by milliseconds. */
  private async *rows(text: string, start: readonly string[]): AsyncGenerator<ReferenceRow> {
    let after = start;
    for (;;) {
      const rows = await this.database.arrays<ReferenceRow>(text, [...after, PAGE_SIZE]);
      yield* rows;
      const last = rows.at(-1);
      if (rows.length < PAGE_SIZE || last === undefined) return;
      after = [last[0], last[1]].slice(0, start.length);
    }
  }
}

const BEHIND = `
SELECT EXISTS (SELECT FROM change_outbox WHERE captured_at < clock_timestamp() - $1::float8 * interval '1 ms') AS behind`;

const TVLS = `
SELECT protocol, chain, coalesce(published_value, tvl) FROM protocol_tvl
WHERE protocol >= $1 AND (protocol, chain) > ($1, $2) ORDER BY protocol, chain LIMIT $3`;

const PRICES = `
SELECT token, '', coalesce(published_value, price) FROM token_prices WHERE token > $1 ORDER BY token LIMIT $2`;
