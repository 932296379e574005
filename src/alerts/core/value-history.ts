/** Minimum number of values to forget at once: the rest of the array moves each time. */
const PIECE = 64;

/**
 * Values of one series by the time they were observed (Unix ms); of equal times the later given is the later. Times and values
 * alternate in one array: every event adds to one, and the cost is then the number of arrays.
 */
export class ValueHistory {
  private entries: number[] = [];

  private get length(): number {
    return this.entries.length / 2;
  }

  /** Inserts a value, usually at the end; one that was observed earlier than the last goes to its place by time. */
  insert(time: number, value: number): void {
    const { entries } = this;
    const last = entries.at(-2);
    if (last === undefined || time >= last) entries.push(time, value);
    else entries.splice(2 * this.after(time), 0, time, value);
  }

  /** Returns the position of the last value at or before `time`; −1 if there is none. */
  asOf(time: number): number {
    return this.after(time) - 1;
  }

  timeAt(position: number): number {
    return this.entries[2 * position] ?? NaN;
  }

  valueAt(position: number): number {
    return this.entries[2 * position + 1] ?? NaN;
  }

  /** Replaces the held values of a time by `stretch` (by time, complete from its first time to its last). */
  replace(stretch: readonly { at: number; value: number }[]): void {
    const [first] = stretch;
    const last = stretch.at(-1);
    if (!first || !last) return;
    const before = this.entries.slice(0, 2 * this.before(first.at));
    const behind = this.entries.slice(2 * this.after(last.at));
    this.entries = [...before, ...stretch.flatMap(({ at, value }) => [at, value]), ...behind];
  }

  /** Forgets values that no window beginning at or after `time` can refer to. Usually reads the array once. */
  forgetBefore(time: number): void {
    const least = Math.max(PIECE, Math.ceil(this.length / 2));
    if (least < this.length && this.timeAt(least) <= time) this.entries.splice(0, 2 * this.asOf(time));
  }

  /** Returns the number of values from before `time`. */
  private before(time: number): number {
    let position = this.after(time);
    while (position > 0 && this.timeAt(position - 1) === time) position -= 1;
    return position;
  }

  private after(time: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
