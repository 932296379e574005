import { Injectable } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { isoTime, parseTime } from '../../platform/input/time.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { WorkerPool } from '../../platform/workers/worker-pool.js';
import { workerTask } from '../../platform/workers/worker-task.js';
import { PreferenceStore } from '../../notifications/index.js';
import { isAbsent, isComparison, type Condition, type Rule, type RuleFinding } from '../core/index.js';
import { DeadBands, type DeadBand } from '../../events/index.js';
import { leavesOf } from '../messages/alert-message.js';
import { draftOf, type RuleDraft } from '../rules/rule-draft.js';
import { UnseenSubjects } from '../rules/unseen-subjects.js';
import type { BacktestAnswer, BacktestBody } from './backtest.dto.js';
import { MAX_POINTS } from './backtest-history.js';
import { subjectKey, type BacktestFindings, type BacktestInput } from './backtest-task.js';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const DEFAULT_PERIOD_MS = 30 * DAY_MS;
const MAX_PERIOD_MS = 90 * DAY_MS;
const MAX_CHANGE_WINDOW_MS = WEEK_MS;
const RUN = workerTask<BacktestInput, BacktestFindings | undefined>(import.meta.url, './backtest-task', 'runBacktest', {
  lane: 'long',
  timeoutMs: 60_000,
  cpuMsPerMinute: 30_000,
});

/**
 * Backtests of rules over a stored period. They use the live evaluator and the live planning of messages, and store
 * nothing. Reading and computing run in a worker thread; they take seconds for a rule that watches everything.
 */
@Injectable()
export class Backtests {
  constructor(
    private readonly database: Database,
    private readonly workers: WorkerPool,
    private readonly preferences: PreferenceStore,
    private readonly deadBands: DeadBands,
    private readonly unseen: UnseenSubjects,
    private readonly clock: Clock,
  ) {}

  /** Runs a backtest; stops when `signal` aborts. `progress` can be read during the run. */
  async run(
    { userId }: Caller,
    body: BacktestBody,
    signal: AbortSignal,
    progress: SharedArrayBuffer = new SharedArrayBuffer(8),
  ): Promise<BacktestAnswer> {
    const { draft, warnings } = draftIn(body, await this.deadBands.current());
    const rule = candidate(userId, draft);
    const { from, to } = this.period(body);
    const leaves = leavesOf(rule);
    const input: BacktestInput = {
      databaseUrl: this.database.url,
      rule,
      from,
      to,
      lookBackMs: lookBack(leaves),
      deadBands: await this.deadBands.currentRows(),
      preferences: await this.preferences.of(userId),
      progress,
    };
    const found = await this.workers.run(RUN, input, { key: userId, signal });
    if (found === undefined) throw tooMany();
    const { recorded, ...findings } = found;
    const known = new Set(recorded);
    const unseen = await this.unseen.warnings(draft, (condition) => known.has(subjectKey(condition)));
    return {
      from: isoTime(from),
      to: isoTime(to),
      ...findings,
      warnings: [...warnings, ...unseen, ...unknowable(leaves)],
    };
  }

  private period({ from, to }: BacktestBody): { from: number; to: number } {
    const now = this.clock.now();
    const end = Math.min(now, momentOf(to, now) ?? now);
    const start = momentOf(from, now) ?? end - DEFAULT_PERIOD_MS;
    if (!(start < end))
      throw new DomainError('invalid_request', 'from must be before to and in the past.', { field: 'from' });
    if (end - start > MAX_PERIOD_MS) {
      throw new DomainError('limit_exceeded', 'A backtest must cover at most 90 days; shorten the period.', {
        field: 'from',
      });
    }
    return { from: start, to: end };
  }
}

/** Returns the rule of the request. An invalid rule is refused with JSON pointers into the request. */
function draftIn({ rule }: BacktestBody, deadBand: DeadBand): ReturnType<typeof draftOf> {
  try {
    return draftOf(rule, undefined, deadBand);
  } catch (error) {
    if (!(error instanceof DomainError) || error.errors === undefined) throw error;
    const errors = error.errors.map((fault) => ({ ...fault, pointer: `/rule${fault.pointer}` }));
    throw new DomainError(error.code, error.message, { errors, field: `rule/${error.field ?? ''}`, cause: error });
  }
}

function momentOf(text: string | null | undefined, now: number): number | undefined {
  return text === undefined || text === null ? undefined : parseTime(text, now);
}

function candidate(userId: string, draft: RuleDraft): Rule {
  const created = new Date(0);
  return {
    ...draft,
    ruleId: 'backtest',
    userId,
    version: 1,
    createdAt: created,
    updatedAt: created,
    snoozedUntil: null,
  };
}

/** Returns the time before the period to which the windows of conditions reach back, ms. */
function lookBack(leaves: readonly Condition[]): number {
  const windows = leaves.map((leaf) => {
    if (!isComparison(leaf)) return 0;
    return leaf.metric.startsWith('change_') ? MAX_CHANGE_WINDOW_MS : (leaf.timeWindow ?? 0) * 1000;
  });
  return Math.max(0, ...windows);
}

/** Warns of data that history does not contain: some metrics, and observations that were not published. */
function unknowable(leaves: readonly Condition[]): RuleFinding[] {
  return [...unkeptMetrics(leaves), ...unkeptObservations(leaves)];
}

function unkeptObservations(leaves: readonly Condition[]): RuleFinding[] {
  if (!leaves.some(isAbsent)) return [];
  const detail =
    'History contains only published values: a value that moved within its dead band was observed live, but counts as absent here.';
  return [{ pointer: '/conditions', code: 'published_only', detail }];
}

function unkeptMetrics(leaves: readonly Condition[]): RuleFinding[] {
  const unknown = leaves.filter((leaf) =>
    ['event', 'volume_24h', 'market_cap', 'points', 'staked_tokens'].includes(leaf.metric),
  );
  return unknown.slice(0, 1).map((leaf) => ({
    pointer: '/conditions',
    code: 'no_history',
    detail: `History contains only TVL and prices; conditions on ${leaf.metric} never hold in a backtest.`,
  }));
}

function tooMany(): DomainError {
  const detail = `The period has more than ${MAX_POINTS} stored values; name a protocol or token, or shorten the period.`;
  return new DomainError('limit_exceeded', detail, { field: 'from' });
}
