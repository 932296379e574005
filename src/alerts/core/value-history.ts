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

  /** Puts `earlier` (by time) in place of everything up to its end; later values stay. */
  prepend(earlier: readonly { at: number; value: number }[]): void {
    const end = earlier.at(-1);
    if (!end) return;
    const keep = this.after(end.at);
    this.times = [...earlier.map((point) => point.at), ...this.times.slice(keep)];
    this.values = [...earlier.map((point) => point.value), ...this.values.slice(keep)];
  }

  /** Forgets what no window that begins at or after `time` can refer to. Cheap: works on large pieces only. */
  forgetBefore(time: number): void {
    const useless = this.asOf(time);
    if (useless < 64 || useless < this.times.length / 2) return;
    this.times.splice(0, useless);
    this.values.splice(0, useless);
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
