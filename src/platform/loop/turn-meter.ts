/** One look at the thread of the event loop. */
export interface LoopSample {
  /** On the clock that nobody sets, milliseconds. */
  readonly at: number;
  /** Processor time that the thread has used so far, milliseconds. */
  readonly cpuMs: number;
}

export interface LongTurn {
  readonly from: number;
  readonly to: number;
  /** Processor time of the turn, milliseconds: at most one interval too much, never too little. */
  readonly cpuMs: number;
}

/** A timer that comes later than this was held up by one long turn, milliseconds. */
const NOTABLE_MS = 8;

/**
 * Finds long turns of the loop from a timer that is late. The thread's processor time tells a turn that computed from a machine
 * that was busy with others. Pure: samples are given.
 */
export class TurnMeter {
  private last: LoopSample | undefined;

  constructor(private readonly intervalMs: number) {}

  /** To be called at each beat of the timer; the turn that made this beat late, if one did. */
  beat(sample: LoopSample): LongTurn | undefined {
    const { last } = this;
    this.last = sample;
    if (last === undefined) return undefined;
    const lateMs = sample.at - last.at - this.intervalMs;
    if (lateMs < NOTABLE_MS) return undefined;
    const cpuMs = Math.min(sample.cpuMs - last.cpuMs, lateMs + this.intervalMs);
    return cpuMs < NOTABLE_MS ? undefined : { from: last.at, to: sample.at, cpuMs };
  }
}
