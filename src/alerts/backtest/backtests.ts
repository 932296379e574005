import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { parseTime } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Preferences, type UserPreferences } from '../../notifications/index.js';
import {
  backtest,
  historyFamilies,
  type Condition,
  type DeadBand,
  type HistoryPoint,
  type Rule,
  type RuleFinding,
  type Transition,
} from '../core/index.js';
import { DeadBands } from '../evaluation/dead-bands.js';
import { alertMessage, leavesOf } from '../messages/alert-message.js';
import { FlapCounter } from '../messages/flapping.js';
import { planMessages } from '../messages/plan-messages.js';
import { draftOf, type RuleDraft } from '../rules/rule-draft.js';
import { UnseenSubjects } from '../rules/unseen-subjects.js';
import type { BacktestAlert, BacktestAnswer, BacktestBody, CurvePoint } from './backtest.dto.js';
import { BacktestHistories } from './backtest-history.js';
import { variants } from './threshold-curve.js';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const DEFAULT_PERIOD_MS = 30 * DAY_MS;
const LONGEST_PERIOD_MS = 90 * DAY_MS;
const LONGEST_CHANGE_MS = WEEK_MS;
const MOST_ALERTS = 200;
/** The log's clock in the curve, which counts firings and need not place them to the second. */
const CURVE_TICK_MS = 60_000;

/** A rule that was never stored, as it would have been. */
interface Candidate {
  rule: Rule;
  from: number;
  to: number;
  points: HistoryPoint[];
  deadBand: DeadBand;
}

/** What a rule would have told over a stored period: the live evaluator, the live plan of messages, nothing stored. */
@Injectable()
export class Backtests {
  constructor(
    private readonly histories: BacktestHistories,
    private readonly preferences: Preferences,
    private readonly deadBands: DeadBands,
    private readonly unseen: UnseenSubjects,
    private readonly clock: Clock,
  ) {}

  async run({ userId }: Caller, body: BacktestBody): Promise<BacktestAnswer> {
    const deadBand = await this.deadBands.current();
    const { draft, warnings } = draftIn(body, deadBand);
    const rule = candidate(userId, draft);
    const { from, to } = this.period(body);
    const leaves = leavesOf(rule);
    const { points, resolution } = await this.histories.read(historyFamilies(rule), from - lookBack(leaves), to);
    const tested = { rule, from, to, points, deadBand };
    const transitions = backtest(rule, points, { from, to, deadBand });
    const alerts = plan(rule, transitions, await this.preferences.of(userId));
    const fired = alerts.filter((alert) => alert.state === 'fired').length;
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      points: points.length,
      resolution,
      fired,
      sent: alerts.flatMap((alert) => alert.messages).filter((message) => message.sentAt !== null).length,
      firingsPerWeek: perWeek(fired, to - from),
      alerts: alerts.slice(0, MOST_ALERTS),
      curve: await curve(tested),
      warnings: [...warnings, ...this.unseen.warnings(draft, points), ...unknowable(leaves)],
    };
  }

  private period({ from, to }: BacktestBody): { from: number; to: number } {
    const now = this.clock.now();
    const end = Math.min(now, momentOf(to, now) ?? now);
    const start = momentOf(from, now) ?? end - DEFAULT_PERIOD_MS;
    if (!(start < end))
      throw new DomainError('invalid_request', 'from must be before to and in the past.', { field: 'from' });
    if (end - start > LONGEST_PERIOD_MS) {
      throw new DomainError('limit_exceeded', 'A backtest covers 90 days at most; shorten the period.', {
        field: 'from',
      });
    }
    return { from: start, to: end };
  }
}

/** The rule of the request; what is wrong with it is told with its place there. */
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

/** How far before the period the conditions look, milliseconds. */
function lookBack(leaves: readonly Condition[]): number {
  const windows = leaves.map((leaf) => {
    if (leaf.metric === 'event') return 0;
    return leaf.metric.startsWith('change_') ? LONGEST_CHANGE_MS : (leaf.timeWindow ?? 0) * 1000;
  });
  return Math.max(0, ...windows);
}

function plan(rule: Rule, transitions: readonly Transition[], preferences: UserPreferences): BacktestAlert[] {
  const flaps = new FlapCounter();
  return transitions.map((transition) => {
    const alert = alertMessage(rule, transition);
    const planned = planMessages({ transition, rule, alert }, preferences, flaps, transition.at);
    return {
      at: new Date(transition.at).toISOString(),
      state: alert.state,
      reason: transition.reason,
      message: planned.alert.message,
      value: alert.value,
      explanation: alert.explanation,
      outcome: planned.outcome,
      messages: planned.deliveries.map(({ channel, notBefore, suppressed }) => ({
        channel,
        sentAt: suppressed === undefined ? (notBefore ?? new Date(transition.at)).toISOString() : null,
        ...(suppressed === undefined ? {} : { suppressed }),
      })),
    };
  });
}

/** One pass of the history for each threshold; the event loop is free between them. */
async function curve({ rule, from, to, points, deadBand }: Candidate): Promise<CurvePoint[]> {
  const found: CurvePoint[] = [];
  for (const variant of variants(rule)) {
    await nextTurn();
    const options = { from, to, deadBand, tickEveryMs: CURVE_TICK_MS };
    const fired = backtest(variant.rule, points, options).filter(tellsFiring).length;
    found.push({ threshold: variant.threshold, firingsPerWeek: perWeek(fired, to - from) });
  }
  return found;
}

const tellsFiring = ({ reason }: Transition): boolean => reason !== 'resolved' && reason !== 'throttle_summary';

const perWeek = (count: number, ms: number): number => Number(((count * WEEK_MS) / ms).toFixed(2));

/** Metrics that history does not keep. */
function unknowable(leaves: readonly Condition[]): RuleFinding[] {
  const unknown = leaves.filter((leaf) => ['event', 'volume_24h', 'market_cap', 'points'].includes(leaf.metric));
  return unknown.slice(0, 1).map((leaf) => ({
    pointer: '/conditions',
    code: 'no_history',
    detail: `History keeps TVL and prices only; conditions on ${leaf.metric} do not hold in a backtest.`,
  }));
}
