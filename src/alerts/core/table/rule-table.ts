import { Records, RowNumbers, type IntColumn } from '../structures/column.js';
import { Programs, type Program } from '../rule/program.js';
import { RuleIds } from './rule-ids.js';
import type { Mode, RuleDefinition } from '../rule/rule.js';
import { RowLists } from '../structures/row-lists.js';
import type { Farewell, SavedRule } from '../saved-state.js';
import type { HeldBack } from '../transition.js';

const Flag = {
  crossing: 1,
  once: 2,
  notifyResolved: 4,
  spent: 8,
  dirty: 16,
  owesSummary: 32,
  stored: 64,
  subjects: 128,
} as const;

const modeFlags: Record<Mode, number> = { while_true: 0, crossing: Flag.crossing, once: Flag.once };
const EDITABLE = Flag.crossing | Flag.once | Flag.notifyResolved | Flag.subjects;

/** Throttle of a rule: its length, and whether each subject has its own. */
export interface Throttle {
  readonly ms: number;
  readonly ofSubjects: boolean;
}

/** State of each rule in the evaluator: 64 bytes, and 24 for its id. Times are Unix ms. */
export class RuleTable {
  private readonly records = new Records({ floats: 3, ints: 10 });
  readonly throttledUntil = this.records.float64();
  private readonly snoozedUntil = this.records.float64();
  private readonly madeAt = this.records.float64();
  readonly variables = this.records.int32();
  /** Row of the instance with the conditions without wildcards. */
  readonly base = this.records.int32();
  /** Row of the first condition; the others follow as a linked list. */
  readonly firstLeaf = this.records.int32();
  private readonly programIds = this.records.int32();
  private readonly flags = this.records.int32();
  private readonly forSeconds = this.records.int32();
  private readonly throttleSeconds = this.records.int32();
  readonly suppressed = this.records.int32();
  private readonly seqs = this.records.int32();
  private readonly versions = this.records.int32();
  private readonly heldBacks = new RowLists<HeldBack>();
  /** Resolutions of firings that an edit ended while the rule was snoozed; sent after the snooze. */
  readonly farewells = new RowLists<Farewell>();
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

  /** Prefetches the ids of the rules of many rows of another table; to be called before reading them. */
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

  /** Applies changes that do not reset the rule's state. */
  edit(row: number, rule: RuleDefinition): void {
    this.versions.set(row, rule.version);
    this.throttleSeconds.set(row, rule.throttleMinutes * 60);
    this.snoozedUntil.set(row, rule.snoozedUntil?.getTime() ?? 0);
    this.madeAt.set(row, rule.madeAt?.getTime() ?? 0);
    const resolved = rule.notifyResolved ? Flag.notifyResolved : 0;
    const subjects = rule.throttleScope === 'subject' ? Flag.subjects : 0;
    this.flags.set(row, (this.flags.get(row) & ~EDITABLE) | modeFlags[rule.mode] | resolved | subjects);
  }

  /** Whether the rule has the same mode, `forSeconds` and program; the conditions themselves are not compared. */
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
    this.heldBacks.delete(row);
    this.farewells.delete(row);
    this.numbers.giveBack(row);
  }

  restore(row: number, saved: SavedRule): void {
    this.seqs.set(row, saved.seq);
    this.throttledUntil.set(row, saved.throttledUntil);
    this.suppressed.set(row, saved.suppressed);
    this.heldBacks.set(row, saved.heldBack);
    this.farewells.set(row, saved.farewells);
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
      heldBack: this.heldBack(row),
      spent: this.has(row, Flag.spent),
      farewells: this.farewells.get(row),
    };
  }

  version(row: number): number {
    return this.versions.get(row);
  }

  /** Counts a transition; returns its number within the rule. */
  count(row: number): number {
    this.seqs.set(row, this.seqs.get(row) + 1);
    this.markDirty(row);
    return this.seqs.get(row);
  }

  /** Allows a `once` rule that has fired to fire once more. */
  rearm(row: number): void {
    this.mark(row, Flag.spent, false);
  }

  /** Marks a `once` rule as spent after its first firing. */
  spend(row: number): void {
    if (this.has(row, Flag.once)) this.mark(row, Flag.spent, true);
  }

  /** Returns the throttle of the rule. */
  throttle(row: number): Throttle {
    return { ms: this.throttleMs(row), ofSubjects: this.throttlesSubjects(row) };
  }

  /** Starts the rule's throttle; returns the firings that were held back until now. */
  beginThrottle(row: number, until: number): { suppressed: number; heldBack: readonly HeldBack[] } {
    const kept = { suppressed: this.suppressed.get(row), heldBack: this.heldBack(row) };
    this.throttledUntil.set(row, until);
    this.forgetSuppressed(row);
    return kept;
  }

  /** Whether each instance of a wildcard rule has its own throttle. */
  throttlesSubjects(row: number): boolean {
    return this.has(row, Flag.subjects);
  }

  /** Returns the length of the throttle, ms. */
  throttleMs(row: number): number {
    return this.throttleSeconds.get(row) * 1_000;
  }

  /** Returns the time for which the rule must hold before it fires, ms. */
  forMs(row: number): number {
    return this.forSeconds.get(row) * 1_000;
  }

  heldBack(row: number): readonly HeldBack[] {
    return this.heldBacks.get(row);
  }

  /** Counts one more firing that is held back; `heldBack` is the list with it. */
  holdBack(row: number, heldBack: readonly HeldBack[]): void {
    this.suppressed.set(row, this.suppressed.get(row) + 1);
    this.heldBacks.set(row, heldBack);
    this.markDirty(row);
  }

  forgetSuppressed(row: number): void {
    this.suppressed.set(row, 0);
    this.heldBacks.delete(row);
    this.markDirty(row);
  }

  /** Returns the time from which the rule may notify, regardless of throttles. */
  silentUntil(row: number): number {
    return Math.max(this.snoozedUntil.get(row), this.madeAt.get(row));
  }

  isSnoozed(row: number, at: number): boolean {
    return at < this.snoozedUntil.get(row);
  }

  /** Returns the end of the snooze, Unix ms; 0: the rule was never snoozed. */
  snoozeEnd(row: number): number {
    return this.snoozedUntil.get(row);
  }

  /** Whether `at` is before the creation of the rule. */
  isUnmade(row: number, at: number): boolean {
    return at < this.madeAt.get(row);
  }

  isCrossing(row: number): boolean {
    return this.has(row, Flag.crossing);
  }

  isSpent(row: number): boolean {
    return this.has(row, Flag.spent);
  }

  /** Whether a notified firing is repeated at later events, after the throttle. */
  repeats(row: number): boolean {
    return (this.flags.get(row) & (Flag.crossing | Flag.once)) === 0;
  }

  notifiesResolution(row: number): boolean {
    return this.has(row, Flag.notifyResolved);
  }

  /** Marks that a summary is due; returns true if none was: the caller must then add it to the heap. */
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

  /**
   * Marks a rule that is not yet stored as changed; must be called when one of its instances is stored, because an
   * instance can be restored only together with the version of its rule.
   */
  store(row: number): void {
    if (!this.has(row, Flag.stored)) this.markDirty(row);
  }

  /**
   * Returns the rows that changed since the last call. A row may have been reused in the meantime; its flag shows whether
   * the current rule has changed.
   */
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

  private has(row: number, flag: number): boolean {
    return (this.flags.get(row) & flag) !== 0;
  }

  private mark(row: number, flag: number, on: boolean): void {
    const flags = this.flags.get(row);
    this.flags.set(row, on ? flags | flag : flags & ~flag);
  }
}
