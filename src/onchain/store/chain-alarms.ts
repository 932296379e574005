import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { OperatorNotices } from '../../notifications/index.js';
import { Database } from '../../platform/database/database.js';
import { HealthNotices } from '../../platform/health/health-notices.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { isoTime } from '../../platform/input/time.js';

/** Conditions that operators must know, by their stable code, with their meaning. */
export const ALARM_CODES = {
  deep_reorg: 'A reorganisation is deeper than the chain allows, or reaches a final block; the chain is stopped.',
  omitted_logs: 'An endpoint left out logs of blocks; they were read again.',
  suspicious_branch: 'A new branch has fewer logs than its blooms allow; nothing was retracted for it.',
  gap: 'Blocks of a contract are not read for more than 5 minutes.',
  dead_log: 'A log cannot be decoded or projected; its contract is stopped there.',
  delay: 'The state is more than a minute behind the newest block.',
  errors: 'More than 5 % of the attempts to read the chain have failed in five minutes.',
  retries: 'More than 10 % of the attempts to read the chain were repetitions in five minutes.',
  invariant: 'A check of the state found what must never be; ONCHAIN_CHECKS chooses when checks are made.',
  points_drift: 'Points differ from the sum of their intervals.',
  endpoints: 'No endpoint of the chain can be used.',
  retention: 'An old partition of logs is kept, because it has rows that are not processed or not final.',
} as const;
export type AlarmCode = keyof typeof ALARM_CODES;

/** Alarms that are also sent to OPERATOR_TARGETS. */
const NOTIFIED: ReadonlySet<AlarmCode> = new Set([
  'omitted_logs',
  'deep_reorg',
  'gap',
  'suspicious_branch',
  'points_drift',
  'invariant',
]);

/** Alarm that holds. */
interface Alarm {
  readonly chain: string;
  readonly code: AlarmCode;
  readonly detail: string;
  readonly since: Date;
}

/** Interval at which every process reads the alarms that others have raised, ms. */
const READ_INTERVAL_MS = 10_000;
const MAX_DETAIL_LENGTH = 2_000;

/**
 * Alarms of chains: a row while the condition holds. Each process shows them in its health details and as the metric
 * `onchain_alarm`, whichever process raised them.
 */
@Injectable()
export class ChainAlarms implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ChainAlarms.name);
  private readonly gauge: Gauge<'chain' | 'code'>;
  private readonly loop: BackgroundLoop;
  private shown: readonly string[] = [];

  constructor(
    private readonly database: Database,
    private readonly notices: HealthNotices,
    private readonly operators: OperatorNotices,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    this.gauge = new Gauge({
      ...metricOf('onchain_alarm'),
      registers: [metrics.registry],
    });
    this.loop = loops.loop({ name: 'onchain_alarms', intervalMs: READ_INTERVAL_MS, run: () => this.show() });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Raises an alarm; one that holds already keeps the time since which it holds. */
  async raise(chain: string, code: AlarmCode, detail: string): Promise<void> {
    const isNew = await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ is_new: boolean; since: Date }>(
        `INSERT INTO onchain_alarms (chain, code, detail) VALUES ($1, $2, $3)
         ON CONFLICT (chain, code) DO UPDATE SET detail = excluded.detail, raised_at = excluded.raised_at RETURNING xmax = 0 AS is_new, since`,
        [chain, code, detail.slice(0, MAX_DETAIL_LENGTH)],
      );
      const [raised] = rows;
      if (raised?.is_new !== true) return false;
      const since = isoTime(raised.since.getTime());
      if (NOTIFIED.has(code)) await this.operators.add(tx, { chain, code, detail, since });
      return true;
    });
    if (!isNew) return;
    this.logger.error({ chain, code, detail }, 'on-chain alarm');
    this.loop.ring();
  }

  /** Ends an alarm whose condition no longer holds, or only if it was not seen for a time, ms. */
  async clear(chain: string, code: AlarmCode, quietMs = 0): Promise<void> {
    const ended = await this.database.query(
      `DELETE FROM onchain_alarms WHERE chain = $1 AND code = $2
         AND raised_at <= clock_timestamp() - make_interval(secs => $3::float8 / 1000) RETURNING 1`,
      [chain, code, quietMs],
    );
    if (ended.length === 0) return;
    this.logger.log({ chain, code }, 'on-chain alarm ended');
    this.loop.ring();
  }

  /** Ends all alarms of a chain that is not followed now. */
  async clearAll(chain: string): Promise<void> {
    const ended = await this.database.query('DELETE FROM onchain_alarms WHERE chain = $1 RETURNING 1', [chain]);
    if (ended.length > 0) this.loop.ring();
  }

  private async show(): Promise<void> {
    const alarms = await this.database.query<Alarm & Record<string, unknown>>(
      'SELECT chain, code, detail, since FROM onchain_alarms ORDER BY since',
    );
    this.gauge.reset();
    const names = alarms.map(({ chain, code, detail, since }) => {
      const name = `onchain_${chain}_${code}`;
      this.gauge.set({ chain, code }, 1);
      this.notices.set(name, `${detail} Since ${isoTime(since.getTime())}.`);
      return name;
    });
    for (const ended of this.shown) if (!names.includes(ended)) this.notices.clear(ended);
    this.shown = names;
  }
}
