import { Rotation } from '../../fairness/rotation.js';

/** Time of one turn of the loop that beginning requests may take, ms; the one under way when it is over is finished. */
const MAX_TURN_MS = 8;
/** Requests that may begin in one turn beyond those that begin as they arrive. */
const MAX_STARTS = 64;

/**
 * Begins requests as they arrive, a few milliseconds of them per turn of the loop. Others wait for the next turn, in which
 * addresses take turns. Refusing a request costs the loop 0.4 ms, and hundreds of connections can be read in one turn.
 */
export class RequestTurns {
  private readonly waiting = new Rotation<() => void>();
  /** Time at which the first request of this turn began; undefined: none has. */
  private begun: number | undefined;

  /** Begins a request of this address, now or in one of the next turns. */
  run(address: string, begin: () => void): void {
    if (this.waiting.isEmpty && this.hasTime()) begin();
    else this.waiting.add(address, begin);
  }

  private hasTime(): boolean {
    const now = performance.now();
    if (this.begun === undefined) {
      this.begun = now;
      setImmediate(() => this.nextTurn());
    }
    return now - this.begun < MAX_TURN_MS;
  }

  /** Each start is an immediate of its own: promises that it resolved go on, and are measured, before the next. */
  private nextTurn(): void {
    this.begun = undefined;
    if (this.waiting.isEmpty) return;
    for (let start = 0; start < MAX_STARTS; start += 1) setImmediate(() => this.start());
  }

  private start(): void {
    if (!this.waiting.isEmpty && this.hasTime()) this.waiting.next()?.item();
  }
}
