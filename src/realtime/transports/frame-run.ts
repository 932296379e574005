/**
 * Frames that leave together, in order. Connections that were given the same frames since the last flush hold the same
 * run, so the buffer that goes to the network is put together once for all of them.
 *
 * A run grows at its end and never changes: `plus` answers with the longer run, the same one to all who add the same
 * frame. Live events reach connections one event at a time, so nearly always that is the run the last one got.
 */
export class FrameRun {
  private next: FrameRun | undefined;
  /** Continuations by their frame, where connections went different ways. */
  private others: Map<Buffer, FrameRun> | undefined;
  private joined: Buffer | undefined;
  /** Whether more than one connection came here; only then the buffer is worth keeping. */
  private isShared = false;

  private constructor(
    private readonly before: FrameRun | undefined,
    private readonly frame: Buffer,
    /** Frames in it. */
    readonly length: number,
    /** Bytes of all of them. */
    readonly bytes: number,
  ) {}

  /** The run without frames, where all runs of one flush begin. */
  static empty(): FrameRun {
    return new FrameRun(undefined, NOTHING, 0, 0);
  }

  /** This run and one frame that other connections get too. */
  plus(frame: Buffer): FrameRun {
    const { next } = this;
    if (next === undefined || next.frame !== frame) return this.branch(frame);
    next.isShared = true;
    return next;
  }

  /** This run and one frame that is for one connection only. */
  plusOwn(frame: Buffer): FrameRun {
    return new FrameRun(this, frame, this.length + 1, this.bytes + frame.length);
  }

  /** All frames, one after the other; made for all by the first who asks. */
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

  /** The frames from the last to the first. */
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
