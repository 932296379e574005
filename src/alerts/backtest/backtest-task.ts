import { isoTime } from '../../platform/input/time.js';
import { EACH_CHAIN, backtest, historyFamilies } from '../core/index.js';
import { deadBandOf, type DeadBand, type DeadBandRow } from '../../events/core/index.js';
import type { HistoryPoint, NumberCondition, Rule, Transition } from '../core/index.js';
import { alertMessage, leavesOf } from '../messages/alert-message.js';
import { planMessages } from '../messages/plan-messages.js';
import type { UserPreferences } from '../../notifications/core/index.js';
import type { BacktestAlert, CurvePoint } from './backtest.dto.js';
import { readHistory, type BacktestHistory } from './backtest-history.js';
import { variants } from './threshold-curve.js';

const WEEK_MS = 7 * 86_400_000;
const MAX_ALERTS = 200;
/** Interval of ticks in the curve, ms: the curve counts firings and does not need their exact times. */
const CURVE_TICK_INTERVAL_MS = 60_000;

export interface BacktestInput {
  databaseUrl: string;
  /** Rule in the form in which it would be stored. */
  rule: Rule;
  /** Start of the period, Unix ms. */
  from: number;
  to: number;
  /** Time before the period to which the windows of conditions reach back, ms. */
  lookBackMs: number;
  deadBands: readonly DeadBandRow[];
  preferences: UserPreferences;
  /** Two shared 32-bit numbers: completed passes over the history, and all passes. */
  progress: SharedArrayBuffer;
}

export interface BacktestFindings {
  points: number;
  resolution: BacktestHistory['resolution'];
  fired: number;
  sent: number;
  firingsPerWeek: number;
  alerts: BacktestAlert[];
  curve: CurvePoint[];
  /** Subjects of conditions (`subjectKey`) for which the history has a value. */
  recorded: string[];
}

/**
 * Returns the firings and messages of a rule over stored history; undefined if there are too many stored values. Runs in
 * a worker thread.
 */
export async function runBacktest(input: BacktestInput): Promise<BacktestFindings | undefined> {
  const { rule, from, to } = input;
  const families = historyFamilies(rule);
  const history = await readHistory(input.databaseUrl, families, from - input.lookBackMs, to);
  if (history === undefined) return undefined;
  const tested = variants(rule);
  const progress = new Int32Array(input.progress);
  progress[1] = tested.length + 1;
  const deadBand = deadBandOf(input.deadBands);
  const { points, resolution } = history;
  const transitions = backtest(rule, points, { from, to, deadBand });
  const planned = plan(rule, transitions, input.preferences);
  progress[0] = 1;
  const fired = transitions.filter(isFiring).length;
  return {
    points: points.length,
    resolution,
    fired,
    sent: planned.sent,
    firingsPerWeek: perWeek(fired, to - from),
    alerts: planned.alerts,
    curve: curve(tested, input, points, deadBand, progress),
    recorded: recordedSubjects(rule, points),
  };
}

/**
 * Returns the first alerts, and the number of messages of all alerts: a rule that fires at every value has a hundred
 * thousand alerts, so only the first are stored.
 */
function plan(
  rule: Rule,
  transitions: readonly Transition[],
  preferences: UserPreferences,
): { alerts: BacktestAlert[]; sent: number } {
  const alerts: BacktestAlert[] = [];
  let sent = 0;
  for (const transition of transitions) {
    const alert = plannedAlert(rule, transition, preferences);
    if (alerts.length < MAX_ALERTS) alerts.push(alert);
    sent += alert.messages.filter(({ sentAt }) => sentAt !== null).length;
  }
  return { alerts, sent };
}

function plannedAlert(rule: Rule, transition: Transition, preferences: UserPreferences): BacktestAlert {
  const alert = alertMessage(rule, transition);
  const planned = planMessages({ transition, rule, alert }, preferences, transition.at);
  return {
    at: isoTime(transition.at),
    state: alert.state,
    reason: transition.reason,
    message: planned.alert.message,
    value: alert.value,
    explanation: alert.explanation,
    outcome: planned.outcome,
    messages: planned.deliveries.map(({ channel, notBefore, suppressed }) => ({
      channel,
      sentAt: suppressed === undefined ? isoTime(notBefore?.getTime() ?? transition.at) : null,
      ...(suppressed === undefined ? {} : { suppressed }),
    })),
  };
}

/** Runs the rule once over the history for each threshold. */
function curve(
  tested: ReturnType<typeof variants>,
  { from, to }: BacktestInput,
  points: readonly HistoryPoint[],
  deadBand: DeadBand,
  progress: Int32Array,
): CurvePoint[] {
  return tested.map(({ rule, threshold }, index) => {
    const options = { from, to, deadBand, tickEveryMs: CURVE_TICK_INTERVAL_MS };
    const fired = backtest(rule, points, options).filter(isFiring).length;
    progress[0] = index + 2;
    return { threshold, firingsPerWeek: perWeek(fired, to - from) };
  });
}

const isFiring = ({ silenced, reason, to }: Transition): boolean =>
  silenced === null && to === 'firing' && reason !== 'throttle_summary';

const perWeek = (count: number, ms: number): number => Number(((count * WEEK_MS) / ms).toFixed(2));

/** Returns the subject of a condition on a number: its token, or its protocol and chain. */
export function subjectKey({ token, protocol, chain }: NumberCondition): string {
  return JSON.stringify([token ?? null, protocol ?? null, chain ?? null]);
}

function recordedSubjects(rule: Rule, points: readonly HistoryPoint[]): string[] {
  const conditions = leavesOf(rule).filter((leaf) => leaf.metric !== 'event');
  const found = conditions.filter((condition) => points.some((point) => isAbout(point, condition)));
  return [...new Set(found.map(subjectKey))];
}

function isAbout(point: HistoryPoint, { token, protocol, chain }: NumberCondition): boolean {
  if (token !== undefined) return point.token === token;
  const isOpen = chain === undefined || chain === EACH_CHAIN;
  return point.protocol === (protocol ?? point.protocol) && (isOpen || point.chain === chain);
}
