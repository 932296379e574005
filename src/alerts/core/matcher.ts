import type { EventScopes } from './event-scopes.js';
import type { InstanceBook } from './instance-book.js';
import type { LeafTable } from './leaf-table.js';
import type { MarketRow } from './market-row.js';
import type { RuleTable } from './rule-table.js';
import type { ThresholdList } from './threshold-list.js';

/**
 * Matcher of market events with the conditions they concern; collects the instances to judge. All conditions are brought up to
 * date before any rule is judged: one event may turn one on and another off.
 */
export class Matcher {
  private touched: number[] = [];
  private momentary: number[] = [];
  private readonly met: number[] = [];
  private read = 0;

  constructor(
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
  ) {}

  /** Handles a change of a number that conditions compare with these thresholds. */
  numberMoved(thresholds: ThresholdList, instance: string, before: number, after: number): void {
    const known = !Number.isNaN(before) && !Number.isNaN(after);
    const low = known ? Math.min(before, after) : -Infinity;
    const high = known ? Math.max(before, after) : Infinity;
    const { met } = this;
    met.length = 0;
    thresholds.visit(low, high, (leaf) => met.push(leaf));
    if (instance === '' && met.length > 1) this.fetch(met);
    for (const leaf of met) this.thresholdMet(leaf, instance, before, after);
  }

  /** Handles an instance that the filter of these conditions begins or ceases to admit. */
  gateMoved(thresholds: ThresholdList, instance: string, value: number): void {
    const met: number[] = [];
    thresholds.visit(-Infinity, Infinity, (leaf) => met.push(leaf));
    const { touched } = this;
    this.touched = [];
    for (const leaf of met) this.thresholdMet(leaf, instance, value, value);
    this.keepChanged();
    this.touched = [...touched, ...this.touched];
  }

  /**
   * Keeps, of the touched instances without an event of their own, only those whose rule begins or ceases to hold: the others are
   * not notified again.
   */
  keepChanged(): void {
    const { table } = this.instances;
    this.touched = this.touched.filter((row) => {
      const isTrue = this.rules.isTrue(table.rule.get(row), this.instances.heldNow(row));
      if (isTrue !== (table.phase(row) !== 'ok')) return true;
      table.untouch(row);
      this.instances.dropIfAtRest(row);
      return false;
    });
  }

  /** Handles a condition that time has made true for the rule as a whole. */
  hold(leaf: number): void {
    const base = this.leaves.base.get(leaf);
    const bit = this.leaves.bit(leaf);
    if ((this.instances.table.held.get(base) & bit) !== 0) return;
    this.instances.table.flip(base, bit);
    this.touch(base);
  }

  eventArrived(row: MarketRow, scopes: EventScopes): void {
    if (scopes.isEmpty) return;
    for (const scope of scopes.matching(row)) {
      const key = scope.instanceOf(row);
      if (key === undefined) continue;
      for (const leaf of scope.leaves) {
        if (this.leaves.isMetBy(leaf, row.data)) this.holdsForTheMoment(leaf, key);
      }
    }
  }

  /** Adds the instance to those to judge; conditions without wildcard concern every instance of their rule. */
  touch(row: number): void {
    const { table } = this.instances;
    if (this.instances.isShared(row)) {
      for (const instance of this.instances.firingRows(table.rule.get(row))) this.touch(instance);
    } else if (table.touch(row)) this.touched.push(row);
  }

  /** Returns the instances to judge; those of one rule in the order of their keys, however they were found. */
  takeTouched(): readonly number[] {
    const { touched } = this;
    this.touched = [];
    return this.instances.inOrder(touched);
  }

  /** Ends the moment: a condition that only held because of the present event holds no longer. True if there was any. */
  endMoment(): boolean {
    const { momentary } = this;
    for (const row of momentary) this.instances.table.momentary.set(row, 0);
    this.momentary = [];
    return momentary.length > 0;
  }

  /**
   * Prefetches records that are about to be read: records of a million rules are seldom in the processor's caches, and it fetches
   * many at once when there is no other work between them. Takes a third off the time of events that concern many.
   */
  private fetch(leaves: readonly number[]): void {
    const { table } = this.instances;
    let read = 0;
    for (const leaf of leaves) read ^= this.leaves.base.get(leaf);
    for (const leaf of leaves) read ^= table.held.get(this.leaves.base.get(leaf));
    for (const leaf of leaves) read ^= this.rules.variables.get(this.leaves.rule.get(leaf));
    this.read = read;
  }

  private thresholdMet(leaf: number, key: string, before: number, after: number): void {
    const { table } = this.instances;
    const bit = this.leaves.bit(leaf);
    const row = key === '' ? this.leaves.base.get(leaf) : this.instances.find(this.leaves.rule.get(leaf), key);
    const held = row !== undefined && (table.held.get(row) & bit) !== 0;
    const isLet = this.leaves.lets(leaf, key, held);
    const holds = isLet && this.leaves.holds(leaf, held, after);
    if (holds !== held) {
      const target = row ?? this.instances.obtain(this.leaves.rule.get(leaf), key);
      table.flip(target, bit);
      this.touch(target);
    } else if (row !== undefined && key !== '' && Number.isNaN(before)) {
      // The series may be new: an instance that fires already must begin to wait for its events.
      this.touch(row);
    }
    if (isLet && !holds && this.leaves.isPassed(leaf, before, after)) this.holdsForTheMoment(leaf, key);
  }

  private holdsForTheMoment(leaf: number, key: string): void {
    const { table } = this.instances;
    const row = this.instances.obtain(this.leaves.rule.get(leaf), key);
    table.momentary.set(row, table.momentary.get(row) | this.leaves.bit(leaf));
    this.momentary.push(row);
    this.touch(row);
  }
}
