/** Sample of the event loop's thread. */
interface LoopSample {
  /** Monotonic time, ms. */
  readonly at: number;
  /** Processor time of the thread so far, ms. */
  readonly cpuMs: number;
}

export interface LongTurn {
  readonly from: number;
  readonly to: number;
  /** Processor time of the turn, ms: at most one interval too much, never too little. */
  readonly cpuMs: number;
}

/** Delay of a timer from which one long turn is assumed, ms. */
const NOTABLE_TURN_MS = 8;

/**
 * Finds long turns of the loop by the delay of a timer. The thread's processor time distinguishes a computing turn from a
 * machine that was busy with other work. Pure: samples are given.
 */
export class TurnMeter {
  private last: LoopSample | undefined;

  constructor(private readonly intervalMs: number) {}

  /** Returns the turn that delayed this beat, if one did; to be called at each beat of the timer. */
  beat(sample: LoopSample): LongTurn | undefined {
    const { last } = this;
    this.last = sample;
    if (last === undefined) return undefined;
    const lateMs = sample.at - last.at - this.intervalMs;
    if (lateMs < NOTABLE_TURN_MS) return undefined;
    const cpuMs = Math.min(sample.cpuMs - last.cpuMs, lateMs + this.intervalMs);
    return cpuMs < NOTABLE_TURN_MS ? undefined : { from: last.at, to: sample.at, cpuMs };
  }
}
