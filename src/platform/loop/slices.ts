import { LRUCache } from 'lru-cache';
import { Rotation } from '../fairness/rotation.js';
import { currentCaller } from '../fairness/working-for.js';
import { LoopShare } from './loop-share.js';

/** Work of one slice, ms: new input waits no longer than this and the current step. */
const MAX_SLICE_MS = 4;
/** Name under which work of the process itself takes turns with the callers. */
const ITSELF = '';

/** Share of the loop that sliced work of one caller may fill in the long run, and what may be used ahead of it, ms. */
const SHARE_OF_CALLER = 0.3;
const MAX_AHEAD_MS = 50;
/** Callers whose shares are remembered: one that is forgotten has its whole share again. */
const MAX_CALLERS = 10_000;

/**
 * Waiters for a turn of the event loop. One goes on per turn, however many there are; callers take turns. The long work of one
 * caller leaves most of the loop's time free: an event on its way to a socket needs several turns of the loop, and would
 * wait in each of them.
 */
class Turns {
  private readonly waiting = new Rotation<() => void>();
  /** Shares of the callers that had a slice lately. */
  private readonly shares = new LRUCache<string, LoopShare>({ max: MAX_CALLERS });
  private isRunning = false;
  /** Runs until a caller may go on; one with a share left does not wait for it. */
  private rest: NodeJS.Timeout | undefined;

  next(caller = currentCaller() ?? ITSELF): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.add(caller, resolve);
      if (this.isRunning && (this.rest === undefined || this.restOf(caller) > 0)) return;
      clearTimeout(this.rest);
      this.rest = undefined;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    this.rest = undefined;
    let restMs = Infinity;
    const next = this.waiting.next((caller) => {
      const ofCaller = this.restOf(caller);
      restMs = Math.min(restMs, ofCaller);
      return ofCaller === 0;
    });
    this.isRunning = !this.waiting.isEmpty || next !== undefined;
    if (next !== undefined) this.go(next.name, next.item);
    else if (this.isRunning) this.rest = setTimeout(() => this.step(), restMs);
  }

  private go(caller: string, slice: () => void): void {
    const begun = performance.now();
    slice();
    setImmediate(() => {
      if (caller !== ITSELF) this.charge(caller, performance.now() - begun);
      this.step();
    });
  }

  /** Charges elapsed time, not processor time: on a machine short of processors sliced work then rests longer. */
  private charge(caller: string, ms: number): void {
    const share = this.shares.get(caller) ?? new LoopShare(SHARE_OF_CALLER, MAX_AHEAD_MS);
    this.shares.set(caller, share);
    share.charge(ms);
  }

  private restOf(caller: string): number {
    return this.shares.get(caller)?.restMs ?? 0;
  }
}

const turns = new Turns();

/**
 * Waits for a turn of the event loop in which no other sliced work runs. `caller`: the one for whom it is, where the work is
 * continued by something other than its request, such as a stream whose reader has taken a part.
 */
export function ownTurn(caller?: string): Promise<void> {
  return turns.next(caller);
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
