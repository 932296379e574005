import { Rotation } from '../fairness/rotation.js';
import { currentCaller } from '../fairness/working-for.js';

/** Work of one slice, milliseconds: what arrives meanwhile waits no longer than this and the step it is in. */
const MAX_SLICE_MS = 4;
/** Work of the process itself takes its turn as one caller among the others. */
const ITSELF = '';

/** Waiters for a turn of the event loop. One goes on per turn, however many there are; callers take turns. */
class Turns {
  private readonly waiting = new Rotation<() => void>();
  private isRunning = false;

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.add(currentCaller() ?? ITSELF, resolve);
      if (this.isRunning) return;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    const next = this.waiting.next();
    this.isRunning = next !== undefined;
    if (next === undefined) return;
    next.item();
    setImmediate(() => this.step());
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
