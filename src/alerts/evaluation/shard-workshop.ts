import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { AlertMetrics } from './alert-metrics.js';
import { LogRows } from './log-rows.js';
import { ShardCommits } from './shard-commits.js';
import { ShardRules } from './shard-rules.js';
import type { ShardParts } from './shard-runner.js';
import { ShardStore } from './shard-store.js';

/** Creates runners; they exist only while this process holds the lease of their shard. */
@Injectable()
export class ShardWorkshop {
  readonly parts: ShardParts;

  constructor(
    rows: LogRows,
    store: ShardStore,
    rules: ShardRules,
    commits: ShardCommits,
    clock: Clock,
    metrics: AlertMetrics,
  ) {
    this.parts = { rows, store, rules, commits, clock, metrics };
  }
}
