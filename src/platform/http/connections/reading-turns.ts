import type { Socket } from 'node:net';
import { Rotation } from '../../fairness/rotation.js';
import { LoopShare } from '../../loop/loop-share.js';
import { pauseReading, resumeReading } from './socket-reading.js';

/** Share of the loop that connections without a key may fill, and time that they may use ahead of it, ms. */
const SHARE = 0.5;
const MAX_AHEAD_MS = 8;

/** Costs of what such connections send, ms of the loop. */
export const READING_COST_MS = {
  /** A request that is refused. */
  request: 0.4,
  /** A chunk of a body. */
  chunk: 0.002,
} as const;

interface Reader {
  readonly address: string;
  /** Costs so far, ms. */
  charged: number;
}

/**
 * Reads connections without a key as long as they leave half of the loop's time to others. When they have used theirs, none of
 * them is read; then one per turn of the loop, addresses in turns. A hundred that send at once would be read in one turn.
 */
export class ReadingTurns {
  private readonly readers = new WeakMap<Socket, Reader>();
  /** Connections that are read. */
  private readonly open = new Set<Socket>();
  private readonly held = new Rotation<Socket>();
  private readonly share = new LoopShare(SHARE, MAX_AHEAD_MS);
  private isRunning = false;

  /** Takes in a new connection. */
  enter(socket: Socket, address: string): void {
    this.readers.set(socket, { address, charged: 0 });
    this.open.add(socket);
    // In the next tick, in which Node begins to read.
    if (this.isRunning) process.nextTick(() => this.hold(socket));
  }

  /** Charges what a connection has sent, ms. Connections that have left are free. */
  charge(socket: Socket, ms: number): void {
    const reader = this.readers.get(socket);
    if (reader === undefined) return;
    reader.charged += ms;
    this.share.charge(ms);
    if (this.share.restMs === 0) return;
    for (const other of this.open) this.hold(other);
  }

  /** Lets a connection go that has ended, been upgraded or shown a key; `isKnown`: its costs are given back. */
  leave(socket: Socket, isKnown: boolean): void {
    const reader = this.readers.get(socket);
    if (reader === undefined) return;
    this.readers.delete(socket);
    if (isKnown) this.share.charge(-reader.charged);
    if (!this.open.delete(socket) && this.held.remove(reader.address, socket)) resumeReading(socket);
  }

  private hold(socket: Socket): void {
    const reader = this.readers.get(socket);
    if (reader === undefined || !this.open.delete(socket)) return;
    pauseReading(socket);
    this.held.add(reader.address, socket);
    if (this.isRunning) return;
    this.isRunning = true;
    this.wait();
  }

  private wait(): void {
    const rest = this.share.restMs;
    if (rest > 0) setTimeout(() => this.next(), rest);
    else setImmediate(() => this.next());
  }

  private next(): void {
    if (this.share.restMs > 0) return this.wait();
    const next = this.held.next();
    this.isRunning = next !== undefined;
    if (next === undefined) return;
    this.open.add(next.item);
    resumeReading(next.item);
    this.wait();
  }
}
