/** State of a track at a position. */
interface Reading {
  /**
   * Index of the last recorded point that was passed, counted across all repetitions of the track: it changes by one at each
   * point.
   */
  ordinal: number;
  /** Value of the last passed point. */
  recorded: number;
  /** Current value: interpolated between two points if the track is interpolated; equal to `recorded` if not. */
  value: number;
}

interface TrackOptions {
  /** Times of the points in seconds after the first one, ascending; the first is 0. */
  times: readonly number[];
  values: readonly number[];
  /** Whether values are interpolated linearly between two points; if not, the last point's value applies. */
  interpolated: boolean;
  /** Seconds of this track per second of playback; recordings of days and of seconds have different speeds. */
  pace: number;
  /** Position in the track at which the playback begins, seconds. */
  phase: number;
}

/**
 * Recording that is played forwards and backwards in turn, so that it has no end and no jump. A pure function of the
 * playback's position: any process that has the position can continue.
 */
export class Track {
  private readonly length: number;
  private readonly last: number;

  constructor(private readonly options: TrackOptions) {
    this.last = options.times.length - 1;
    this.length = options.times[this.last] ?? 0;
    if (options.values.length !== options.times.length || options.times[0] !== 0 || !(this.length > 0)) {
      throw new Error('A track must have as many times as values, at least two, beginning at 0.');
    }
  }

  /** Returns the state `played` seconds after the start of the playback; negative values are allowed. */
  at(played: number): Reading {
    return this.read(this.options.phase + played * this.options.pace);
  }

  /** Returns the state `seconds` before the start of the playback, if the track was played at `pace` until then. */
  before(seconds: number, pace: number): Reading {
    return this.read(this.options.phase - seconds * pace);
  }

  /**
   * Yields the points passed before the start of the playback, the latest first. `ago`: seconds before the start, at most
   * `longest`.
   */
  *passings(pace: number, longest: number): Generator<{ ago: number; value: number }> {
    const here = this.options.phase;
    for (let { ordinal } = this.read(here); ; ordinal--) {
      const ago = (here - this.place(ordinal)) / pace;
      if (ago > longest) return;
      yield { ago, value: this.valueAt(ordinal) };
    }
  }

  private read(place: number): Reading {
    const { times, values, interpolated } = this.options;
    const round = Math.floor(place / (2 * this.length));
    const inRound = place - round * 2 * this.length;
    const forward = inRound <= this.length;
    const position = forward ? inRound : 2 * this.length - inRound;
    const below = lastAtOrBefore(times, position);
    const from = times[below] ?? 0;
    const passed = forward || position === from ? below : below + 1;
    const ordinal = round * 2 * this.last + (forward ? passed : 2 * this.last - passed);
    const recorded = values[passed] ?? 0;
    if (!interpolated || below === this.last) return { ordinal, recorded, value: recorded };
    const share = (position - from) / ((times[below + 1] ?? from) - from);
    const start = values[below] ?? 0;
    return { ordinal, recorded, value: start + ((values[below + 1] ?? start) - start) * share };
  }

  /** Returns the position on the track of the point with the index `ordinal`, counted across all repetitions of the track. */
  private place(ordinal: number): number {
    const round = Math.floor(ordinal / (2 * this.last));
    const step = ordinal - round * 2 * this.last;
    const time = this.options.times[this.indexOf(step)] ?? 0;
    return round * 2 * this.length + (step <= this.last ? time : 2 * this.length - time);
  }

  private valueAt(ordinal: number): number {
    const round = Math.floor(ordinal / (2 * this.last));
    return this.options.values[this.indexOf(ordinal - round * 2 * this.last)] ?? 0;
  }

  private indexOf(step: number): number {
    return step <= this.last ? step : 2 * this.last - step;
  }
}

function lastAtOrBefore(times: readonly number[], position: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((times[middle] ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
