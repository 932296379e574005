/** Minimum number of values dropped at once, because each drop moves the rest of the array. */
const PIECE = 64;

/**
 * Values of one series by their time of observation (Unix ms); of equal times, the value given later counts as later.
 * Times and values alternate in one array: with an array each, every event would touch two.
 */
export class ValueHistory {
  private entries: number[] = [];

  private get length(): number {
    return this.entries.length / 2;
  }

  /** Inserts a value, usually at the end; a value observed before the last one is inserted at its place by time. */
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

  /**
   * Replaces the values between the first and the last time of `stretch`, which is sorted by time and complete between
   * them.
   */
  replace(stretch: readonly { at: number; value: number }[]): void {
    const [first] = stretch;
    const last = stretch.at(-1);
    if (!first || !last) return;
    const before = this.entries.slice(0, 2 * this.before(first.at));
    const behind = this.entries.slice(2 * this.after(last.at));
    this.entries = [...before, ...stretch.flatMap(({ at, value }) => [at, value]), ...behind];
  }

  /** Drops values that no window starting at or after `time` needs. On average it costs one pass over the array. */
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
