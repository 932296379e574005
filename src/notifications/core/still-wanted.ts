import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { MessageType, Priority, SystemType } from './delivery.js';
import { preferencesFor, type RuleQuietHours, type UserPreferences } from './preferences.js';
import { sendTime } from './send-time.js';

/** Rule as it is when a message about it is about to be sent. */
export interface RuleNow {
  isActive: boolean;
  /** End of the snooze, Unix ms; null: not snoozed. */
  snoozedUntil: number | null;
  actions: readonly { type: string; target: string }[];
  quietHours: RuleQuietHours;
}

/** Facts that decide, each time before a message is sent, whether it is still wanted. Times are Unix ms. */
export interface WantedQuestion {
  type: MessageType | SystemType;
  channel: Channel;
  target: string;
  priority: Priority;
  /** Whether it is collected with others of its target. */
  digest: boolean;
  attempts: number;
  /** Whether its user asked for it by hand, after the last edit of its rules. */
  asked: boolean;
  createdAt: number;
  /** Time since which its target is proven; null: never. */
  verifiedAt: number | null;
  preferences: UserPreferences;
  /** Rules it speaks of, undefined for a deleted one; null: no rule is asked. */
  rules: readonly (RuleNow | undefined)[] | null;
  /**
   * State of what was said before it of its subjects, alone, in a storm or in a summary: for a resolution, of its firing; for a
   * firing, of resolutions; for the end of a test, of the test. `open`: not finished yet. `none`: there was none to this target.
   * `overtaken`: a firing after the resolution has arrived, which did not wait for it.
   */
  before: 'none' | 'delivered' | 'open' | 'lost' | 'overtaken';
  /** Time of the next attempt of the unfinished one; 0: it is being sent. */
  beforeNext: number;
  /** Whether it says that its subjects hold no more: a resolution, or a storm of resolutions. */
  isEnd: boolean;
}

export type Wanted =
  | { action: 'send'; digest: boolean }
  | { action: 'finish'; state: 'suppressed' | 'superseded'; reason: string }
  | { action: 'defer'; until: number; reason: string; digest: boolean };

/**
 * Pause before a message checks by itself whether the one before it has arrived, ms. That one's result makes it due; thousands
 * that wait leave the workers to those they wait for.
 */
export const IN_ORDER_MS = 60_000;
/** The same while that one is being sent: its result may be stored before this one is known to wait. */
const IN_FLIGHT_MS = 500;
/** Longest time to the next attempt of an older message that a firing waits for, ms: an alarm is not held up by an end. */
const FIRING_PATIENCE_MS = 75_000;

/**
 * Decides, in this single place, whether a message is still to be sent, and whether now: by its rules, by its user's preferences,
 * and by the firing or the resolution before it: messages about one subject arrive in their order. The product's own messages and
 * proofs are always wanted.
 */
export function stillWanted(question: WantedQuestion, now: number): Wanted {
  const { type, channel, priority, preferences, digest } = question;
  const alert = type.startsWith('alert.');
  if (!alert && type !== 'test') return { action: 'send', digest };
  const { unwanted, wanting } = question.asked ? { wanting: [] } : byRules(question, now);
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
  // In a digest both are sent together.
  if (question.before !== 'open' || collected || isUrgent(question, now)) return { action: 'send', digest: collected };
  return inOrder(question, question.isEnd ? 'after_firing' : 'after_resolution', now);
}

/** Whether it is an alarm, and what was to arrive before it will not soon. */
function isUrgent({ isEnd, beforeNext }: WantedQuestion, now: number): boolean {
  return !isEnd && beforeNext - now > FIRING_PATIENCE_MS;
}

function inOrder({ beforeNext, digest }: WantedQuestion, reason: string, now: number): Wanted {
  const until = beforeNext === 0 ? now + IN_FLIGHT_MS : Math.max(now, beforeNext) + IN_ORDER_MS;
  return { action: 'defer', until, reason, digest };
}

/**
 * Returns the rules that want the message, or the reason why none does any more. One of several rules is sent while one of them
 * wants it.
 */
function byRules(question: WantedQuestion, now: number): { wanting: readonly RuleNow[]; unwanted?: string } {
  const judged = (question.rules ?? []).map((rule) => ({ rule, reason: reasonAgainst(rule, question, now) }));
  const wanting = judged.flatMap(({ rule, reason }) => (rule === undefined || reason !== undefined ? [] : [rule]));
  const unwanted = wanting.length > 0 ? undefined : judged[0]?.reason;
  return unwanted === undefined ? { wanting } : { wanting, unwanted };
}

/** Returns the reason why one of its rules does not want it; undefined: it does. */
export function reasonAgainst(
  rule: RuleNow | undefined,
  { type, channel, target }: WantedQuestion,
  now: number,
): string | undefined {
  if (rule === undefined) return 'deleted';
  const aimed = rule.actions.some((action) => action.type === channel && sameTarget(channel, action.target, target));
  if (!aimed) return 'retargeted';
  // A test is wanted now, whatever the rule does.
  if (type === 'test') return undefined;
  if (!rule.isActive) return 'disabled';
  return rule.snoozedUntil !== null && rule.snoozedUntil > now ? 'snoozed' : undefined;
}

/** Whether both are one target, which may be written in several ways. */
export function sameTarget(channel: Channel, one: string, other: string): boolean {
  const { key } = CHANNELS[channel];
  return key(one) === key(other);
}

/**
 * Whether quiet hours end, or the digest is due, later than now. A digest that was tried has had its time; of several rules the
 * one that is quiet for the shortest time decides.
 */
function waits(
  question: WantedQuestion,
  rules: readonly RuleNow[],
  now: number,
): { until: number; reason: string; digest: boolean } | undefined {
  const { preferences, priority, channel, digest, attempts, createdAt, verifiedAt } = question;
  const noQuiet = { ...preferences, quietHours: null };
  // A message that could only be sent later, because its target had to be proven, waits for the digest after that.
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
