import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { totalOverChains } from '../core/names.js';
import type { Metric } from '../hot-cache/published-value.js';

/** Changes in percent (10 is 10 %); null if there is no value of that age or it was 0. */
export interface Changes {
  change1h: number | null;
  change24h: number | null;
  change7d: number | null;
}

/** Values 1 h, 24 h and 7 d ago, in this order. */
type References = readonly (number | null)[];

interface ReferenceRow {
  metric: Metric;
  subject: string;
  chain: string;
  value_1h: number | null;
  value_24h: number | null;
  value_7d: number | null;
}

const HOUR_MS = 3_600_000;
const WINDOWS_MS = [HOUR_MS, 24 * HOUR_MS, 168 * HOUR_MS];
const REFRESH_INTERVAL_MS = 60_000;
const NO_CHANGES: Changes = { change1h: null, change24h: null, change7d: null };

/**
 * Values of every key 1 h, 24 h and 7 d ago (the last value at or before that time). They are read once a minute with one
 * statement, so that the changes of a key need no query. A reference is therefore up to a minute too old.
 */
@Injectable()
export class ChangeReferences implements OnApplicationBootstrap, OnApplicationShutdown {
  private chains = new Map<string, Map<string, References>>();
  private totals = new Map<string, References>();
  private prices = new Map<string, References>();
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'change_references',
      intervalMs: REFRESH_INTERVAL_MS,
      isDelayed: true,
      run: () => this.refresh(),
    });
  }

  /**
   * Returns the changes of a key. For `tvl`, a null `chain` means the protocol's total over real chains; for `price`,
   * `chain` is ignored.
   */
  changes(metric: Metric, subject: string, chain: string | null, current: number): Changes {
    const references = this.references(metric, subject, chain);
    if (!references) return NO_CHANGES;
    const [hour, day, week] = references;
    return {
      change1h: percentChange(hour, current),
      change24h: percentChange(day, current),
      change7d: percentChange(week, current),
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.refresh();
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Reads all references again; if that fails, the previous ones stay in use. Also called after a bulk insert into history. */
  async refresh(): Promise<void> {
    const now = this.clock.now();
    const chains = new Map<string, Map<string, References>>();
    const prices = new Map<string, References>();
    const windows = WINDOWS_MS.map((window) => now - window);
    for await (const page of this.database.pages<ReferenceRow>(AS_OF, windows)) {
      await eachInSlices(page, (row) => {
        const references = [row.value_1h, row.value_24h, row.value_7d];
        if (row.metric === 'price') prices.set(row.subject, references);
        else chains.set(row.subject, (chains.get(row.subject) ?? new Map()).set(row.chain, references));
      });
    }
    const totals = new Map<string, References>();
    await eachInSlices(chains, ([protocol, parts]) => totals.set(protocol, totalReferences(parts)));
    this.chains = chains;
    this.prices = prices;
    this.totals = totals;
  }

  private references(metric: Metric, subject: string, chain: string | null): References | undefined {
    if (metric === 'price') return this.prices.get(subject);
    return chain === null ? this.totals.get(subject) : this.chains.get(subject)?.get(chain);
  }
}

/** Returns the change in percent; null if there is no reference or it is 0. */
function percentChange(reference: number | null | undefined, current: number): number | null {
  if (reference === null || reference === undefined || reference === 0) return null;
  const percent = ((current - reference) / reference) * 100;
  // Rounded to eight decimals, which removes binary noise. Percentages from 1e7 are not rounded: the multiplication by 1e8
  // could exceed 2^53.
  return Math.abs(percent) < 1e7 ? Math.round(percent * 1e8) / 1e8 : percent;
}

/** Returns the protocol's past totals, each over the chains that had a value at that time. */
function totalReferences(parts: ReadonlyMap<string, References>): References {
  return WINDOWS_MS.map((_, window) => {
    const then = [...parts].flatMap(([chain, references]): [string, number][] => {
      const value = references[window];
      return typeof value === 'number' ? [[chain, value]] : [];
    });
    return totalOverChains(then) ?? null;
  });
}

/**
 * Value of a series at a time, from its points; if these are no longer kept, the last hourly close before that time. Null
 * while the series' row did not exist.
 */
const asOf = (time: string) => `CASE WHEN NOT EXISTS (SELECT FROM gaps x WHERE x.series_id = s.id
  AND x.since <= to_timestamp(${time}::float8 / 1000)
  AND (x.until IS NULL OR x.until > to_timestamp(${time}::float8 / 1000))) THEN coalesce(
  (SELECT p.value FROM metric_points p WHERE p.series_id = s.id AND p.at <= to_timestamp(${time}::float8 / 1000)
   ORDER BY p.at DESC, p.seq DESC LIMIT 1),
  (SELECT h.close FROM metric_hourly h WHERE h.series_id = s.id AND h.bucket <= to_timestamp(${time}::float8 / 1000)
   AND h.closed_at <= to_timestamp(${time}::float8 / 1000) ORDER BY h.bucket DESC LIMIT 1)) END`;

const AS_OF = `
WITH gaps AS MATERIALIZED (SELECT series_id, since, until FROM history_gaps)
SELECT s.metric, s.subject, s.chain, ${asOf('$1')} AS value_1h, ${asOf('$2')} AS value_24h, ${asOf('$3')} AS value_7d
FROM metric_series s`;
