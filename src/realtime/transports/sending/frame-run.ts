/**
 * Frames that are sent together, in order. Connections that received the same frames since the last flush share one run,
 * so the buffer for the network is concatenated once for all of them.
 *
 * The frames of a run never change: `plus` returns a longer run, which is the same object for every caller that adds the
 * same frame. Live events reach connections one event at a time, so this is nearly always the run that `plus` returned
 * last.
 */
export class FrameRun {
  private next: FrameRun | undefined;
  /** Longer runs by the frame that they add; used when connections add different frames to this run. */
  private others: Map<Buffer, FrameRun> | undefined;
  private joined: Buffer | undefined;
  /** Whether several connections share the run: only then is the concatenated buffer cached. */
  private isShared = false;

  private constructor(
    private readonly before: FrameRun | undefined,
    private readonly frame: Buffer,
    /** Number of frames. */
    readonly length: number,
    /** Total bytes of the frames. */
    readonly bytes: number,
  ) {}

  /** Returns the run without frames; all runs of one flush begin with it. */
  static empty(): FrameRun {
    return new FrameRun(undefined, NOTHING, 0, 0);
  }

  /** Returns the run with one more frame, which other connections receive, too. */
  plus(frame: Buffer): FrameRun {
    const { next } = this;
    if (next === undefined || next.frame !== frame) return this.branch(frame);
    next.isShared = true;
    return next;
  }

  /** Returns the run with one more frame, which only this connection receives. */
  plusOwn(frame: Buffer): FrameRun {
    return new FrameRun(this, frame, this.length + 1, this.bytes + frame.length);
  }

  /** All frames concatenated; built once, at the first request. */
  get buffer(): Buffer {
    if (this.length === 1) return this.frame;
    if (this.joined !== undefined) return this.joined;
    const joined = Buffer.concat(this.frames(), this.bytes);
    if (this.isShared) this.joined = joined;
    return joined;
  }

  frames(): Buffer[] {
    const frames: Buffer[] = [];
    FrameRun.gather(this, frames);
    return frames.reverse();
  }

  /** Collects the frames from the last to the first. */
  private static gather(run: FrameRun, into: Buffer[]): void {
    for (let at = run; at.before !== undefined; at = at.before) into.push(at.frame);
  }

  private branch(frame: Buffer): FrameRun {
    const { next } = this;
    const known = this.others?.get(frame);
    const run = known ?? this.plusOwn(frame);
    if (known) known.isShared = true;
    else if (next) {
      this.others ??= new Map([[next.frame, next]]);
      this.others.set(frame, run);
    }
    this.next = run;
    return run;
  }
}

const NOTHING = Buffer.alloc(0);
