import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
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
  private readonly loops: readonly BackgroundLoop[];
  private stopped = false;
  /** Whether other processes may count this one among the evaluating ones. */
  private registered = false;

  constructor(
    loops: BackgroundLoops,
    private readonly leases: ShardLeases,
    private readonly loader: RuleLoader,
    private readonly workshop: ShardWorkshop,
    edits: RuleEdits,
  ) {
    edits.onEdit(() => {
      for (const runner of this.runners.values()) runner.lookForEdits();
    });
    this.loops = [
      loops.loop({
        // The database checks the lease at each commit, so while it is unavailable no other process can interfere.
        name: 'alert_shard_leases',
        intervalMs: RENEW_INTERVAL_MS,
        onlyOn: 'worker',
        run: () => this.renew(),
      }),
      loops.loop({
        name: 'alert_rule_edits',
        intervalMs: EDITS_INTERVAL_MS,
        onlyOn: 'worker',
        run: () => this.watchEdits(),
      }),
    ];
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  /** Number of shards whose rules are loaded and evaluated up to the newest row of the log. */
  get readyShards(): number {
    return [...this.runners.values()].filter((runner) => runner.ready).length;
  }

  /** Commits the evaluated work and releases the shards. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await Promise.all(this.loops.map((loop) => loop.stop()));
    const held = [...this.runners.values()];
    await Promise.all(held.map((runner) => runner.stop()));
    this.runners.clear();
    if (!this.registered) return;
    await this.leases.release(held.map((runner) => runner.lease)).catch(() => undefined);
    await this.leases.leave().catch(() => undefined);
  }

  private async renew(): Promise<void> {
    this.registered = true;
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
