import { DueHeap } from '../structures/due-heap.js';
import type { InstanceBook } from '../table/instance-book.js';
import type { LeafTable } from '../table/leaf-table.js';
import type { Throttles } from './throttle.js';
import type { RuleTable } from '../table/rule-table.js';

/**
 * Instances and rules that wait for a time, by due time. An entry of a heap must always be checked against the current
 * state.
 */
export class Waiting {
  /** Instances that wait for the end of `forSeconds`, and rules for which a summary is due. */
  private readonly pending = new DueHeap();
  private readonly summaries = new DueHeap();
  /** Instances whose notification may become due without an event. */
  private readonly reviews = new DueHeap();
  /** Time of the next review of each instance. */
  private readonly reviewTimes = new Map<number, number>();

  constructor(
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
    private readonly throttles: Throttles,
  ) {}

  /** Yields firing instances that may notify again because of an event of one of their series. */
  *dueRepeats(repeats: DueHeap, at: number): Generator<number> {
    const { table } = this.instances;
    for (let item = repeats.popDue(at); item !== undefined; item = repeats.popDue(at)) {
      const row = Math.floor(item / 16);
      const bit = 1 << (item % 16);
      table.setWaiting(row, bit, false);
      if (!this.wantsEvents(row) || !this.looksAt(row, bit, repeats)) continue;
      const wakesAt = this.wakesAt(row);
      if (wakesAt <= at) yield row;
      else this.wait(repeats, wakesAt, row, bit);
    }
  }

  /** Yields pending instances that have held for `forSeconds`. */
  *duePending(at: number): Generator<number> {
    const { table } = this.instances;
    for (let row = this.pending.popDue(at); row !== undefined; row = this.pending.popDue(at)) {
      table.timerEnded(row);
      if (table.phase(row) !== 'pending') continue;
      if (this.isOver(row, at)) yield row;
      else this.awaitTime(row);
    }
  }

  /** Returns the instances to review; those of one rule are in the order of their keys. */
  dueReviews(at: number): readonly number[] {
    const due = new Set<number>();
    for (let row = this.reviews.popDue(at); row !== undefined; row = this.reviews.popDue(at)) {
      this.reviewTimes.delete(row);
      due.add(row);
    }
    return this.instances.inOrder([...due]);
  }

  /** Yields rules whose throttle has ended and held firings back. */
  *dueSummaries(at: number): Generator<number> {
    for (let rule = this.summaries.popDue(at); rule !== undefined; rule = this.summaries.popDue(at)) {
      this.rules.summaryDue(rule);
      if (this.rules.suppressed.get(rule) === 0) continue;
      if (this.rules.throttledUntil.get(rule) > at) this.oweSummary(rule);
      else yield rule;
    }
  }

  /** Schedules the summary of firings that a rule's throttle held back, for the end of the throttle. */
  oweSummary(rule: number): void {
    if (this.rules.oweSummary(rule)) this.summaries.push(this.rules.throttledUntil.get(rule), rule);
  }

  /**
   * Schedules the next check of the instance, for an event or for a time that may change its notification. `at`: the
   * current tick, if there is one.
   */
  settle(row: number, at = -Infinity): void {
    const phase = this.instances.table.phase(row);
    if (phase === 'firing') this.awaitRepeat(row);
    else if (phase === 'pending') this.awaitTime(row);
    this.awaitReview(row, at);
  }

  /** Reschedules after an edit of throttle or snooze: the new due times may be before those in the heaps. */
  refresh(rule: number): void {
    const { table } = this.instances;
    if (this.rules.suppressed.get(rule) > 0) this.summaries.push(this.rules.throttledUntil.get(rule), rule);
    for (const row of this.instances.firingRows(rule)) {
      table.waiting.set(row, 0);
      this.settle(row);
    }
  }

  /** Whether the instance is firing and its owner has not been notified. */
  isUnnotified(row: number): boolean {
    const { table } = this.instances;
    if (table.phase(row) !== 'firing' || table.isNotified(row) || table.isAssumed(row)) return false;
    return !this.rules.isSpent(table.rule.get(row));
  }

