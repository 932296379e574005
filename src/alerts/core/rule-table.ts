import { Records, RowNumbers, type IntColumn } from './column.js';
import { Programs, type Program } from './program.js';
import { RuleIds } from './rule-ids.js';
import type { Mode, RuleDefinition } from './rule.js';
import type { SavedRule } from './saved-state.js';

const Flag = { crossing: 1, once: 2, notifyResolved: 4, spent: 8, dirty: 16, owesSummary: 32, stored: 64 } as const;

const modeFlags: Record<Mode, number> = { while_true: 0, crossing: Flag.crossing, once: Flag.once };
const EDITABLE = Flag.crossing | Flag.once | Flag.notifyResolved;

/** What the evaluator keeps of each rule, a row each: 64 bytes, and 24 for its id. Times are Unix ms. */
export class RuleTable {
  private readonly records = new Records({ floats: 2, ints: 10 });
  readonly throttledUntil = this.records.float64();
  private readonly snoozedUntil = this.records.float64();
  readonly variables = this.records.int32();
  /** Row of the instance that holds the conditions without wildcard. */
  readonly base = this.records.int32();
  /** Row of the first condition; the others are chained to it. */
  readonly firstLeaf = this.records.int32();
  private readonly programIds = this.records.int32();
  private readonly flags = this.records.int32();
  private readonly forSeconds = this.records.int32();
  private readonly throttleSeconds = this.records.int32();
  readonly suppressed = this.records.int32();
  private readonly seqs = this.records.int32();
  private readonly versions = this.records.int32();
  private readonly programs = new Programs();
  private readonly ids = new RuleIds();
  private readonly numbers = new RowNumbers();
  private dirty: number[] = [];

  get size(): number {
    return this.ids.size;
  }

  row(ruleId: string): number | undefined {
    return this.ids.row(ruleId);
  }

  id(row: number): string {
    return this.ids.id(row);
  }

  /** Worth a call before the ids of the rules of many rows of another table are asked for. */
  fetchIds(rows: readonly number[], rule: IntColumn): void {
    this.ids.fetch(rows, (row) => rule.get(row));
  }

  /** Whether the rule is true when exactly the conditions of `held` hold. */
  isTrue(row: number, held: number): boolean {
    return this.programs.isTrue(this.programIds.get(row), held);
  }

  add(rule: RuleDefinition, program: Program, variables: number): number {
    const row = this.numbers.take();
    this.records.reserve(row);
    this.ids.add(rule.ruleId, row);
    this.programIds.set(row, this.programs.intern(program));
    this.variables.set(row, variables);
    this.firstLeaf.set(row, -1);
    this.forSeconds.set(row, rule.forSeconds);
    this.throttledUntil.set(row, 0);
    this.suppressed.set(row, 0);
    this.seqs.set(row, 0);
    this.flags.set(row, 0);
    this.edit(row, rule);
    return row;
  }

  /** What may change without the rule starting anew. A running throttle goes on as if it had begun with the new length. */
  edit(row: number, rule: RuleDefinition): void {
    this.versions.set(row, rule.version);
    const { throttledUntil, throttleSeconds } = this;
    const before = throttleSeconds.get(row);
    throttleSeconds.set(row, rule.throttleMinutes * 60);
    const longerMs = (throttleSeconds.get(row) - before) * 1_000;
    if (throttledUntil.get(row) > 0) throttledUntil.set(row, throttledUntil.get(row) + longerMs);
    this.snoozedUntil.set(row, rule.snoozedUntil?.getTime() ?? 0);
    const resolved = rule.notifyResolved ? Flag.notifyResolved : 0;
    this.flags.set(row, (this.flags.get(row) & ~EDITABLE) | modeFlags[rule.mode] | resolved);
  }

  /** Whether the row watches for the same in the same way, conditions apart. */
  isLike(row: number, rule: RuleDefinition, program: Program): boolean {
    const mode = this.flags.get(row) & (Flag.crossing | Flag.once);
    return (
      mode === modeFlags[rule.mode] &&
      this.forSeconds.get(row) === rule.forSeconds &&
      this.programIds.get(row) === this.programs.intern(program)
    );
  }

  remove(row: number): void {
    this.ids.remove(row);
    this.flags.set(row, 0);
    this.suppressed.set(row, 0);
    this.numbers.giveBack(row);
  }

