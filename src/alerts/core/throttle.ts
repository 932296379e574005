import { FLAP_LIMITS, flapping, recentChanges, type FlapLimits, type Flapping } from './flapping.js';
import type { InstanceBook } from './instance-book.js';
import type { InstanceTable } from './instance-table.js';
import type { RuleTable, Throttle } from './rule-table.js';
import type { Quiet, SavedInstance } from './saved-state.js';
import type { HeldBack } from './transition.js';

/** Maximum number of firings that a summary names; of more, those furthest from the threshold. The others are counted. */
export const MAX_HELD_BACK = 100;

/**
 * Throttles of rules and their instances, and their pauses after too many changes. A throttle is the rule's, or with
 * `throttleScope: subject` that of each instance of a wildcard; only a quiet rule or instance takes up memory for it.
 */
export class Throttles {
  constructor(
    private readonly rules: RuleTable,
    private readonly table: InstanceTable,
    private readonly limits: FlapLimits = FLAP_LIMITS,
  ) {}

  throttledUntil(row: number): number {
    if (!this.hasOwn(row)) return this.rules.throttledUntil.get(this.rule(row));
    return this.table.quiet(row)?.throttledUntil ?? 0;
  }

  suppressed(row: number): number {
    if (!this.hasOwn(row)) return this.rules.suppressed.get(this.rule(row));
    return this.table.quiet(row)?.suppressed ?? 0;
  }

  /** Whether a firing is held back: also until the summary of earlier ones, which would else never be sent. */
  isThrottled(row: number, at: number): boolean {
    return at < this.throttledUntil(row) || this.suppressed(row) > 0;
  }

  /** Whether the throttle is the instance's and not its rule's. */
  hasOwn(row: number): boolean {
    return this.table.key(row) !== '' && this.rules.throttlesSubjects(this.rule(row));
  }

  /**
   * Begins the throttle after a message, or with `isPaused` a pause as long as flapping; returns the firings that were held back
   * until now.
   */
  begin(row: number, at: number, isPaused = false): { suppressed: number; heldBack: readonly HeldBack[] } {
    const rule = this.rule(row);
    const until = at + (isPaused ? this.limits.windowMs : this.rules.throttleMs(rule));
    if (!this.hasOwn(row)) return this.rules.beginThrottle(rule, until);
    const { suppressed = 0, heldBack = [], changes = [] } = this.table.quiet(row) ?? {};
    this.put(row, { throttledUntil: until, suppressed: 0, heldBack: [], changes }, at);
    return { suppressed, heldBack };
  }

  /** Holds a firing back for the summary. `isEvent`: each is named by itself. */
  holdBack(row: number, firing: Omit<HeldBack, 'times'>, isEvent: boolean, threshold: number): void {
    if (!this.hasOwn(row)) {
      const rule = this.rule(row);
      this.rules.holdBack(rule, withFiring(this.rules.heldBack(rule), firing, isEvent, threshold));
      return;
    }
    const quiet = this.table.quiet(row) ?? NOTHING;
    const heldBack = withFiring(quiet.heldBack, firing, isEvent, threshold);
    this.put(row, { ...quiet, suppressed: quiet.suppressed + 1, heldBack }, firing.at);
  }

  /** Whether the instance is throttled by notifications about another subject of its rule. */
  sharesThrottle(row: number): boolean {
    return this.table.key(row) !== '' && !this.hasOwn(row);
  }

  /** Whether the next summary names the instance. */
  isNamed(row: number): boolean {
    return this.heldBack(row).some(({ instanceKey }) => instanceKey === this.table.key(row));
  }

  /** Whether the next summary does not name the instance yet, and has room to. */
  hasRoomFor(row: number): boolean {
    return this.heldBack(row).length < MAX_HELD_BACK && !this.isNamed(row);
  }

  private heldBack(row: number): readonly HeldBack[] {
    if (!this.hasOwn(row)) return this.rules.heldBack(this.rule(row));
    return (this.table.quiet(row) ?? NOTHING).heldBack;
  }

  /** Drops the firings held back: they are in the history, and the present state is sent later. */
  forget(row: number, at: number): void {
    if (!this.hasOwn(row)) this.rules.forgetSuppressed(this.rule(row));
    else this.put(row, { ...(this.table.quiet(row) ?? NOTHING), suppressed: 0, heldBack: [] }, at);
  }

