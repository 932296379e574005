import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { EndpointPool } from '../rpc/endpoint-pool.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import type { ChainLease } from '../store/chain-lease.js';
import { finishCheck, readCheckPlan, type CheckPlan } from '../store/log-checks.js';
import { ChainRuntime } from './chain-runtime.js';
import { Healer } from './healer.js';
import { RereadService, type Progress } from './reread-service.js';
import { RangeCheck, type RangeFinding } from './range-check.js';

/** Interval at which a led chain is looked at for checks that are due, ms. */
const LOOK_INTERVAL_MS = 1_000;
const RETRY = { minMs: 1_000, maxMs: 30_000 };
/** Blocks below the newest one that are read again, and the interval, ms. */
const RECENT_BLOCKS = 64;
const RECENT_INTERVAL_MS = 30_000;
/** Blocks that one recent check reads at most, where a chain adds more of them in an interval. */
const MAX_RECENT_BLOCKS = 5_000;
/** Time that the daily check covers, and its interval, ms. */
const DAILY_SPAN_MS = 86_400_000;
const DAILY_INTERVAL_MS = 86_400_000;

/** Makes the checks of the chains that this process leads. */
@Injectable()
export class RereadStarter {
  readonly omitted: Counter<'chain'>;
  readonly healed: Counter<'chain'>;

  constructor(
    readonly runtime: ChainRuntime,
    readonly healer: Healer,
    readonly alarms: ChainAlarms,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.omitted = new Counter({
      ...metricOf('onchain_omitted_logs_total'),
      registers,
    });
    this.healed = new Counter({
      ...metricOf('onchain_healed_logs_total'),
      registers,
    });
  }

  start(chain: WatchedChain, lease: ChainLease, pool: EndpointPool, signal: AbortSignal): Rereads {
    const rereads = new Rereads(chain, lease, pool, signal, this);
    rereads.start();
    return rereads;
  }
}

/**
 * Reads the logs of stored blocks again and compares them: the newest ones every 30 s, those of the last 24 hours once a day.
 * Logs that were left out are healed. An answer with fewer logs than are stored retracts nothing.
 */
export class Rereads {
  private readonly check: RangeCheck;
  private readonly loop: BackgroundLoop;
  /** Block up to which recent blocks were compared. */
  private compared = -1;
  private daily: Progress | undefined;
  private readonly service: RereadService;
  /** Blocks whose stored logs an endpoint did not show at the last check: they are counted once. */
  private doubted = new Set<number>();

  constructor(
    private readonly chain: WatchedChain,
    private readonly lease: ChainLease,
    pool: EndpointPool,
    signal: AbortSignal,
    private readonly parts: RereadStarter,
  ) {
    const { database, loops, settings } = parts.runtime;
    this.check = new RangeCheck(chain, database, pool, settings.maxBatchQuantity, signal);
    this.service = new RereadService(database, chain.id, (progress) => this.part(progress));
    this.loop = loops.loop({
      name: 'onchain_rereads',
      intervalMs: LOOK_INTERVAL_MS,
      retry: RETRY,
      run: () => this.run(),
    });
  }

  start(): void {
    this.loop.start();
  }

  /** Ends the checks; resolves when the one in progress has ended. */
  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Does what is due; returns the pause after it, ms. */
  private async run(): Promise<number | void> {
    const plan = await readCheckPlan(this.parts.runtime.database, this.chain.id);
    if (plan === undefined) return;
    if (plan.recentAgeMs >= RECENT_INTERVAL_MS) {
      await this.recent(plan);
      return 0;
    }
    const wasAsked = await this.service.serve();
    if (this.daily === undefined && plan.dailyAgeMs >= DAILY_INTERVAL_MS) this.daily = await this.beginDaily(plan);
    if (this.daily === undefined) return wasAsked ? 0 : undefined;
    await this.goOn(this.daily);
    return 0;
  }

  /** Reads the newest blocks again, and those that were added since the last time. */
  async recent({ head, isRebuilding }: Pick<CheckPlan, 'head' | 'isRebuilding'>): Promise<void> {
    const newest = Math.max(0, head - RECENT_BLOCKS + 1);
    const next = this.compared < 0 ? newest : Math.min(newest, Math.max(this.compared + 1, head - MAX_RECENT_BLOCKS));
    const progress = { next, to: head, omitted: 0, healed: 0 };
    const doubted = new Set<number>();
    let isClean = true;
    while (progress.next <= progress.to) {
      const finding = await this.part(progress);
      if (finding === undefined) break;
      this.compared = Math.max(this.compared, finding.range.to);
      for (const block of finding.gone.keys()) doubted.add(block);
      isClean &&= finding.gone.size + finding.changed.length === 0;
    }
    this.doubted = doubted;
    await finishCheck(this.parts.runtime.database, this.chain.id, 'recent', progress);
    // A log that was healed is a reason to keep the alarm for one more period.
    if (isClean && !isRebuilding) await this.parts.alarms.clear(this.chain.name, 'omitted_logs', RECENT_INTERVAL_MS);
  }

  /** Finds the first block of the last 24 hours. */
  private async beginDaily({ head, headAt }: CheckPlan): Promise<Progress> {
    const next = await this.check.withOther(async (endpoint) => {
      let [low, high] = [0, head];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const block = await endpoint.blockByNumber(middle);
        if ((block?.at ?? Infinity) < headAt - DAILY_SPAN_MS) low = middle + 1;
        else high = middle;
      }
      return low;
    });
    return { next, to: head, omitted: 0, healed: 0 };
  }

  private async goOn(daily: Progress): Promise<void> {
    if (daily.next <= daily.to && (await this.part(daily)) !== undefined) return;
    this.daily = undefined;
    await finishCheck(this.parts.runtime.database, this.chain.id, 'daily', daily);
  }

  /** Compares the next part of a check and heals it; undefined if no endpoint has it. */
  private async part(progress: Progress): Promise<RangeFinding | undefined> {
    const finding = await this.check.check({ from: progress.next, to: progress.to });
    if (finding === undefined) return undefined;
    progress.healed += await this.heal(finding, progress);
    progress.next = finding.range.to + 1;
    return finding;
  }

  private async heal({ range, missing, gone, changed }: RangeFinding, progress: Progress): Promise<number> {
    const { healer, alarms, healed: healedTotal, omitted: omittedTotal } = this.parts;
    const { name } = this.chain;
    const healed = await healer.heal(this.chain, this.lease, missing);
    const hidden = [...gone.values()].reduce((sum, logs) => sum + logs, 0);
    const seen = [...gone].reduce((sum, [block, logs]) => sum + (this.doubted.has(block) ? logs : 0), 0);
    const omitted = healed + hidden - seen;
    healedTotal.inc({ chain: name }, healed);
    omittedTotal.inc({ chain: name }, omitted);
    progress.omitted += omitted;
    const faults = [
      ...(healed > 0 ? [`${healed} logs had been left out; they are stored now`] : []),
      ...(hidden > 0 ? [`an endpoint does not show ${hidden} stored logs; nothing was retracted`] : []),
      ...(changed.length > 0 ? [`an endpoint shows other contents of stored logs of block ${changed[0]}`] : []),
    ];
    if (faults.length > 0)
      await alarms.raise(name, 'omitted_logs', `blocks ${range.from} to ${range.to}: ${faults.join('; ')}`);
    return healed;
  }
}
