import { createHash } from 'node:crypto';
import type { AlertMessage } from '../../notifications/core/index.js';
import { eventId, formatCursor } from '../../events/core/index.js';
import { isoTime } from '../../platform/input/time.js';
import {
  thresholdOf,
  typeOf,
  type LeafReading,
  type MarketRow,
  type Rule,
  type Transition,
  type Where,
} from '../core/index.js';
import { factOf, sentenceOf, type StatedCondition } from './sentence.js';
import { summarySubjects, unnamed } from './summary.js';

/** Members of a rule that its messages need; the conditions are those of the version that made the transition. */
export type SpeakingRule = Pick<Rule, 'ruleId' | 'name' | 'priority' | 'conditions' | 'where'>;

function stateOf({ reason, to }: Pick<Transition, 'reason' | 'to'>): AlertMessage['state'] {
  if (reason === 'throttle_summary') return 'summary';
  return to === 'firing' ? 'fired' : 'resolved';
}

/** Returns all conditions of a rule in the order of their readings: first `conditions`, then `where` in reading order. */
export function leavesOf({ conditions, where }: Pick<Rule, 'conditions' | 'where'>): StatedCondition[] {
  return [...conditions, ...(where ? treeLeaves(where, {}) : [])];
}

function treeLeaves(tree: Where, place: Pick<StatedCondition, 'negated' | 'optional'>): StatedCondition[] {
  // Optional: under `or` one of several conditions is enough, and likewise under a negated `and`.
  const choice = { ...place, optional: true };
  if ('and' in tree) return tree.and.flatMap((part) => treeLeaves(part, place.negated ? choice : place));
  if ('or' in tree) return tree.or.flatMap((part) => treeLeaves(part, place.negated ? place : choice));
  if ('not' in tree) {
    const { negated = false, ...rest } = place;
    return treeLeaves(tree.not, negated ? rest : { ...place, negated: true });
  }
  return [{ ...tree, ...place }];
}

/** Returns the alert in the form for sockets, channels, templates and the history. */
export function alertMessage(rule: SpeakingRule, transition: Transition): AlertMessage {
  const leaves = leavesOf(rule);
  const state = stateOf(transition);
  const isEdited = transition.reason === 'edited';
  const reading = decisive(transition.readings, isEdited || state !== 'resolved');
  const condition = reading === undefined ? leaves[0] : leaves[reading.condition];
  const { protocol, chain, token, account } = reading ?? { protocol: null, chain: null, token: null };
  return {
    alertId: transitionId(transition),
    ruleId: rule.ruleId,
    name: rule.name,
    state,
    type: typeOf(condition),
    message: sentenceOf({
      rule: rule.name,
      state,
      conditions: leaves,
      readings: transition.readings,
      suppressed: transition.suppressed,
      heldBack: transition.heldBack,
      heldMs: transition.since === null ? null : transition.at - transition.since,
      edited: isEdited,
    }),
    at: isoTime(transition.at),
    priority: rule.priority,
    ...(protocol === null ? {} : { protocol }),
    ...(chain === null ? {} : { chain }),
    ...(token === null ? {} : { token }),
    ...(account === undefined ? {} : { account }),
    metric: condition?.metric ?? 'event',
    value: reading?.value ?? null,
    threshold: thresholdOf(condition),
    explanation: explanationOf(transition, leaves, state),
  };
}

/**
 * Returns the condition that the message names. For a firing, including one that an edit ended, it is the first that
 * holds; otherwise the first that no longer holds.
 */
function decisive(readings: readonly LeafReading[], wanted: boolean): LeafReading | undefined {
  return readings.find((reading) => reading.holds === wanted && reading.value !== null) ?? readings[0];
}

function explanationOf(
  transition: Transition,
  leaves: readonly StatedCondition[],
  state: AlertMessage['state'],
): object {
  const { ruleVersion, reason, from, to, instanceKey, seq, suppressed, since, at, readings } = transition;
  const { event } = transition;
  return {
    ruleVersion,
    reason,
    from,
    to,
    ...(instanceKey === '' ? {} : { instance: instanceKey }),
    sequence: seq,
    suppressed,
    ...(event === null ? {} : { event: causeOf(event, leaves) }),
    since: since === null ? null : isoTime(since),
    at: isoTime(at),
    ...(state === 'summary' ? summarised(transition, leaves) : {}),
    conditions: readings.map((reading) => statedReading(reading, leaves[reading.condition], state)),
  };
}

/** Returns the subjects of all firings held back, with their values, the number of subjects, and the number of firings. */
function summarised({ heldBack, suppressed }: Transition, [condition]: readonly StatedCondition[]): object {
  return {
    subjects: summarySubjects(heldBack, condition),
    count: heldBack.length + unnamed(heldBack, suppressed),
  };
}

function statedReading(reading: LeafReading, leaf: StatedCondition | undefined, state: AlertMessage['state']): object {
  const { condition, observedAt, referenceAt, ...values } = reading;
  const { optional: _, ...stated } = leaf ?? {};
  return {
    condition,
    ...stated,
    ...values,
    referenceAt: referenceAt === null ? null : isoTime(referenceAt),
    observedAt: observedAt === null ? null : isoTime(observedAt),
    ...(leaf === undefined ? {} : { text: factOf(leaf, reading, state) }),
  };
}

/** Returns the event that caused an alert; its data only if a condition is about events. */
function causeOf(event: MarketRow, leaves: readonly StatedCondition[]): object {
  const { type: eventType, loggedAt, seq, epoch, data } = event;
  const isLogged = seq !== undefined && epoch !== undefined;
  return {
    eventType,
    ...(isLogged ? { eventId: eventId({ loggedAt, seq, epoch }), cursor: formatCursor(epoch, seq) } : {}),
    ...(data && leaves.some(({ metric }) => metric === 'event') ? { data } : {}),
  };
}

/**
 * Returns the id of a transition: a UUID computed from its rule, instance and number, so that repeated writes give the
 * same id.
 */
function transitionId({ ruleId, instanceKey, seq }: Pick<Transition, 'ruleId' | 'instanceKey' | 'seq'>): string {
  return hashedId(['transition', ruleId, instanceKey, seq]);
}

/**
 * Returns the key of one instance of one rule, under which flapping is counted and a newer level replaces an older one.
 */
export function flapKey({ ruleId, instanceKey }: Pick<Transition, 'ruleId' | 'instanceKey'>): string {
  return instanceKey === '' ? ruleId : `${ruleId} ${instanceKey}`;
}

/** Returns a UUID (version 8) that is a hash of the parts. */
export function hashedId(of: readonly (string | number)[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(of)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
