import type { Socket } from 'node:net';

/** Tiny chunks that an address may send at once, and a second: 1.4 us of the loop each, up to 5 us where they have to wait. */
const TINY_CHUNKS = { atOnce: 8_192, perSecond: 5_000 };
/** What an address has sent too much is forgotten after 10 s. */
const MAX_DEBT = 50_000;
/** Time between two connections that are let in after the address has sent too many, ms. */
const NEXT_AFTER_MS = 10;

/** Of addresses that have sent tiny chunks lately. */
const entrances = new Map<string, Entrance>();

/** Counts tiny chunks of an address; false: more than it may send. */
export function chargeChunks(address: string, chunks: number): boolean {
  const entrance = entrances.get(address) ?? new Entrance(() => entrances.delete(address));
  entrances.set(address, entrance);
  return entrance.charge(chunks);
}

/** Has a new connection read now, or when its address has made up for what it sent. */
export function admitConnection(address: string, socket: Socket): void {
  entrances.get(address)?.admit(socket);
}

/**
 * Where the connections of one address come in. Once the address has sent more tiny chunks than it may, its new connections
 * wait, unread, until that is made up for: reading is what such chunks cost, so cutting them off costs as much as taking them.
 */
class Entrance {
  private readonly waiting = new Set<Socket>();
  private left = TINY_CHUNKS.atOnce;
  private at = performance.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly forget: () => void) {}

  charge(chunks: number): boolean {
    this.left = Math.max(this.refilled() - chunks, -MAX_DEBT);
    this.timer ??= setTimeout(() => this.next(), NEXT_AFTER_MS).unref();
    return this.left >= 0;
  }

  admit(socket: Socket): void {
    if (this.waiting.size === 0 && this.refilled() >= 0) return;
    this.waiting.add(socket);
    // Node begins to read in the next tick, whatever is said before.
    process.nextTick(() => this.waiting.has(socket) && socket.pause());
    socket.once('close', () => this.waiting.delete(socket));
  }

  /** Lets in the newest: one that is refused comes back, and must not keep its neighbours behind a queue of its own. */
  private next(): void {
    this.timer = undefined;
    const left = this.refilled();
    const newest = [...this.waiting].at(-1);
    if (newest === undefined && left >= TINY_CHUNKS.atOnce) {
      this.forget();
      return;
    }
    if (newest !== undefined && left >= 0) {
      this.waiting.delete(newest);
      newest.resume();
    }
    const debtMs = Math.ceil((-left * 1_000) / TINY_CHUNKS.perSecond);
    this.timer = setTimeout(() => this.next(), Math.max(NEXT_AFTER_MS, debtMs)).unref();
  }

  private refilled(): number {
    const now = performance.now();
    this.left = Math.min(TINY_CHUNKS.atOnce, this.left + ((now - this.at) * TINY_CHUNKS.perSecond) / 1_000);
    this.at = now;
    return this.left;
  }
}
