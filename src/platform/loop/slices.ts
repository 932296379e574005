import { Rotation } from '../fairness/rotation.js';
import { currentCaller } from '../fairness/working-for.js';

/** Work of one slice, ms: new input waits no longer than this and the current step. */
const MAX_SLICE_MS = 4;
/** Name under which work of the process itself takes turns with the callers. */
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

/** Waits for a turn of the event loop in which no other sliced work runs. */
export function ownTurn(): Promise<void> {
  return turns.next();
}

/** Work over many turns of the event loop, a slice in each: other input is handled between them. */
export class SlicedWork {
  private end = 0;

  /** Whether the slice is over; before the first slice it is. */
  get isSliceOver(): boolean {
    return performance.now() >= this.end;
  }

  /** Begins the next slice, in a turn without other sliced work. */
  async nextSlice(): Promise<void> {
    await turns.next();
    this.end = performance.now() + MAX_SLICE_MS;
  }
}

/** Takes all parts of the work, in slices of a few milliseconds, of which the process does one per turn. */
export async function eachInSlices<T>(work: Iterable<T>, take: (part: T) => void): Promise<void> {
  const slices = new SlicedWork();
  await slices.nextSlice();
  for (const part of work) {
    take(part);
    if (slices.isSliceOver) await slices.nextSlice();
  }
}

/** Returns all parts of the work, done in slices as above. */
export async function inSlices<T>(work: Iterable<T>): Promise<T[]> {
  const done: T[] = [];
  await eachInSlices(work, (part) => done.push(part));
  return done;
}