  restore(row: number, saved: SavedRule): void {
    this.seqs.set(row, saved.seq);
    this.throttledUntil.set(row, saved.throttledUntil);
    this.suppressed.set(row, saved.suppressed);
    this.mark(row, Flag.spent, saved.spent);
    this.mark(row, Flag.stored, true);
  }

  saved(row: number): SavedRule {
    return {
      ruleId: this.id(row),
      ruleVersion: this.versions.get(row),
      seq: this.seqs.get(row),
      throttledUntil: this.throttledUntil.get(row),
      suppressed: this.suppressed.get(row),
      spent: this.has(row, Flag.spent),
    };
  }

  /** Counts a message: its number, and quiet until the throttle ends. A `once` rule is done with it. */
  told(row: number, at: number): { seq: number; version: number; suppressed: number } {
    const seq = this.count(row);
    const suppressed = this.suppressed.get(row);
    this.throttledUntil.set(row, at + this.throttleSeconds.get(row) * 1_000);
    this.suppressed.set(row, 0);
    if (this.has(row, Flag.once)) this.mark(row, Flag.spent, true);
    return { seq, version: this.versions.get(row), suppressed };
  }

  /** Counts a resolution, which no throttle holds back. */
  resolved(row: number): { seq: number; version: number; suppressed: number } {
    return { seq: this.count(row), version: this.versions.get(row), suppressed: 0 };
  }

  /** How long it must hold before it fires, milliseconds. */
  forMs(row: number): number {
    return this.forSeconds.get(row) * 1_000;
  }

  suppress(row: number): void {
    this.suppressed.set(row, this.suppressed.get(row) + 1);
    this.markDirty(row);
  }

  forgetSuppressed(row: number): void {
    this.suppressed.set(row, 0);
    this.markDirty(row);
  }

  /** From when on the rule may tell something. */
  readyAt(row: number): number {
    return Math.max(this.throttledUntil.get(row), this.snoozedUntil.get(row));
  }

  isSnoozed(row: number, at: number): boolean {
    return at < this.snoozedUntil.get(row);
  }

  isSpent(row: number): boolean {
    return this.has(row, Flag.spent);
  }

  /** Whether a rule that holds is told again with later events: after the throttle, or after what kept it quiet. */
  repeats(row: number): boolean {
    return (this.flags.get(row) & (Flag.crossing | Flag.spent)) === 0;
  }

  tellsResolution(row: number): boolean {
    return this.has(row, Flag.notifyResolved);
  }

  /** True if it did not owe one yet: the caller puts it into the heap. */
  oweSummary(row: number): boolean {
    if (this.has(row, Flag.owesSummary)) return false;
    this.mark(row, Flag.owesSummary, true);
    return true;
  }

  summaryDue(row: number): void {
    this.mark(row, Flag.owesSummary, false);
  }

  markDirty(row: number): void {
    if (this.has(row, Flag.dirty)) return;
    this.mark(row, Flag.dirty, true);
    this.dirty.push(row);
  }

  /** To be called when an instance of the rule is stored: only with the version it is of can it be restored. */
  store(row: number): void {
    if (!this.has(row, Flag.stored)) this.markDirty(row);
  }

  /** Rows that changed since the last call. A row may have changed hands meanwhile: its flag says who is concerned. */
  takeDirty(): SavedRule[] {
    const { dirty } = this;
    this.dirty = [];
    const changed: SavedRule[] = [];
    this.ids.fetch(dirty, (row) => row);
    for (const row of dirty) {
      if (!this.has(row, Flag.dirty)) continue;
      this.mark(row, Flag.dirty, false);
      this.mark(row, Flag.stored, true);
      changed.push(this.saved(row));
    }
    return changed;
  }

  private count(row: number): number {
    this.seqs.set(row, this.seqs.get(row) + 1);
    this.markDirty(row);
    return this.seqs.get(row);
  }

  private has(row: number, flag: number): boolean {
    return (this.flags.get(row) & flag) !== 0;
  }

  private mark(row: number, flag: number, on: boolean): void {
    const flags = this.flags.get(row);
    this.flags.set(row, on ? flags | flag : flags & ~flag);
  }
}
