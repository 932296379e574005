import { DueHeap } from './due-heap.js';
import type { InstanceBook } from './instance-book.js';
import type { LeafTable } from './leaf-table.js';
import type { MarketRow } from './market-row.js';
import { readingsOf } from './readings.js';
import type { RuleTable } from './rule-table.js';
import type { LeafReading, Phase, Transition, TransitionReason } from './transition.js';

/** The row of the log in hand. */
export interface Moment {
  /** Unix ms. */
  readonly at: number;
  /** Null for a tick. */
  readonly event: MarketRow | null;
  /** Observed too long ago to tell anybody about it now. */
  readonly isStale: boolean;
  readonly isLate: boolean;
}

/**
 * Judges instances whose conditions changed and decides what their owner is told. Phases follow the market alone; modes,
 * throttle, snooze and staleness only decide whether a change of phase becomes a transition.
 */
export class Teller {
  private transitions: Transition[] = [];
  /** Instances that wait for `forSeconds`, and rules that owe a summary, by when. */
  private readonly pending = new DueHeap();
  private readonly summaries = new DueHeap();

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

  /** Brings an instance's phase up to date. */
  judge(row: number, moment: Moment): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    const isHeld = this.isHeld(rule, this.instances.heldNow(row));
    switch (table.phase(row)) {
      case 'ok':
        if (!isHeld) return;
        if (this.rules.forMs(rule) > 0) table.setPhase(row, 'pending', moment.at);
        else this.begin(row, rule, moment.at, moment);
        return;
      case 'pending':
        if (!isHeld) table.setPhase(row, 'ok', 0);
        else if (!moment.event && this.isOver(row, rule, moment.at))
          this.begin(row, rule, table.since.get(row), moment);
        return;
      case 'firing':
        if (!isHeld) this.end(row, rule, moment);
        else if (moment.event) this.repeat(row, rule, moment);
    }
  }

  /** After the moment of an event: what began with it and holds no longer was a firing without a resolution. */
  judgeAfterMoment(row: number, moment: Moment): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (table.phase(row) === 'ok' || this.isHeld(rule, this.instances.held(row))) return;
    if (table.phase(row) === 'firing' && !table.began(row)) this.end(row, rule, moment);
    else this.rest(row);
  }

  /** Once per row of the log and instance, after judging: has it looked at again when time may change something. */
  settle(row: number): void {
    const { table } = this.instances;
    const phase = table.phase(row);
    table.setBegan(row, false);
    if (phase === 'firing') this.awaitRepeat(row);
    else if (phase === 'pending') this.awaitTime(row);
    table.untouch(row);
    this.instances.dropIfAtRest(row);
  }

  /** Without telling: an instance of a rule that was just added already holds. */
  assume(row: number, since: number): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (!this.isHeld(rule, this.instances.held(row))) return;
    table.setPhase(row, this.rules.forMs(rule) > 0 ? 'pending' : 'firing', since);
  }

  /** Firing instances that may be told again now that an event of one of their series came. */
  *dueRepeats(repeats: DueHeap, at: number): Generator<number> {
    const { table } = this.instances;
    for (let item = repeats.popDue(at); item !== undefined; item = repeats.popDue(at)) {
      const row = Math.floor(item / 16);
      const bit = 1 << (item % 16);
      const rule = table.rule.get(row);
      table.setWaiting(row, bit, false);
      if (table.phase(row) !== 'firing' || !this.rules.repeats(rule) || !this.looksAt(row, bit, repeats)) continue;
      const readyAt = this.rules.readyAt(rule);
      if (readyAt <= at) yield row;
      else this.wait(repeats, readyAt, row, bit);
    }
  }

  /** Pending instances that have held long enough. */
  *duePending(at: number): Generator<number> {
    const { table } = this.instances;
    for (let row = this.pending.popDue(at); row !== undefined; row = this.pending.popDue(at)) {
      table.timerEnded(row);
      if (table.phase(row) !== 'pending') continue;
      if (this.isOver(row, table.rule.get(row), at)) yield row;
      else this.awaitTime(row);
    }
  }

  /** One message for what throttles kept back until now. */
  tellSummaries(moment: Moment): void {
    for (let rule = this.summaries.popDue(moment.at); rule !== undefined; rule = this.summaries.popDue(moment.at)) {
      this.rules.summaryDue(rule);
      if (this.rules.suppressed.get(rule) === 0) continue;
      if (this.rules.throttledUntil.get(rule) > moment.at) this.oweSummary(rule);
      else if (this.rules.isSnoozed(rule, moment.at)) this.rules.forgetSuppressed(rule);
      else this.summarise(rule, moment);
    }
  }

  /** Sees to it that what the throttle kept back is told when it ends. */
  oweSummary(rule: number): void {
    if (this.rules.oweSummary(rule)) this.summaries.push(this.rules.throttledUntil.get(rule), rule);
  }

  /** After an edit of the throttle: a summary that is owed may now be due earlier than it was noted. */
  refreshSummary(rule: number): void {
    if (this.rules.suppressed.get(rule) > 0) this.summaries.push(this.rules.throttledUntil.get(rule), rule);
  }

  /** After an edit of throttle or snooze: the rule may now be ready earlier than it was noted. */
  refreshRepeat(row: number): void {
    this.instances.table.waiting.set(row, 0);
    if (this.instances.table.phase(row) === 'firing') this.awaitRepeat(row);
  }

  /** Waits for events of every series that the instance looks at, from when the rule may tell something again. */
  private awaitRepeat(row: number): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (!this.rules.repeats(rule)) return;
    const readyAt = this.rules.readyAt(rule);
    const key = table.key(row);
    for (let leaf = this.leaves.first(rule); leaf >= 0; leaf = this.leaves.next.get(leaf)) {
      const bit = this.leaves.bit(leaf);
      if ((table.waiting.get(row) & bit) !== 0) continue;
      const series = this.leaves.numberScope(leaf)?.quantityOf(key)?.series;
      if (series) this.wait(series.repeats, readyAt, row, bit);
    }
  }

  private begin(row: number, rule: number, since: number, moment: Moment): void {
    const { table } = this.instances;
    table.setPhase(row, 'firing', since);
    table.setTold(row, false);
    table.setBegan(row, true);
    if (!this.maySpeak(row, rule, moment)) return;
    if (moment.at >= this.rules.throttledUntil.get(rule)) this.tell(row, rule, moment);
    else {
      this.rules.suppress(rule);
      this.oweSummary(rule);
    }
  }

  private repeat(row: number, rule: number, moment: Moment): void {
    if (!this.rules.repeats(rule) || !this.maySpeak(row, rule, moment)) return;
    if (moment.at >= this.rules.throttledUntil.get(rule)) this.tell(row, rule, moment);
  }

  private tell(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    const wasTold = table.isTold(row);
    table.setTold(row, true);
    table.markDirty(row);
    const reason = wasTold ? 'repeat' : moment.isLate ? 'catch_up' : 'first_fire';
    this.add(row, this.rules.told(rule, moment.at), wasTold ? 'firing' : 'ok', 'firing', reason, moment);
  }

  private end(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    const isWorthTelling = table.isTold(row) && this.rules.tellsResolution(rule);
    if (isWorthTelling && !this.rules.isSnoozed(rule, moment.at)) {
      this.add(row, this.rules.resolved(rule), 'firing', 'ok', 'resolved', moment);
    }
    this.rest(row);
  }

  private rest(row: number): void {
    this.instances.table.setPhase(row, 'ok', 0);
    this.instances.table.setTold(row, false);
  }

  private summarise(rule: number, moment: Moment): void {
    const { table } = this.instances;
    const firing = [...this.instances.firingRows(rule)].filter((row) => table.phase(row) === 'firing');
    const phase: Phase = firing.length > 0 ? 'firing' : 'ok';
    const base = this.rules.base.get(rule);
    const isWhole = !this.instances.isShared(base);
    if (isWhole && phase === 'firing') {
      table.setTold(base, true);
      table.markDirty(base);
    }
    const readings = isWhole ? undefined : [];
    this.add(base, this.rules.told(rule, moment.at), phase, phase, 'throttle_summary', moment, readings);
  }

  private add(
    row: number,
    message: { seq: number; version: number; suppressed: number },
    from: Phase,
    to: Phase,
    reason: TransitionReason,
    moment: Moment,
    readings: readonly LeafReading[] = readingsOf(row, moment.event, this.leaves, this.instances),
  ): void {
    const { table } = this.instances;
    this.transitions.push({
      ruleId: this.rules.id(table.rule.get(row)),
      ruleVersion: message.version,
      instanceKey: table.key(row),
      seq: message.seq,
      from,
      to,
      reason,
      suppressed: message.suppressed,
      since: table.since.get(row) || null,
      readings,
      at: moment.at,
    });
  }

  private isHeld(rule: number, held: number): boolean {
    return this.rules.isTrue(rule, held);
  }

  private maySpeak(row: number, rule: number, { at, event, isStale }: Moment): boolean {
    if (isStale || this.rules.isSpent(rule) || this.rules.isSnoozed(rule, at)) return false;
    // What the single condition of a rule looks at came with the event.
    if (event && this.leaves.next.get(this.leaves.first(rule)) < 0) return true;
    return this.isHeld(rule, this.freshlyHeld(row, rule));
  }

  /** The conditions that hold now by a value that was not stale when it came, as bits. */
  private freshlyHeld(row: number, rule: number): number {
    const key = this.instances.table.key(row);
    let held = this.instances.heldNow(row);
    for (let leaf = this.leaves.first(rule); leaf >= 0; leaf = this.leaves.next.get(leaf)) {
      if (this.leaves.numberScope(leaf)?.quantityOf(key)?.series.isStale) held &= ~this.leaves.bit(leaf);
    }
    return held;
  }

  private isOver(row: number, rule: number, at: number): boolean {
    return at - this.instances.table.since.get(row) >= this.rules.forMs(rule);
  }

  private awaitTime(row: number): void {
    const { table } = this.instances;
    if (table.setTimer(row)) this.pending.push(table.since.get(row) + this.rules.forMs(table.rule.get(row)), row);
  }

  /** Whether the condition of an instance is about the series with these repeats. */
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
