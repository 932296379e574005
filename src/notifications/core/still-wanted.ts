import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { MessageType, Priority, SystemType } from './delivery.js';
import { preferencesFor, type RuleQuietHours, type UserPreferences } from './preferences.js';
import { sendTime } from './send-time.js';

/** Current state of a rule, read when a message about it is about to be sent. */
export interface RuleNow {
  isActive: boolean;
  /** End of the snooze, Unix ms; null: not snoozed. */
  snoozedUntil: number | null;
  actions: readonly { type: string; target: string }[];
  quietHours: RuleQuietHours;
}

/** Facts that determine, before each attempt, whether a message is still wanted. Times are Unix ms. */
export interface WantedQuestion {
  type: MessageType | SystemType;
  channel: Channel;
  target: string;
  priority: Priority;
  /** Whether the message is collected with others of its target. */
  digest: boolean;
  attempts: number;
  /** Whether the user requested the message by hand, after the last edit of its rules. */
  asked: boolean;
  createdAt: number;
  /** Time at which the target was proven; null: never. */
  verifiedAt: number | null;
  preferences: UserPreferences;
  /** Rules of the message; undefined for a deleted rule. null: the message does not depend on rules. */
  rules: readonly (RuleNow | undefined)[] | null;
  /**
   * State of the previous messages to this target about the same subjects, including those in storms and summaries: for a
   * resolution, its firings; for a firing, resolutions; for the end of a test, the test. `open`: not finished. `none`:
   * there was none. `lost`: not delivered. `overtaken`: a firing after this resolution was already delivered.
   */
  before: 'none' | 'delivered' | 'open' | 'lost' | 'overtaken';
  /** Time of the next attempt of the unfinished previous message; 0: it is being sent. */
  beforeNext: number;
  /** Whether the message reports that its subjects no longer hold: a resolution, or a storm of resolutions. */
  isEnd: boolean;
}

export type Wanted =
  | { action: 'send'; digest: boolean }
  | { action: 'finish'; state: 'suppressed' | 'superseded'; reason: string }
  | { action: 'defer'; until: number; reason: string; digest: boolean };

/** Reason of messages that wait for the end of their rule's snooze. */
export const SNOOZED = 'snoozed';

/**
 * Interval at which a message that waits for the previous one checks whether that one is finished, ms. Usually the result of
 * the previous message wakes the waiting one earlier; the interval is long, so that thousands of waiting messages do not
 * occupy the workers.
 */
export const IN_ORDER_INTERVAL_MS = 60_000;
/**
 * Time until that check while the previous message is being sent, ms. It is short because the result of the previous message
 * may be stored before this message is recorded as waiting, and would then not wake it.
 */
const IN_FLIGHT_DELAY_MS = 500;
/**
 * Maximum time until the next attempt of a previous message for which a firing waits, ms: a resolution must not delay an
 * alarm longer.
 */
const MAX_FIRING_DELAY_MS = 75_000;

/**
 * The only place that decides whether a message is still to be sent, and when: by its rules, by its user's preferences,
 * and by the previous message, because messages about one subject are delivered in order. Proofs and this service's own
 * messages are always wanted.
 */
export function stillWanted(question: WantedQuestion, now: number): Wanted {
  const { type, channel, priority, preferences, digest } = question;
  const alert = type.startsWith('alert.');
  if (!alert && type !== 'test') return { action: 'send', digest };
  const { unwanted, snoozedUntil, wanting } = question.asked ? { wanting: [] } : byRules(question, now);
  if (snoozedUntil !== undefined) return { action: 'defer', until: snoozedUntil, reason: SNOOZED, digest };
  if (unwanted !== undefined) return { action: 'finish', state: 'suppressed', reason: unwanted };
  if (!alert) return question.before === 'open' ? inOrder(question, 'after_test', now) : { action: 'send', digest };
  const time = sendTime(preferences, priority, new Date(now), channel);
  if (time.suppressed !== undefined) return { action: 'finish', state: 'suppressed', reason: time.suppressed };
  if (question.asked) return { action: 'send', digest };
  if (question.before === 'lost') return { action: 'finish', state: 'suppressed', reason: 'firing_not_delivered' };
  if (question.before === 'overtaken') return { action: 'finish', state: 'superseded', reason: 'newer_firing' };
  const wait = waits(question, wanting, now);
  if (wait !== undefined) return { ...wait, action: 'defer' };
  const collected = digest || time.digest === true;
  // A digest contains both messages.
  if (question.before !== 'open' || collected || isUrgent(question, now)) return { action: 'send', digest: collected };
  return inOrder(question, question.isEnd ? 'after_firing' : 'after_resolution', now);
}

