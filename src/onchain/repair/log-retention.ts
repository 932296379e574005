import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { ChainAlarms } from '../store/chain-alarms.js';

const DAY_MS = 86_400_000;
/** Days for which logs are kept after they were stored; what was derived from them is kept. */
const LOG_RETENTION_DAYS = 7;
/** Days ahead for which partitions are created; a stop shorter than this leaves no partition missing. */
const PARTITIONS_AHEAD_DAYS = 14;
const RETENTION_INTERVAL_MS = 3_600_000;
/** Name under which alarms that concern no single chain are shown. */
const ALL_CHAINS = 'all';

/** Partition that is older than the retention; `kept` is the reason why it stays, null if it was dropped. */
interface OldPartition {
  readonly partition: string;
  readonly kept: string | null;
}

/**
 * Daily partitions of logs: created in advance, dropped as a whole after a week. One with a row that is not projected or not
 * final stays and raises an alarm.
 */
@Injectable()
export class LogRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly alarms: ChainAlarms,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'onchain_retention',
      intervalMs: RETENTION_INTERVAL_MS,
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

  /** Creates the partitions of the coming days, and drops those whose time is over. */
  async round(): Promise<void> {
    const now = this.clock.now();
    await this.database.query('SELECT prepare_onchain_logs(to_timestamp($1::float8 / 1000))', [
      now + PARTITIONS_AHEAD_DAYS * DAY_MS,
    ]);
    const kept = (await this.retire(now)).filter((old) => old.kept !== null);
    if (kept.length === 0) return this.alarms.clear(ALL_CHAINS, 'retention');
    const reasons = kept.map((old) => `${old.partition}: ${old.kept}`).join('; ');
    await this.alarms.raise(ALL_CHAINS, 'retention', `Old partitions of logs are kept: ${reasons}.`);
  }

  private retire(now: number): Promise<(OldPartition & Record<string, unknown>)[]> {
    return this.database.query('SELECT partition, kept FROM retire_onchain_logs(to_timestamp($1::float8 / 1000))', [
      now - LOG_RETENTION_DAYS * DAY_MS,
    ]);
  }
}
