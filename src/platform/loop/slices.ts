import { LRUCache } from 'lru-cache';
import { Rotation } from '../fairness/rotation.js';
import { currentCaller, isAlone } from '../fairness/working-for.js';
import { LoopShare } from './loop-share.js';

/** Work of one slice, ms: new input waits no longer than this and the current step. */
const MAX_SLICE_MS = 4;
/** Name under which work of the process itself takes turns with the callers. */
const ITSELF = '';

/**
 * Kind of sliced work. Answers are written, and sent in parts, within a share of the loop; other work, such as a replay, in every
 * turn of its caller.
 */
type Kind = 'work' | 'answers';
/** Prefix of the names under which answers take turns. */
const ANSWERS = 'answers of ';
/** Share of the event loop's time that long answers of one caller may use, and the time that they may use in advance, ms. */
const SHARE_OF_ANSWERS = 0.2;
const MAX_AHEAD_MS = 20;
/** Number of callers whose shares are remembered; a forgotten caller has its whole share again. */
const MAX_CALLERS = 10_000;

/**
 * Waiters for a turn of the event loop. One goes on per turn, however many there are; callers take turns. The long answers of
 * one caller leave most of the loop's time free: an event on its way to a socket needs several turns of the loop, and would
 * wait in each of them.
 */
class Turns {
  private readonly waiting = new Rotation<() => void>();
  /** Shares of the callers that had a slice lately. */
  private readonly shares = new LRUCache<string, LoopShare>({ max: MAX_CALLERS });
  private isRunning = false;
  /** Timer until a caller may go on; a caller with a share left does not wait for the timer. */
  private rest: NodeJS.Timeout | undefined;

  next(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.add(name, resolve);
      if (this.isRunning && (this.rest === undefined || this.restOf(name) > 0)) return;
      clearTimeout(this.rest);
      this.rest = undefined;
      this.isRunning = true;
      setImmediate(() => this.step());
    });
  }

  private step(): void {
    this.rest = undefined;
    let restMs = Infinity;
    const next = this.waiting.next((name) => {
      const ofName = this.restOf(name);
      restMs = Math.min(restMs, ofName);
      return ofName === 0;
    });
    this.isRunning = !this.waiting.isEmpty || next !== undefined;
    if (next !== undefined) this.go(next.name, next.item);
    else if (this.isRunning) this.rest = setTimeout(() => this.step(), restMs);
  }

  private go(name: string, slice: () => void): void {
    const begun = performance.now();
    slice();
    setImmediate(() => {
      if (name.startsWith(ANSWERS)) this.charge(name, performance.now() - begun);
      this.step();
    });
  }

  /** Charges elapsed time, not processor time: on a machine short of processors answers then rest longer. */
  private charge(name: string, ms: number): void {
    const share = this.shares.get(name) ?? new LoopShare(SHARE_OF_ANSWERS, MAX_AHEAD_MS);
    this.shares.set(name, share);
    share.charge(ms);
  }

  /** Only answers have a share. */
  private restOf(name: string): number {
    const share = this.shares.get(name);
    return share === undefined || isAlone(name.slice(ANSWERS.length)) ? 0 : share.restMs;
  }
}

const turns = new Turns();

/**
 * Waits for a turn of the event loop in which a part of an answer may be sent. `caller`: the caller that gets the answer; must
 * be given if a stream goes on after its reader has taken a part, because that happens outside the request.
 */
export function ownTurn(caller = currentCaller()): Promise<void> {
  return turns.next(nameOf('answers', caller));
}

function nameOf(kind: Kind, caller = currentCaller()): string {
  if (caller === undefined) return ITSELF;
  return kind === 'answers' ? `${ANSWERS}${caller}` : caller;
}

/** Work over many turns of the event loop, a slice in each: other input is handled between them. */
export class SlicedWork {
  private end = 0;

  constructor(private readonly kind: Kind = 'work') {}

  /** Whether the slice is over; before the first slice it is. */
  get isSliceOver(): boolean {
    return performance.now() >= this.end;
  }

  /** Begins the next slice, in a turn without other sliced work. */
  async nextSlice(): Promise<void> {
    await turns.next(nameOf(this.kind));
    this.end = performance.now() + MAX_SLICE_MS;
  }
}

/** Takes all parts of the work, in slices of a few milliseconds, of which the process does one per turn. */
export async function eachInSlices<T>(work: Iterable<T>, take: (part: T) => void, kind?: Kind): Promise<void> {
  const slices = new SlicedWork(kind);
  await slices.nextSlice();
  for (const part of work) {
    take(part);
    if (slices.isSliceOver) await slices.nextSlice();
  }
}

/** Returns all parts of the work, done in slices as above. */
export async function inSlices<T>(work: Iterable<T>, kind?: Kind): Promise<T[]> {
  const done: T[] = [];
  await eachInSlices(work, (part) => done.push(part), kind);
  return done;
}