  /** Whether the next event of the instance's series may cause a notification. */
  wantsEvents(row: number): boolean {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (table.phase(row) !== 'firing' || table.isAssumed(row) || this.rules.isSpent(rule)) return false;
    return !table.isNotified(row) || this.rules.repeats(rule);
  }

  /** Returns the time from which the instance may notify, Unix ms. */
  private readyAt(row: number): number {
    const rule = this.instances.table.rule.get(row);
    return Math.max(this.throttles.throttledUntil(row), this.rules.silentUntil(rule));
  }

  /** Returns the time from which an event may cause a notification, either immediately or in the next summary. */
  private wakesAt(row: number): number {
    const joins = this.joinsSummary(row) || this.listsMoves(row);
    return joins ? this.rules.silentUntil(this.instances.table.rule.get(row)) : this.readyAt(row);
  }

  /**
   * Whether each change from one published value to the next is sent or listed in a summary, even while the instance is
   * firing.
   */
  listsMoves(row: number): boolean {
    const rule = this.instances.table.rule.get(row);
    return this.rules.repeats(rule) && this.leaves.isMove(rule);
  }

  /** Whether the throttle of the rule holds the instance back and the next summary does not name it yet. */
  private joinsSummary(row: number): boolean {
    return this.isUnnotified(row) && this.throttles.sharesThrottle(row) && !this.throttles.isNamed(row);
  }

  /** Whether a pending instance has held for `forSeconds`. */
  isOver(row: number, at: number): boolean {
    const { table } = this.instances;
    return at - table.since.get(row) >= this.rules.forMs(table.rule.get(row));
  }

  /** Adds the instance to the `repeats` of all its series, with the time at which the rule may notify again. */
  private awaitRepeat(row: number): void {
    const { table } = this.instances;
    if (!this.wantsEvents(row)) return;
    const wakesAt = this.wakesAt(row);
    const key = table.key(row);
    for (let leaf = this.leaves.first(table.rule.get(row)); leaf >= 0; leaf = this.leaves.next.get(leaf)) {
      const bit = this.leaves.bit(leaf);
      if ((table.waiting.get(row) & bit) !== 0) continue;
      const series = this.leaves.numberScope(leaf)?.quantityOf(key)?.series;
      if (series) this.wait(series.repeats, wakesAt, row, bit);
    }
  }

  private awaitTime(row: number): void {
    const { table } = this.instances;
    if (table.setTimer(row)) this.pending.push(table.since.get(row) + this.rules.forMs(table.rule.get(row)), row);
  }

  private awaitReview(row: number, at: number): void {
    const time = this.reviewAt(row, at);
    if (time === Infinity || time >= (this.reviewTimes.get(row) ?? Infinity)) return;
    this.reviewTimes.set(row, time);
    this.reviews.push(time, row);
  }

  /**
   * Returns the time at which the notification may change without an event. A state that is only stale waits for an
   * event.
   */
  private reviewAt(row: number, at: number): number {
    const { table } = this.instances;
    const ends = this.throttles.endsAt(row);
    const isUnnotified = this.isUnnotified(row);
    if (!isUnnotified && !table.isOwed(row)) return ends > at ? ends : Infinity;
    const silentUntil = Math.max(this.rules.silentUntil(table.rule.get(row)), this.throttles.calmAt(row));
    const ready =
      isUnnotified && !this.joinsSummary(row) ? Math.max(silentUntil, this.throttles.throttledUntil(row)) : silentUntil;
    const due = ready > at ? ready : Infinity;
    return ends > at ? Math.min(due, ends) : due;
  }

  /** Whether the condition of an instance is about the series that has these repeats. */
  private looksAt(row: number, bit: number, repeats: DueHeap): boolean {
    const { table } = this.instances;
    const { leaves } = this;
    for (let leaf = leaves.first(table.rule.get(row)); leaf >= 0; leaf = leaves.next.get(leaf)) {
      if (leaves.bit(leaf) !== bit) continue;
      return this.leaves.numberScope(leaf)?.quantityOf(table.key(row))?.series.repeats === repeats;
    }
    return false;
  }

  private wait(repeats: DueHeap, readyAt: number, row: number, bit: number): void {
    const { table } = this.instances;
    table.setWaiting(row, bit, true);
    repeats.push(readyAt, row * 16 + (31 - Math.clz32(bit)));
  }
}
