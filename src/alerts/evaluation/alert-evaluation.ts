import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Doorbell } from '../../platform/process/doorbell.js';
import { Settings } from '../../platform/settings/settings.js';
import { RuleEdits } from '../rules/rule-edits.js';
import { RuleLoader } from './rule-loader.js';
import { ShardLeases } from './shard-leases.js';
import { ShardRunner } from './shard-runner.js';
import { ShardWorkshop } from './shard-workshop.js';
import type { Lease } from './shard-store.js';

const RENEW_INTERVAL_MS = 1_000;
/**
 * Interval at which edits by other processes are polled, ms. Runners are notified immediately of edits in this process.
 */
const EDITS_INTERVAL_MS = 250;

/**
 * Evaluation of alert rules: runs the evaluator of every shard that this process holds. A single process holds all
 * shards.
 */
@Injectable()
export class AlertEvaluation implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(AlertEvaluation.name);
  private readonly runners = new Map<number, ShardRunner>();
  private readonly editsBell = new Doorbell();
  private readonly leasesBell = new Doorbell();
  private running: Promise<unknown> | undefined;
  private stopped = false;

  constructor(
    private readonly settings: Settings,
    private readonly leases: ShardLeases,
    private readonly loader: RuleLoader,
    private readonly workshop: ShardWorkshop,
    edits: RuleEdits,
  ) {
    edits.onEdit(() => {
      for (const runner of this.runners.values()) runner.lookForEdits();
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  /** Number of shards whose rules are loaded and evaluated up to the newest row of the log. */
  get readyShards(): number {
    return [...this.runners.values()].filter((runner) => runner.ready).length;
  }

  start(): void {
    this.running ??= Promise.all([
      this.repeat(this.leasesBell, RENEW_INTERVAL_MS, () => this.renew()),
      this.repeat(this.editsBell, EDITS_INTERVAL_MS, () => this.watchEdits()),
    ]);
  }

  /** Commits the evaluated work and releases the shards. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.editsBell.ring();
    this.leasesBell.ring();
    await this.running;
    const held = [...this.runners.values()];
    await Promise.all(held.map((runner) => runner.stop()));
    this.runners.clear();
    if (this.running === undefined) return;
    await this.leases.release(held.map((runner) => runner.lease)).catch(() => undefined);
    await this.leases.leave().catch(() => undefined);
  }

  /**
   * Repeats the work. Logs the first failure, and the first success after failures: while the database is unavailable,
   * the work is tried once a second.
   */
  private async repeat(bell: Doorbell, everyMs: number, work: () => Promise<void>): Promise<void> {
    let failing = false;
    while (!this.stopped) {
      try {
        await work();
        if (failing) this.logger.log('alert shard assignment recovered');
        failing = false;
      } catch (error) {
        // The database checks the lease at each commit, so while it is unavailable no other process can interfere.
        if (!failing) this.logger.warn({ err: error }, 'alert shard assignment unavailable; retrying');
        failing = true;
      }
      await bell.wait(everyMs, () => this.stopped);
    }
  }

  private async renew(): Promise<void> {
    const held = await this.leases.renew();
    const kept = new Map(held.map((lease) => [lease.shard, lease.term]));
    const surplus = [...this.runners.values()].filter(({ lease }) => kept.get(lease.shard) !== lease.term);
    for (const runner of surplus) this.runners.delete(runner.lease.shard);
    // Not awaited: stopping a runner waits for its commit, and the renewal of the other leases must not be delayed.
    for (const runner of surplus) void this.giveUp(runner);
    for (const lease of held) if (!this.runners.has(lease.shard)) this.run(lease);
  }

  private async giveUp(runner: ShardRunner): Promise<void> {
    await runner.stop();
    await this.leases.release([runner.lease]).catch(() => undefined);
  }

  private run(lease: Lease): void {
    const runner = new ShardRunner(lease, this.workshop.parts);
    this.runners.set(lease.shard, runner);
    runner.start();
    this.logger.log({ shard: lease.shard, term: lease.term }, 'evaluating a shard of the alert rules');
  }

  private async watchEdits(): Promise<void> {
    if (this.runners.size === 0) return;
    const revisions = await this.loader.revisions();
    for (const [shard, runner] of this.runners) runner.edited(revisions.get(shard) ?? 0);
  }
}
