import {
  preferencesFor,
  sendTime,
  type AlertMessage,
  type MessageType,
  type NewDelivery,
  type UserPreferences,
} from '../../notifications/core/index.js';
import {
  isAbsent,
  SILENCES,
  type Condition,
  type Rule,
  type RuleAction,
  type Silence,
  type Transition,
  FLAP_LIMITS,
  onchainEventsOf,
} from '../core/index.js';
import { flapKey, leavesOf } from './alert-message.js';
import { incidentParts } from './incidents.js';
import { summaryParts } from './parts.js';

/** Age up to which a message is still sent, ms. */
const MAX_MESSAGE_AGE_MS = 86_400_000;
/** Age up to which a message waits until its on-chain events are final, ms. */
const MAX_FINALITY_MS = 7 * MAX_MESSAGE_AGE_MS;

/** Transition with the current version of its rule and the message about it. */
export interface RuleTransition {
  readonly transition: Transition;
  readonly rule: Pick<
    Rule,
    'ruleId' | 'userId' | 'actions' | 'priority' | 'quietHours' | 'snoozedUntil' | 'mode' | 'conditions' | 'where'
  >;
  readonly alert: AlertMessage;
}

/**
 * Reasons why an alert is only recorded in the history: the evaluator silenced it, or the user's storage budget is used
 * up.
 */
export const SUPPRESSIONS = [...SILENCES, 'budget'] as const;
export type Suppression = (typeof SUPPRESSIONS)[number];

/** Outcome of a transition: number of messages, or the reason why there are none. */
export interface Outcome {
  /** Number of deliveries recorded for the transition, including suppressed ones. */
  messages: number;
  /** Id of the alert with which it was sent in one message. */
  groupedIn?: string;
  /** Reason why the alert is only recorded in the history. */
  suppressed?: Suppression;
}

export interface MessagePlan {
  readonly deliveries: readonly NewDelivery[];
  readonly outcome: Outcome;
  /** Alert as it is sent; includes a flapping notice if one is due. */
  readonly alert: AlertMessage;
}

const TYPES: Readonly<Record<AlertMessage['state'], MessageType>> = {
  fired: 'alert.fired',
  resolved: 'alert.resolved',
  summary: 'alert.summary',
  retracted: 'alert.retracted',
  test: 'test',
};

/**
 * Returns the messages of one transition, decided at `now` (Unix ms); live rules and backtests use the same code. Quiet
 * hours, digests and disabled channels are applied from `preferences`. Throttle, flapping and snooze were applied by the
 * evaluator; a snooze that the evaluator did not know yet is applied here.
 */
export function planMessages(
  { transition, rule, alert }: RuleTransition,
  preferences: UserPreferences,
  now: number,
): MessagePlan {
  if (transition.silenced) return silent(alert, transition.silenced);
  if (rule.snoozedUntil && rule.snoozedUntil.getTime() > transition.at) return silent(alert, 'snoozed');
  const sent = transition.flapNotice ? withNotice(alert, rule) : alert;
  const { all, pending } = onchainEventsOf(transition);
  const deliveries = rule.actions
    .map((action): NewDelivery => ({
      ...addressed(rule, action, now, preferences),
      ...(all.length === 0 ? {} : { onchainIds: all }),
      ...(action.finality === 'final' && pending.length > 0 ? { awaited: pending } : {}),
      // The expiry counts from the time of the log row, which may be long ago.
      expiresAt: new Date(
        transition.at + (action.finality === 'final' && pending.length > 0 ? MAX_FINALITY_MS : MAX_MESSAGE_AGE_MS),
      ),
      type: TYPES[alert.state],
      data: sent,
      collapseKey: flapKey(transition),
      standalone: !statesLevel(rule, transition),
      transitionId: alert.alertId,
    }))
    .flatMap(summaryParts)
    .flatMap((delivery) => incidentParts(delivery, rule, transition));
  return { deliveries, outcome: { messages: deliveries.length }, alert: sent };
}

function withNotice(alert: AlertMessage, rule: Pick<Rule, 'conditions' | 'where'>): AlertMessage {
  const happens = leavesOf(rule).some(({ metric }) => metric === 'event');
  return { ...alert, message: `${alert.message}.${flapNotice(happens)}` };
}

/**
 * Whether a transition reports the level of one subject, so that the next transition replaces it. Events, changes and
 * crossings remain facts after later transitions, and so do the firings of several subjects in a summary. After an edit
 * the next transition may be about a different subject.
 */
function statesLevel(rule: Pick<Rule, 'mode' | 'conditions' | 'where'>, { readings, reason }: Transition): boolean {
  if (reason === 'edited') return false;
  return rule.mode === 'while_true' && readings.length > 0 && leavesOf(rule).every(isLevel);
}

function isLevel(condition: Condition): boolean {
  if (isAbsent(condition)) return true;
  if (condition.metric === 'event' || condition.metric.startsWith('change_')) return false;
  return condition.operator !== 'change_pct' && condition.operator !== 'eq';
}

/** Returns the members of a delivery that depend on rule, action and preferences. */
export function addressed(
  rule: Pick<Rule, 'userId' | 'priority' | 'quietHours'>,
  { type: channel, target, template, format }: RuleAction,
  now: number,
  preferences: UserPreferences,
): Omit<NewDelivery, 'type' | 'data' | 'collapseKey'> {
  return {
    userId: rule.userId,
    channel,
    target,
    priority: rule.priority,
    ...(template === undefined ? {} : { template }),
    ...(format === undefined ? {} : { format }),
    ...sendTime(preferencesFor(rule, preferences), rule.priority, new Date(now), channel),
    expiresAt: new Date(now + MAX_MESSAGE_AGE_MS),
  };
}

/** Returns the plan for a user whose storage budget is used up, shortened as far as possible. */
export function overBudget(plan: MessagePlan): MessagePlan {
  const { alert, deliveries, outcome } = plan;
  if (outcome.suppressed !== undefined) return plan;
  const refused = deliveries.map((delivery) => ({ ...delivery, suppressed: 'budget' }));
  return { alert, deliveries: refused, outcome: { messages: 0, suppressed: 'budget' } };
}

function silent(alert: AlertMessage, suppressed: Silence): MessagePlan {
  return { deliveries: [], outcome: { messages: 0, suppressed }, alert };
}

const MINUTES = FLAP_LIMITS.windowMs / 60_000;

/**
 * Returns the text that announces a pause because of flapping; `happens`: the rule is about events, which are then listed
 * together.
 */
function flapNotice(happens: boolean): string {
  return happens
    ? ` It happened ${FLAP_LIMITS.changes} times in ${MINUTES} minutes; further ones of the next ${MINUTES} are listed in one message.`
    : ` It changed ${FLAP_LIMITS.changes} times in ${MINUTES} minutes; further messages wait until it has been calm for as long.`;
}
