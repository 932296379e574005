import type { Socket } from 'node:net';
import { pauseReading, resumeReading } from './socket-reading.js';

/**
 * Number of tiny chunks that an address may send at once, and per second. Each takes the event loop 1.4 to 10 µs.
 */
const TINY_CHUNKS = { atOnce: 8_192, perSecond: 5_000 };
/** Maximum debt of an address, chunks; it is paid off after 10 s. */
const MAX_DEBT_CHUNKS = 50_000;
/** Interval between two admitted connections after the address has sent too many, ms. */
const NEXT_DELAY_MS = 10;

/** Entrances of addresses that have sent tiny chunks lately. */
const entrances = new Map<string, Entrance>();

/** Charges tiny chunks to an address. Returns false if the address has sent more than it may. */
export function chargeChunks(address: string, chunks: number): boolean {
  const entrance = entrances.get(address) ?? new Entrance(() => entrances.delete(address));
  entrances.set(address, entrance);
  return entrance.charge(chunks);
}

/** Admits a new connection: at once, or when its address has paid off its debt. The connection is not read before. */
export function admitConnection(address: string, socket: Socket, admitted: () => void): void {
  const entrance = entrances.get(address);
  if (entrance === undefined) admitted();
  else entrance.admit(socket, admitted);
}

/**
 * Entrance of the connections of one address. After the address has sent more tiny chunks than it may, its new connections
 * wait, unread, until the debt is paid off: the cost of such chunks is reading them, so cutting the connections off costs as
 * much as serving them.
 */
class Entrance {
  private readonly waiting = new Map<Socket, () => void>();
  private left = TINY_CHUNKS.atOnce;
  private at = performance.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly forget: () => void) {}

  charge(chunks: number): boolean {
    this.left = Math.max(this.refilled() - chunks, -MAX_DEBT_CHUNKS);
    this.timer ??= setTimeout(() => this.next(), NEXT_DELAY_MS).unref();
    return this.left >= 0;
  }

  admit(socket: Socket, admitted: () => void): void {
    if (this.waiting.size === 0 && this.refilled() >= 0) {
      admitted();
      return;
    }
    this.waiting.set(socket, admitted);
    // Paused in the next tick, in which Node would begin to read.
    process.nextTick(() => this.waiting.has(socket) && pauseReading(socket));
    socket.once('close', () => this.waiting.delete(socket));
  }

  /** Admits the newest connection: a refused one reconnects, and must not keep its neighbours behind a queue of its own. */
  private next(): void {
    this.timer = undefined;
    const left = this.refilled();
    const newest = [...this.waiting].at(-1);
    if (newest === undefined && left >= TINY_CHUNKS.atOnce) {
      this.forget();
      return;
    }
    if (newest !== undefined && left >= 0) {
      const [socket, admitted] = newest;
      this.waiting.delete(socket);
      resumeReading(socket);
      admitted();
    }
    const debtMs = Math.ceil((-left * 1_000) / TINY_CHUNKS.perSecond);
    this.timer = setTimeout(() => this.next(), Math.max(NEXT_DELAY_MS, debtMs)).unref();
  }

  private refilled(): number {
    const now = performance.now();
    this.left = Math.min(TINY_CHUNKS.atOnce, this.left + ((now - this.at) * TINY_CHUNKS.perSecond) / 1_000);
    this.at = now;
    return this.left;
  }
}