/** Whether the message is a firing, and the previous message will not be delivered soon. */
function isUrgent({ isEnd, beforeNext }: WantedQuestion, now: number): boolean {
  return !isEnd && beforeNext - now > MAX_FIRING_DELAY_MS;
}

function inOrder({ beforeNext, digest }: WantedQuestion, reason: string, now: number): Wanted {
  const until = beforeNext === 0 ? now + IN_FLIGHT_DELAY_MS : Math.max(now, beforeNext) + IN_ORDER_INTERVAL_MS;
  return { action: 'defer', until, reason, digest };
}

/**
 * Returns the rules that want the message; if none does, the end of the first snooze for which the message waits, or else a
 * reason. A message of several rules is sent while at least one of them wants it. A message that a snooze holds back is
 * not ended: its state may be the one that its user was never notified of.
 */
function byRules(
  question: WantedQuestion,
  now: number,
): { wanting: readonly RuleNow[]; snoozedUntil?: number; unwanted?: string } {
  const judged = (question.rules ?? []).map((rule) => ({ rule, reason: reasonAgainst(rule, question, now) }));
  const wanting = judged.flatMap(({ rule, reason }) => (rule === undefined || reason !== undefined ? [] : [rule]));
  const [first] = judged;
  if (wanting.length > 0 || first?.reason === undefined) return { wanting };
  const ends = judged.flatMap(({ rule, reason }) => (reason === SNOOZED ? (rule?.snoozedUntil ?? []) : []));
  return ends.length > 0 ? { wanting, snoozedUntil: Math.min(...ends) } : { wanting, unwanted: first.reason };
}

/** Returns the reason why a rule does not want the message; undefined if it does. */
export function reasonAgainst(
  rule: RuleNow | undefined,
  { type, channel, target }: WantedQuestion,
  now: number,
): string | undefined {
  if (rule === undefined) return 'deleted';
  const aimed = rule.actions.some((action) => action.type === channel && sameTarget(channel, action.target, target));
  if (!aimed) return 'retargeted';
  // A test was requested by hand, so the rule's state does not matter.
  if (type === 'test') return undefined;
  if (!rule.isActive) return 'disabled';
  return rule.snoozedUntil !== null && rule.snoozedUntil > now ? SNOOZED : undefined;
}

/** Whether two spellings denote the same target. */
export function sameTarget(channel: Channel, one: string, other: string): boolean {
  const { key } = CHANNELS[channel];
  return key(one) === key(other);
}

/**
 * Returns the end of quiet hours or the time of the digest if it is later than now. A digest that was already attempted
 * does not wait for its next time. Of several rules, the one whose quiet hours end first applies.
 */
function waits(
  question: WantedQuestion,
  rules: readonly RuleNow[],
  now: number,
): { until: number; reason: string; digest: boolean } | undefined {
  const { preferences, priority, channel, digest, attempts, createdAt, verifiedAt } = question;
  const noQuiet = { ...preferences, quietHours: null };
  // If the target was proven after the creation of the message, the message waits for the next digest after the proof.
  const ready = new Date(Math.max(createdAt, verifiedAt ?? 0));
  const collected = sendTime(noQuiet, priority, ready, channel);
  const slot = collected.digest && attempts === 0 ? (collected.notBefore?.getTime() ?? now) : now;
  const earliest = new Date(Math.max(now, slot));
  const noDigest = { ...preferences, digest: null };
  const times = (rules.length === 0 ? [{}] : rules).map((rule) => {
    const { notBefore = earliest } = sendTime(preferencesFor(rule, noDigest), priority, earliest, channel);
    return notBefore.getTime();
  });
  const until = Math.min(...times);
  if (until <= now) return undefined;
  const reason = until === earliest.getTime() ? 'digest' : 'quiet_hours';
  return { until, reason, digest: digest || collected.digest === true };
}
