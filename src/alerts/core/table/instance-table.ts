import { Records, RowNumbers } from '../structures/column.js';
import type { Quiet, SavedInstance } from '../saved-state.js';
import { PHASES, type Phase } from '../transition.js';

const Flag = {
  notified: 1,
  began: 2,
  touched: 4,
  timed: 8,
  dirty: 16,
  keyed: 32,
  stored: 64,
  owed: 128,
  assumed: 256,
  quiet: 512,
} as const;

/**
 * Instances of rules that are not at rest, 32 bytes each: one for a rule without wildcards, one per subject for a
 * wildcard rule. Rows are reused while heaps may still contain them, so an entry of a heap must always be checked against
 * the row.
 */
export class InstanceTable {
  private readonly records = new Records({ floats: 1, ints: 6 });
  /** Start of the instance's current phase, Unix ms. */
  readonly since = this.records.float64();
  readonly rule = this.records.int32();
  /** Conditions that hold, as bits. */
  readonly held = this.records.int32();
  /** Conditions that hold only for the current event, as bits. */
  readonly momentary = this.records.int32();
  /** Conditions, as bits, whose series have an entry for this instance in their `repeats` heap. */
  readonly waiting = this.records.int32();
  private readonly phases = this.records.int32();
  private readonly flags = this.records.int32();
  /**
   * Keys of instances of wildcard rules; other instances have no entry, because a million empty strings would take 8 MB.
   */
  private readonly keys = new Map<number, string>();
  /** Throttle and recent changes of instances that were recently notified. */
  private readonly quiets = new Map<number, Quiet>();
  private readonly numbers = new RowNumbers();
  private dirty: number[] = [];

  add(rule: number, key: string): number {
    const row = this.numbers.take();
    this.records.reserve(row);
    this.rule.set(row, rule);
    this.since.set(row, 0);
    for (const column of [this.held, this.momentary, this.waiting, this.phases]) column.set(row, 0);
    this.flags.set(row, key === '' ? 0 : Flag.keyed);
    if (key !== '') this.keys.set(row, key);
    return row;
  }

  remove(row: number): void {
    this.keys.delete(row);
    this.quiets.delete(row);
    for (const column of [this.held, this.phases, this.flags]) column.set(row, 0);
    this.numbers.giveBack(row);
  }

  key(row: number): string {
    return this.has(row, Flag.keyed) ? (this.keys.get(row) ?? '') : '';
  }

  phase(row: number): Phase {
    return PHASES[this.phases.get(row)] ?? 'ok';
  }

  setPhase(row: number, phase: Phase, since: number): void {
    this.phases.set(row, PHASES.indexOf(phase));
    this.since.set(row, since);
    this.markDirty(row);
  }

  isAtRest(row: number): boolean {
    return this.held.get(row) === 0 && this.phases.get(row) === 0 && !this.has(row, Flag.owed | Flag.quiet);
  }

  flip(row: number, bit: number): void {
    this.held.set(row, this.held.get(row) ^ bit);
    this.markDirty(row);
  }

  restore(row: number, { leaves, phase, since, notified, owed, assumed, quiet }: SavedInstance): void {
    this.held.set(row, leaves);
    this.phases.set(row, PHASES.indexOf(phase));
    this.since.set(row, since);
    this.setNotified(row, notified);
    this.setOwed(row, owed);
    this.setAssumed(row, assumed);
    this.setQuiet(row, quiet);
    this.setStored(row, true);
  }

  saved(row: number, ruleId: string): SavedInstance {
    return {
      ruleId,
      instanceKey: this.key(row),
      leaves: this.held.get(row),
      phase: this.phase(row),
      since: this.since.get(row),
      notified: this.isNotified(row),
      owed: this.isOwed(row),
      assumed: this.isAssumed(row),
      quiet: this.quiet(row) ?? null,
    };
  }

  isNotified(row: number): boolean {
    return this.has(row, Flag.notified);
  }

  setNotified(row: number, isNotified: boolean): void {
    this.mark(row, Flag.notified, isNotified);
  }

  /** Whether the owner was notified of an earlier firing that has not been resolved. */
  isOwed(row: number): boolean {
    return this.has(row, Flag.owed);
  }

  setOwed(row: number, owed: boolean): void {
    this.mark(row, Flag.owed, owed);
  }

  /** Whether the rule already held when it was created, so that a `crossing` is yet to occur. */
  isAssumed(row: number): boolean {
    return this.has(row, Flag.assumed);
  }

  setAssumed(row: number, assumed: boolean): void {
    this.mark(row, Flag.assumed, assumed);
  }

  quiet(row: number): Quiet | undefined {
    return this.has(row, Flag.quiet) ? this.quiets.get(row) : undefined;
  }

  setQuiet(row: number, quiet: Quiet | null): void {
    this.mark(row, Flag.quiet, quiet !== null);
    if (quiet) this.quiets.set(row, quiet);
    else this.quiets.delete(row);
  }

  /** Whether the instance began to fire with the current log row. */
  began(row: number): boolean {
    return this.has(row, Flag.began);
  }

  setBegan(row: number, began: boolean): void {
    this.mark(row, Flag.began, began);
  }

  /** Marks the row as touched; returns true if it was not marked since the last `untouch`. */
  touch(row: number): boolean {
    return this.raise(row, Flag.touched);
  }

  untouch(row: number): void {
    this.mark(row, Flag.touched, false);
  }

  /** Marks a timer as set; returns true if none was set. */
  setTimer(row: number): boolean {
    return this.raise(row, Flag.timed);
  }

  timerEnded(row: number): void {
    this.mark(row, Flag.timed, false);
  }

  setWaiting(row: number, bit: number, waits: boolean): void {
    const waiting = this.waiting.get(row);
    this.waiting.set(row, waits ? waiting | bit : waiting & ~bit);
  }

  markDirty(row: number): void {
    if (this.raise(row, Flag.dirty)) this.dirty.push(row);
  }

  /** Returns the rows that changed since the last call; a row that was reused in the meantime appears at most once. */
  takeDirty(): number[] {
    const { dirty } = this;
    this.dirty = [];
    const changed: number[] = [];
    for (const row of dirty) {
      const flags = this.flags.get(row);
      if ((flags & Flag.dirty) === 0) continue;
      this.flags.set(row, flags & ~Flag.dirty);
      changed.push(row);
    }
    return changed;
  }

  /** Records whether the row is stored in the database now; returns whether it was stored before. */
  setStored(row: number, isStored: boolean): boolean {
    const wasStored = this.has(row, Flag.stored);
    this.mark(row, Flag.stored, isStored);
    return wasStored;
  }

  private raise(row: number, flag: number): boolean {
    if (this.has(row, flag)) return false;
    this.mark(row, flag, true);
    return true;
  }

  private has(row: number, flag: number): boolean {
    return (this.flags.get(row) & flag) !== 0;
  }

  private mark(row: number, flag: number, on: boolean): void {
    const flags = this.flags.get(row);
    this.flags.set(row, on ? flags | flag : flags & ~flag);
  }
}
