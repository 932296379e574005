import type { Socket } from 'node:net';
import { Rotation } from '../../fairness/rotation.js';
import { LoopShare } from '../../loop/loop-share.js';
import { RecentCosts } from './recent-costs.js';
import { pauseReading, resumeReading } from './socket-reading.js';

/**
 * Share of the loop that connections without a key may fill, and time that they may use ahead of it, ms: a hundred connections
 * at once are refused faster than the system could take in what they send.
 */
const SHARE_WITHOUT_KEY = 0.4;
const MAX_AHEAD_MS = 60;
/** Time of one turn of the loop that they may use before one is read per turn, ms. */
const MAX_TURN_MS = 8;

/** Costs of what such connections send, ms of the loop. */
export const READING_COST_MS = {
  /** A request that arrives, and one that begins and is refused. */
  arrival: 0.05,
  request: 0.35,
  /** A part that arrives, however small. */
  read: 0.02,
  /** A connection that ends with a part of a request, or with something else than a request. */
  fault: 0.1,
} as const;

/**
 * Connections that are read for each request that begins: reading one costs little, and shows whether it has a key. If a crowd
 * waits, all in one turn of the loop: on a busy machine a turn lasts long whatever is read in it.
 */
const READS_PER_START = 4;

/** Waiting addresses that are a crowd. */
const MIN_CROWD_ADDRESSES = 8;

/** Connections that are paused in one turn of the loop: 3 us each. */
const MAX_PAUSED_AT_ONCE = 4_000;

/**
 * Reads connections without a key, and begins their requests, as long as they leave 60 % of the loop's time to others. When they
 * have used theirs, none of them goes on; then one per turn of the loop, addresses in turns: a hundred that send at once would
 * be read in one turn. Requests behind another in one read have turns of their own, as a read may hold dozens. One turn in three
 * is for addresses from which a valid key came lately, and one for the address that has cost the least: a user's new connection,
 * or a health probe, does not wait until all of a crowd have had their turns.
 */
export class ReadingTurns {
  private readonly addresses = new WeakMap<Socket, string>();
  /** Connections that are read. */
  private readonly open = new Set<Socket>();
  /** Connections whose request has been read and waits to begin. */
  private readonly beginning = new WeakSet<Socket>();
  /** Connections that are not. */
  private readonly held = new Rotation<Socket>();
  /** Requests that have been read and wait to begin. */
  private readonly waiting = new Rotation<() => void>();
  private readonly share = new LoopShare(SHARE_WITHOUT_KEY, MAX_AHEAD_MS);
  private readonly costs = new RecentCosts();
  private isRunning = false;
  private isPausing = false;
  private readsInRow = 0;
  private turn = 0;
  /** Costs of this turn of the loop; undefined: none yet. */
  private ofTurn: number | undefined;

  /** `hasKeys`: whether a valid key came from an address lately. */
  constructor(private readonly hasKeys: (address: string) => boolean = () => false) {}

  /** Takes in a connection. */
  enter(socket: Socket, address: string): void {
    if (this.addresses.has(socket)) return;
    this.addresses.set(socket, address);
    this.open.add(socket);
    // In the next tick, in which Node begins to read.
    if (this.isRunning) process.nextTick(() => this.hold(socket));
  }

  /** Whether a connection is read in turns. */
  has(socket: Socket): boolean {
    return this.addresses.has(socket);
  }

  /** Whether a connection waits for its turn to be read, or its request for its turn to begin. */
  isWaiting(socket: Socket): boolean {
    return (this.addresses.has(socket) && !this.open.has(socket)) || this.beginning.has(socket);
  }

  /** Whether so many addresses wait that a costly body of each would delay newcomers by seconds. */
  get isCrowded(): boolean {
    return this.held.names + this.waiting.names > MIN_CROWD_ADDRESSES;
  }

  /** Charges what connections of an address have sent, ms; a negative cost is given back. */
  charge(address: string, ms: number): void {
    this.costs.add(address, ms);
    this.share.charge(ms);
    if (this.ofTurn === undefined) setImmediate(() => (this.ofTurn = undefined));
    this.ofTurn = (this.ofTurn ?? 0) + ms;
    if (!this.isDue) this.holdAll();
  }

  /** Begins a request or handshake of a connection: now, or in a turn of its address. */
  run(socket: Socket, begin: () => void): void {
    const address = this.addresses.get(socket);
    if (address === undefined) begin();
    else this.runFor(address, socket, begin);
  }

  /** Begins a request or handshake for an address: now, or in its turn, and not at all once its connection has ended. */
  runFor(address: string, socket: Socket, begin: () => void): void {
    if (socket.destroyed) return;
    if (!this.isRunning && this.isDue) {
      begin();
      return;
    }
    const ended = (): void => void this.waiting.remove(address, start);
    const start = (): void => {
      socket.off('close', ended);
      this.beginning.delete(socket);
      begin();
    };
    socket.once('close', ended);
    this.beginning.add(socket);
    this.waiting.add(address, start);
    this.takeTurns();
  }

  /** Returns the next item of a rotation of addresses: of one with keys, of the cheapest, or of the next, in turns. */
  take<T>(rotation: Rotation<T>): T | undefined {
    return (this.preferred(rotation) ?? rotation.next())?.item;
  }

  /** Whether another may go on in this turn of the loop. */
  private get isDue(): boolean {
    return (this.ofTurn ?? 0) <= MAX_TURN_MS && this.share.restMs === 0;
  }

  /** Lets a connection go that has ended, been upgraded or shown a key. */
  leave(socket: Socket): void {
    const address = this.addresses.get(socket);
    if (address === undefined) return;
    this.addresses.delete(socket);
    if (!this.open.delete(socket) && this.held.remove(address, socket)) resumeReading(socket);
  }

  /** Holds the open connections, a part of them in each turn of the loop. */
  private holdAll(): void {
    if (this.isPausing) return;
    let count = 0;
    for (const socket of this.open) {
      this.hold(socket);
      count += 1;
      if (count < MAX_PAUSED_AT_ONCE) continue;
      this.isPausing = true;
      setImmediate(() => {
        this.isPausing = false;
        if (this.isRunning) this.holdAll();
      });
      return;
    }
  }

  private hold(socket: Socket): void {
    const address = this.addresses.get(socket);
    if (address === undefined || !this.open.delete(socket)) return;
    pauseReading(socket);
    this.held.add(address, socket);
    this.takeTurns();
  }

  private takeTurns(): void {
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
    this.isRunning = !this.held.isEmpty || !this.waiting.isEmpty;
    if (!this.isRunning) return;
    this.wait();
    for (let reads = this.isCrowded ? READS_PER_START : 1; reads > 0 && !this.isStartDue(); reads -= 1) this.read();
    if (this.isStartDue()) this.start();
  }

  private isStartDue(): boolean {
    return !this.waiting.isEmpty && (this.held.isEmpty || this.readsInRow >= READS_PER_START);
  }

  private start(): void {
    this.readsInRow = 0;
    this.take(this.waiting)?.();
  }

  private read(): void {
    this.readsInRow += 1;
    const socket = this.take(this.held);
    if (socket === undefined) return;
    this.open.add(socket);
    resumeReading(socket);
  }

  private preferred<T>(rotation: Rotation<T>): { item: T } | undefined {
    this.turn += 1;
    const kind = this.turn % 3;
    if (kind === 0) return undefined;
    return kind === 1 ? rotation.next(this.hasKeys) : rotation.cheapest((address) => this.costs.of(address));
  }
}
