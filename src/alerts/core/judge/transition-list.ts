import type { MarketRow } from '../market-row.js';
import type { InstanceBook } from '../table/instance-book.js';
import type { LeafTable } from '../table/leaf-table.js';
import { readingsOf } from './readings.js';
import type { RuleTable } from '../table/rule-table.js';
import type { Farewell } from '../saved-state.js';
import type { HeldBack, LeafReading, Phase, Silence, Transition, TransitionReason } from '../transition.js';

/** Log row that is being processed. */
export interface Moment {
  /** Time of the row, Unix ms. */
  readonly at: number;
  /** Event of the row; null for a tick. */
  readonly event: MarketRow | null;
  /** Whether the row's value was observed too long before the row for a notification. */
  readonly isStale: boolean;
  readonly isLate: boolean;
}

type Extras = Partial<Pick<Transition, 'suppressed' | 'heldBack' | 'flapNotice' | 'readings' | 'silenced'>>;

const NOTHING = { suppressed: 0, heldBack: [], flapNotice: false, silenced: null } as const;

/** Transitions in the order of their occurrence, numbered per rule. */
export class TransitionList {
  private transitions: Transition[] = [];

  constructor(
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
  ) {}

  take(): Transition[] {
    const { transitions } = this;
    this.transitions = [];
    return transitions;
  }

  add(row: number, from: Phase, to: Phase, reason: TransitionReason, moment: Moment, extras: Extras = {}): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    this.transitions.push({
      ruleId: this.rules.id(rule),
      ruleVersion: this.rules.version(rule),
      instanceKey: table.key(row),
      seq: this.rules.count(rule),
      from,
      to,
      reason,
      ...NOTHING,
      since: table.since.get(row) || null,
      readings: extras.readings ?? readingsOf(row, moment.event, this.leaves, this.instances),
      event: moment.event,
      at: moment.at,
      ...extras,
    });
  }

  /** Adds the resolution of a firing that an edit of its rule ended, with the version of the rule that fired. */
  bidFarewell(rule: number, farewell: Farewell, moment: Moment, silenced: Silence | null): void {
    this.transitions.push({
      ruleId: this.rules.id(rule),
      ...farewell,
      seq: this.rules.count(rule),
      from: 'firing',
      to: 'ok',
      reason: silenced ? 'resolved' : 'edited',
      ...NOTHING,
      silenced,
      event: null,
      at: moment.at,
    });
  }

  /** Adds a transition that is only recorded in the history; returns the readings of the conditions. */
  silence(row: number, from: Phase, to: Phase, silenced: Silence, moment: Moment): readonly LeafReading[] {
    const readings = readingsOf(row, moment.event, this.leaves, this.instances);
    const reason = to === 'ok' ? 'resolved' : from === 'firing' ? 'repeat' : 'first_fire';
    this.add(row, from, to, reason, moment, { readings, silenced });
    return readings;
  }
}

/**
 * Returns the subject, the value and the position of the condition that names a firing: the first that holds and compares a
 * number, otherwise the first that holds.
 */
export function heldSubject(
  readings: readonly LeafReading[],
): Pick<HeldBack, 'protocol' | 'chain' | 'token' | 'account' | 'value'> & Pick<LeafReading, 'condition'> {
  const reading = readings.find(({ holds, value }) => holds && value !== null) ?? readings.find(({ holds }) => holds);
  if (!reading) return { protocol: null, chain: null, token: null, value: null, condition: 0 };
  const { protocol, chain, token, account, value, condition } = reading;
  return { protocol, chain, token, ...(account === undefined ? {} : { account }), value, condition };
}
