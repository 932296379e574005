/** The values of one series by the time they were observed (Unix ms); of equal times the later given is the later. */
export class ValueHistory {
  private times: number[] = [];
  private values: number[] = [];

  /** Usually at the end; a value that was observed earlier than the last goes where it belongs. */
  insert(time: number, value: number): void {
    const last = this.times.at(-1);
    if (last === undefined || time >= last) {
      this.times.push(time);
      this.values.push(value);
      return;
    }
    const at = this.after(time);
    this.times.splice(at, 0, time);
    this.values.splice(at, 0, value);
  }

  /** Position of the last value at or before `time`; −1 if there is none. */
  asOf(time: number): number {
    return this.after(time) - 1;
  }

  timeAt(position: number): number {
    return this.times[position] ?? NaN;
  }

  valueAt(position: number): number {
    return this.values[position] ?? NaN;
  }

  /** Takes `stretch` (by time, complete from its first time to its last) in place of what is held of that time. */
  replace(stretch: readonly { at: number; value: number }[]): void {
    const [first] = stretch;
    const last = stretch.at(-1);
    if (!first || !last) return;
    const from = this.before(first.at);
    const to = this.after(last.at);
    const times = stretch.map((point) => point.at);
    const values = stretch.map((point) => point.value);
    this.times = [...this.times.slice(0, from), ...times, ...this.times.slice(to)];
    this.values = [...this.values.slice(0, from), ...values, ...this.values.slice(to)];
  }

  /** Forgets what no window that begins at or after `time` can refer to. Cheap: works on large pieces only. */
  forgetBefore(time: number): void {
    const useless = this.asOf(time);
    if (useless < 64 || useless < this.times.length / 2) return;
    this.times.splice(0, useless);
    this.values.splice(0, useless);
  }

  /** How many values are from before `time`. */
  private before(time: number): number {
    let position = this.after(time);
    while (position > 0 && this.timeAt(position - 1) === time) position -= 1;
    return position;
  }

  private after(time: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