  /** Counts a change that would be sent; a throttle keeps changes rare enough by itself. */
  change(row: number, at: number): Flapping {
    if (this.rules.throttleMs(this.rule(row)) > 0) return 'calm';
    const quiet = this.table.quiet(row) ?? NOTHING;
    const verdict = flapping(quiet.changes, at, this.limits);
    this.put(row, { ...quiet, changes: recentChanges([...quiet.changes, at], at, this.limits) }, at);
    return verdict;
  }

  /** Whether it changed recently enough to count at `at`, with or without a tick since. */
  hasChanged(row: number, at: number): boolean {
    return recentChanges(this.table.quiet(row)?.changes ?? [], at, this.limits).length > 0;
  }

  /** Returns the time at which a flapping instance is calm again, Unix ms; 0 if it does not flap. */
  calmAt(row: number): number {
    const changes = this.table.quiet(row)?.changes ?? [];
    return changes.length > this.limits.changes ? (changes.at(-1) ?? 0) + this.limits.windowMs : 0;
  }

  /** Returns the time after which nothing of it need be kept, Unix ms; 0: nothing is kept. */
  endsAt(row: number): number {
    const quiet = this.table.quiet(row);
    if (!quiet) return 0;
    const last = quiet.changes.at(-1);
    return Math.max(quiet.throttledUntil, last === undefined ? 0 : last + this.limits.windowMs);
  }

  /** Drops expired entries. */
  expire(row: number, at: number): void {
    const quiet = this.table.quiet(row);
    if (quiet && quiet.suppressed === 0 && this.endsAt(row) <= at) this.put(row, null, at);
  }

  /** Ends the throttle of a subject that is no longer watched, unless it is that of the whole rule. */
  leave(rule: number): void {
    if (!this.rules.throttlesSubjects(rule)) return;
    this.rules.throttledUntil.set(rule, 0);
    this.rules.forgetSuppressed(rule);
  }

  /** Restores the quiet of an instance from before its rule was edited. */
  restore(rule: number, instances: InstanceBook, { instanceKey, quiet }: SavedInstance): void {
    if (!quiet) return;
    const row = instances.obtain(rule, instanceKey);
    this.table.setQuiet(row, quiet);
    this.table.markDirty(row);
  }

  /** Applies an edit: a running throttle continues as if it had begun with the new length, and moves with the scope. */
  edited(rule: number, before: Throttle, rows: readonly number[]): void {
    const { ms, ofSubjects } = this.rules.throttle(rule);
    const { throttledUntil } = this.rules;
    const longer = ms - before.ms;
    if (throttledUntil.get(rule) > 0) throttledUntil.set(rule, throttledUntil.get(rule) + longer);
    for (const row of rows) {
      const quiet = this.table.quiet(row) ?? NOTHING;
      const until = quiet.throttledUntil > 0 ? quiet.throttledUntil + longer : 0;
      if (ofSubjects && this.hasOwn(row)) {
        const isNew = !before.ofSubjects && this.table.isNotified(row);
        this.put(row, { ...quiet, throttledUntil: isNew ? throttledUntil.get(rule) : until }, -Infinity);
      } else if (until > 0) {
        throttledUntil.set(rule, Math.max(throttledUntil.get(rule), until));
        this.put(row, { ...NOTHING, changes: quiet.changes }, -Infinity);
      }
    }
  }

  private put(row: number, quiet: Quiet | null, at: number): void {
    const isOver =
      quiet !== null && quiet.suppressed === 0 && quiet.changes.length === 0 && quiet.throttledUntil <= Math.max(at, 0);
    this.table.setQuiet(row, isOver ? null : quiet);
    this.table.markDirty(row);
  }

  private rule(row: number): number {
    return this.table.rule.get(row);
  }
}

const NOTHING: Quiet = { throttledUntil: 0, suppressed: 0, heldBack: [], changes: [] };

function withFiring(
  list: readonly HeldBack[],
  firing: Omit<HeldBack, 'times'>,
  isEvent: boolean,
  threshold: number,
): readonly HeldBack[] {
  const known = isEvent ? -1 : list.findIndex(({ instanceKey }) => instanceKey === firing.instanceKey);
  const before = list[known];
  if (before) return list.with(known, { ...firing, times: before.times + 1 });
  const longer = [...list, { ...firing, times: 1 }];
  if (list.length < MAX_HELD_BACK) return longer;
  const distance = ({ value }: Pick<HeldBack, 'value'>): number => (value === null ? 0 : Math.abs(value - threshold));
  const least = longer.reduce((one, other) => (distance(other) <= distance(one) ? other : one));
  return longer.filter((held) => held !== least);
}
