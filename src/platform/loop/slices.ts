import { LRUCache } from 'lru-cache';
import { Rotation } from '../fairness/rotation.js';
import { currentCaller, isAlone } from '../fairness/working-for.js';
import { LoopShare } from './loop-share.js';

/** Work of one slice, ms: new input waits no longer than this and the current step. */
const MAX_SLICE_MS = 4;
/** Name under which work of the process itself takes turns with the callers. */
const ITSELF = '';

/**
 * Kind of sliced work. Answers are written, and sent in parts, within a share of the loop, and so is the rest of a long catch-up;
 * other work goes on in every turn of its caller.
 */
export type Kind = 'work' | keyof typeof LIMITED;
/**
 * Kinds whose work is limited: prefix of the names under which it takes turns, and share of the event loop's time that the work of
 * one caller may use. A caller's catch-ups may use all that there is for limited work: they must end before their time limit, and
 * many clients of one key continue at once.
 */
const LIMITED = {
  answers: { prefix: 'answers of ', share: 0.2 },
  catchUps: { prefix: 'catch-ups of ', share: 0.5 },
} as const;
const LIMITS = Object.values(LIMITED);
/** Share that all limited work may use together, and time that may be used in advance of a share, ms. */
const SHARE_OF_ALL = 0.5;
const MAX_AHEAD_MS = 20;
/** Number of callers whose shares are remembered; a forgotten caller has its whole share again. */
const MAX_CALLERS = 10_000;

/**
 * Waiters for a turn of the event loop. One goes on per turn, however many there are; callers take turns. The long answers and
 * catch-ups of one caller leave most of the loop's time free, and those of all callers half of it: an event on its way to a
 * socket needs several turns of the loop, and would wait in each of them.
 *
 * Medians of two to four alternating runs on a busy machine, without and with the share of all, time from another user's post to
 * its socket: beside ten catch-ups of 95,000 events p50 185 and 35, p99 641 and 222 ms, which end after 6 and 10 s; beside long
 * answers to 50 callers p99 1,818 and 496 ms, 315 and 262 answers in 8 s.
 */
export class Turns {
  private readonly waiting = new Rotation<() => void>();
  /** Shares of the callers that had a slice lately. */
  private readonly shares = new LRUCache<string, LoopShare>({ max: MAX_CALLERS });
  private readonly shareOfAll = new LoopShare(SHARE_OF_ALL, MAX_AHEAD_MS);
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
      this.charge(name, performance.now() - begun);
      this.step();
    });
  }

  /** Charges elapsed time, not processor time: on a machine short of processors answers then rest longer. */
  private charge(name: string, ms: number): void {
    const limit = limitOf(name);
    if (limit === undefined) return;
    const share = this.shares.get(name) ?? new LoopShare(limit.share, MAX_AHEAD_MS);
    this.shares.set(name, share);
    share.charge(ms);
    this.shareOfAll.charge(ms);
  }

  /** Time until the name may go on, ms. */
  private restOf(name: string): number {
    const limit = limitOf(name);
    if (limit === undefined || isAlone(name.slice(limit.prefix.length))) return 0;
    return Math.max(this.shares.get(name)?.restMs ?? 0, this.shareOfAll.restMs);
  }
}

function limitOf(name: string): (typeof LIMITS)[number] | undefined {
  return LIMITS.find(({ prefix }) => name.startsWith(prefix));
}

const turns = new Turns();

/**
 * Waits for a turn of the event loop in which a part of an answer may be sent. `caller`: the caller that gets the answer; must
 * be given if a stream goes on after its reader has taken a part, because that happens outside the request.
 */
export function ownTurn(caller = currentCaller()): Promise<void> {
  return turns.next(nameOf('answers', caller));
}

/** Returns the name under which work of that kind takes turns. */
export function nameOf(kind: Kind, caller = currentCaller()): string {
  if (caller === undefined) return ITSELF;
  return kind === 'work' ? caller : `${LIMITED[kind].prefix}${caller}`;
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
  async nextSlice(kind = this.kind): Promise<void> {
    await turns.next(nameOf(kind));
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

/** Returns the result of work that yields between its steps, done in slices as above. */
export async function inSteps<T>(steps: Generator<void, T>, kind?: Kind): Promise<T> {
  const slices = new SlicedWork(kind);
  await slices.nextSlice();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (slices.isSliceOver) await slices.nextSlice();
  }
}
