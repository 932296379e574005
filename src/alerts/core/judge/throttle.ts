import { FLAP_LIMITS, flapping, recentChanges, type FlapLimits, type Flapping } from './flapping.js';
import type { InstanceBook } from '../table/instance-book.js';
import type { InstanceTable } from '../table/instance-table.js';
import type { RuleTable, Throttle } from '../table/rule-table.js';
import type { Quiet, SavedInstance } from '../saved-state.js';
import type { HeldBack } from '../transition.js';

/** Maximum number of firings that a summary names: those furthest from the threshold. The others are only counted. */
const MAX_HELD_BACK = 100;

/**
 * Throttles of rules and instances, and pauses after too many changes. A throttle belongs to the rule or, with
 * `throttleScope: subject`, to each instance of a wildcard rule; only throttled rules and instances use memory for it.
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

  /**
   * Whether a firing is held back. After the throttle it is still held back until the summary of earlier firings is sent,
   * which would otherwise never be sent.
   */
  isThrottled(row: number, at: number): boolean {
    return this.isRunning(row, at) || this.suppressed(row) > 0;
  }

  /**
   * Whether a throttle or pause is running. One that began after `at` is not: the clock was set back, and the rule would be
   * silent until the clock has caught up.
   */
  isRunning(row: number, at: number): boolean {
    const left = this.throttledUntil(row) - at;
    return left > 0 && left <= (this.rules.throttleMs(this.rule(row)) || this.limits.windowMs);
  }

  /** Whether the throttle belongs to the instance instead of to its rule. */
  hasOwn(row: number): boolean {
    return this.table.key(row) !== '' && this.rules.throttlesSubjects(this.rule(row));
  }

  /**
   * Starts the throttle after a message, or with `isPaused` a pause of the length of the flapping window; returns the
   * firings that were held back until now.
   */
  begin(row: number, at: number, isPaused = false): { suppressed: number; heldBack: readonly HeldBack[] } {
    const rule = this.rule(row);
    const until = at + (isPaused ? this.limits.windowMs : this.rules.throttleMs(rule));
    if (!this.hasOwn(row)) return this.rules.beginThrottle(rule, until);
    const { suppressed = 0, heldBack = [], changes = [] } = this.table.quiet(row) ?? {};
    this.put(row, { throttledUntil: until, suppressed: 0, heldBack: [], changes }, at);
    return { suppressed, heldBack };
  }

  /** Adds a firing to the next summary. `isEvent`: every firing has its own entry there. */
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

  /** Whether the instance shares the throttle of its rule with the other instances. */
  sharesThrottle(row: number): boolean {
    return this.table.key(row) !== '' && !this.hasOwn(row);
  }

  /** Whether the next summary names the instance. */
  isNamed(row: number): boolean {
    return this.heldBack(row).some(({ instanceKey }) => instanceKey === this.table.key(row));
  }

  /** Whether the next summary does not name the instance yet and has room for one more. */
  hasRoomFor(row: number): boolean {
    return this.heldBack(row).length < MAX_HELD_BACK && !this.isNamed(row);
  }

  private heldBack(row: number): readonly HeldBack[] {
    if (!this.hasOwn(row)) return this.rules.heldBack(this.rule(row));
    return (this.table.quiet(row) ?? NOTHING).heldBack;
  }

  /** Drops the firings held back: they are in the history, and the current state is sent later. */
  forget(row: number, at: number): void {
    if (!this.hasOwn(row)) this.rules.forgetSuppressed(this.rule(row));
    else this.put(row, { ...(this.table.quiet(row) ?? NOTHING), suppressed: 0, heldBack: [] }, at);
  }

  /** Counts a change that would be sent; not needed with a throttle, which limits the number of messages itself. */
  change(row: number, at: number): Flapping {
    if (this.rules.throttleMs(this.rule(row)) > 0) return 'calm';
    const quiet = this.table.quiet(row) ?? NOTHING;
    const verdict = flapping(quiet.changes, at, this.limits);
    this.put(row, { ...quiet, changes: recentChanges([...quiet.changes, at], at, this.limits) }, at);
    return verdict;
  }

  /** Whether the instance has changed within the flapping window before `at`. */
  hasChanged(row: number, at: number): boolean {
    return recentChanges(this.table.quiet(row)?.changes ?? [], at, this.limits).length > 0;
  }

  /** Returns the time at which flapping ends, Unix ms; 0 if the instance is not flapping. */
  calmAt(row: number): number {
    const changes = this.table.quiet(row)?.changes ?? [];
    return changes.length > this.limits.changes ? (changes.at(-1) ?? 0) + this.limits.windowMs : 0;
  }

  /** Returns the time after which the quiet state is no longer needed, Unix ms; 0: there is none. */
  endsAt(row: number): number {
    const quiet = this.table.quiet(row);
    if (!quiet) return 0;
    const last = quiet.changes.at(-1);
    return Math.max(quiet.throttledUntil, last === undefined ? 0 : last + this.limits.windowMs);
  }

  /** Drops the quiet state if it has expired. */
  expire(row: number, at: number): void {
    const quiet = this.table.quiet(row);
    if (quiet && quiet.suppressed === 0 && this.endsAt(row) <= at) this.put(row, null, at);
  }

  /** Ends the throttle of a subject that the edited rule no longer watches, unless the whole rule shares one throttle. */
  leave(rule: number): void {
    if (!this.rules.throttlesSubjects(rule)) return;
    this.rules.throttledUntil.set(rule, 0);
    this.rules.forgetSuppressed(rule);
  }

  /** Restores the quiet state of an instance after an edit of its rule. */
  restore(rule: number, instances: InstanceBook, { instanceKey, quiet }: SavedInstance): void {
    if (!quiet) return;
    const row = instances.obtain(rule, instanceKey);
    this.table.setQuiet(row, quiet);
    this.table.markDirty(row);
  }

  /**
   * Applies an edit: a running throttle continues as if it had started with the new length, and follows a changed scope.
   */
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
