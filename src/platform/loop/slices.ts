/** Work of one slice, milliseconds: what arrives meanwhile waits no longer than this and the step it is in. */
const MAX_SLICE_MS = 4;
/** A turn shorter than this is followed by the next at once, milliseconds. */
const SHORT_TURN_MS = 1;
/** Longest rest between two turns, milliseconds. */
const MAX_REST_MS = 8;

/**
 * Waiters for a turn of the event loop. One goes on per turn, in order, however many there are. After a long one the loop belongs to
 * the others for as long: a write takes a dozen short turns, one for each answer of the database, and took 1.4 s instead of 12 ms
 * while sixteen large answers were written in every turn between.
 */
class Turns {
  private readonly waiting: (() => void)[] = [];
  private isRunning = false;

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.isRunning) return;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    const resolve = this.waiting.shift();
    this.isRunning = resolve !== undefined;
    if (resolve === undefined) return;
    const begun = performance.now();
    resolve();
    setImmediate(() => {
      const spent = performance.now() - begun;
      if (spent < SHORT_TURN_MS) this.step();
      else setTimeout(() => this.step(), Math.min(spent, MAX_REST_MS));
    });
  }
}

const turns = new Turns();

/** Waits for a turn of the event loop that nobody else here uses for a slice of work. */
export function ownTurn(): Promise<void> {
  return turns.next();
}

/** Work that goes on over many turns of the event loop, a slice in each: what arrives meanwhile goes between. */
export class SlicedWork {
  private end = 0;

  /** Whether the others are to go first now; before the first slice they are. */
  get isSliceOver(): boolean {
    return performance.now() >= this.end;
  }

  /** Begins the next slice, in a turn that is nobody else's. */
  async nextSlice(): Promise<void> {
    await turns.next();
    this.end = performance.now() + MAX_SLICE_MS;
  }
}

/** Takes everything that the work yields, in slices of a few milliseconds, of which the process does one per turn. */
export async function eachInSlices<T>(work: Iterable<T>, take: (part: T) => void): Promise<void> {
  const slices = new SlicedWork();
  await slices.nextSlice();
  for (const part of work) {
    take(part);
    if (slices.isSliceOver) await slices.nextSlice();
  }
}

/** Everything that the work yields, done in slices as above. */
export async function inSlices<T>(work: Iterable<T>): Promise<T[]> {
  const done: T[] = [];
  await eachInSlices(work, (part) => done.push(part));
  return done;
}
