import { Rotation } from '../fairness/rotation.js';
import { currentCaller } from '../fairness/working-for.js';
import { LoopShare } from './loop-share.js';

/** Work of one slice, ms: new input waits no longer than this and the current step. */
const MAX_SLICE_MS = 4;
/** Name under which work of the process itself takes turns with the callers. */
const ITSELF = '';

/** Share of the loop that turns of callers' sliced work may fill in the long run, and what may be used ahead of it, ms. */
const CALLERS_SHARE = 0.5;
const MAX_AHEAD_MS = 50;

/**
 * Waiters for a turn of the event loop. One goes on per turn, however many there are; callers take turns. Long work of callers
 * leaves half of the loop's time free: an event on its way to a socket needs several turns, and would wait in each of them.
 */
class Turns {
  private readonly waiting = new Rotation<() => void>();
  private readonly ofCallers = new LoopShare(CALLERS_SHARE, MAX_AHEAD_MS);
  private isRunning = false;
  /** Runs until callers may go on; the process itself does not wait for it. */
  private rest: NodeJS.Timeout | undefined;

  next(): Promise<void> {
    const caller = currentCaller() ?? ITSELF;
    return new Promise((resolve) => {
      this.waiting.add(caller, resolve);
      if (this.isRunning && (this.rest === undefined || caller !== ITSELF)) return;
      clearTimeout(this.rest);
      this.rest = undefined;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    this.rest = undefined;
    const restMs = this.ofCallers.restMs;
    const next = this.waiting.next((caller) => restMs === 0 || caller === ITSELF);
    this.isRunning = !this.waiting.isEmpty || next !== undefined;
    if (next !== undefined) this.go(next.name, next.item);
    else if (this.isRunning) this.rest = setTimeout(() => this.step(), restMs);
  }

  private go(caller: string, slice: () => void): void {
    const begun = performance.now();
    slice();
    setImmediate(() => {
      if (caller !== ITSELF) this.ofCallers.charge(performance.now() - begun);
      this.step();
    });
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
