import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import type { Origin } from '../config/chain-registry.js';
import { FollowerMetrics } from '../follower/follower-metrics.js';
import { SampleEndpoint } from '../sample/sample-endpoint.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import { CONDITIONS, MIN_ATTEMPTS, type ConditionCode } from './conditions.js';

const INTERVAL_MS = 10_000;

interface ChainRow {
  chain: string;
  origin: Origin;
  /** Age of the oldest block that is not projected, s; 0 if none waits, or while the chain catches up. */
  delay: number;
  left: number;
  dead: number;
  held: ConditionCode[];
}

/** Measured condition; undefined if this process cannot judge it. */
type Reading = { readonly value: number; readonly detail: string } | undefined;

/** Judges every chain a few times a minute: alarms for /health/ready and operators, and the metrics of the Prometheus rules. */
@Injectable()
export class ChainMonitor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  /** Conditions that the last round found: one that lasts for a moment only is no alarm. */
  private found: ReadonlySet<string> = new Set();
  private readonly gauges: Readonly<Record<'delay' | 'left' | 'dead', Gauge<'chain'>>>;

  constructor(
    private readonly database: Database,
    private readonly alarms: ChainAlarms,
    private readonly followers: FollowerMetrics,
    private readonly sample: SampleEndpoint,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.gauges = {
      delay: new Gauge({ ...metricOf('onchain_processing_delay_seconds'), registers }),
      left: new Gauge({ ...metricOf('onchain_blocks_left'), registers }),
      dead: new Gauge({ ...metricOf('onchain_dead_logs'), registers }),
    };
    this.loop = loops.loop({
      name: 'onchain_monitor',
      intervalMs: INTERVAL_MS,
      isDelayed: true,
      onlyOn: 'worker',
      run: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Measures and judges all chains once. */
  async round(): Promise<void> {
    const rows = await this.database.query<ChainRow & Record<string, unknown>>(READ);
    for (const gauge of Object.values(this.gauges)) gauge.reset();
    const found = new Set<string>();
    for (const row of rows) {
      if (!this.sample.isReachable(row)) {
        await this.endAlarms(row);
        continue;
      }
      for (const [name, gauge] of Object.entries(this.gauges)) gauge.set({ chain: row.chain }, Number(row[name]));
      await this.judge(row, found);
    }
    this.found = found;
  }

  /** Ends the alarms of the sample chain in a process that does not play it: nothing would end them. */
  private async endAlarms({ chain, held }: ChainRow): Promise<void> {
    if (held.length > 0) await this.alarms.clearAll(chain);
  }

  /** Raises the alarms of conditions that two rounds in a row have found, and ends those that do not hold. */
  private async judge(row: ChainRow, found: Set<string>): Promise<void> {
    const { chain, delay, left, dead, held } = row;
    const { failed, repeated } = this.followers.shares(chain);
    const readings: Readonly<Record<ConditionCode, Reading>> = {
      delay: { value: delay, detail: `the state is ${Math.round(delay)} s behind, ${left} blocks` },
      errors: share(failed, 'failed'),
      retries: share(repeated, 'were repetitions'),
      dead_log: { value: dead, detail: `${dead} logs cannot be decoded or projected; their contracts are stopped` },
    };
    for (const [code, { warning }] of typedEntries(CONDITIONS)) {
      const reading = readings[code];
      if (reading === undefined) continue;
      const name = `${chain}:${code}`;
      if (reading.value > warning) {
        found.add(name);
        if (this.found.has(name)) await this.alarms.raise(chain, code, reading.detail);
      } else if (held.includes(code)) await this.alarms.clear(chain, code);
    }
  }
}

function share({ part, whole }: { part: number; whole: number }, what: string): Reading {
  if (whole < MIN_ATTEMPTS) return undefined;
  return { value: part / whole, detail: `${part} of ${whole} attempts to read the chain ${what} in five minutes` };
}

const typedEntries = <K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] =>
  // Object.entries forgets the names, which a constant record has and no others.
  Object.entries(record) as [K, V][];

/** The stream that is furthest behind counts; one whose contract begins above the newest block waits for nothing. */
const READ = `SELECT h.name AS chain, h.origin, coalesce(greatest(0, h.head_number - s.block), 0)::float8 AS left,
    CASE WHEN h.state IN ('following', 'stopped') AND s.block < h.head_number
      THEN greatest(0, extract(epoch FROM clock_timestamp()) - coalesce((SELECT b.at_ms FROM onchain_blocks b
        WHERE b.chain = h.id AND b.canonical AND b.number > s.block ORDER BY b.number LIMIT 1), h.head_ms) / 1000.0)::float8
      ELSE 0 END AS delay,
    (SELECT count(*) FROM onchain_dead_logs d WHERE d.chain = h.id AND d.canonical AND d.resolution IS NULL)::int AS dead,
    ARRAY(SELECT a.code FROM onchain_alarms a WHERE a.chain = h.name) AS held
  FROM onchain_chains h LEFT JOIN LATERAL (
    SELECT p.block FROM onchain_streams p WHERE p.chain = h.id AND p.block <= h.head_number
      AND EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = p.id AND c.shadow_of IS NULL AND NOT c.paused)
    ORDER BY p.block, p.log LIMIT 1) s ON true`;
