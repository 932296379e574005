import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { Rotation } from '../../fairness/rotation.js';
import { addressOf, isUnknown } from './peers.js';

/** Bytes of one connection that are read together: as chunks of a byte, or as pipelined requests, they take 1 ms. */
const PIECE_BYTES = 2_048;
/** Time after which a turn of the event loop reads no further piece, ms. */
const TURN_MS = 1;
/** Maximum bytes that wait for their turn, per address and in total: a connection that exceeds it ends. */
const MAX_HELD = { ofAddress: 2 * 1_024 * 1_024, altogether: 32 * 1_024 * 1_024 };

/**
 * Reads input of connections that have not shown a key piece by piece: 1 ms per turn of the event loop, addresses in turn.
 * Input of other connections is handled between the turns, however many of these send at once. Connections with a key are read
 * at once.
 */
export function readStrangersInTurns(server: Server): void {
  const turns = new Turns();
  const readings = new WeakMap<Socket, StrangerReading>();
  server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (isUnknown(socket)) readings.set(socket, new StrangerReading(socket, turns));
  });
  // Node itself passes on the rest of the piece that held the upgrade.
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => readings.get(socket)?.giveBack());
}

/** Turns of the event loop for connections without a key, and the bytes that wait for one. */
class Turns {
  private readonly waiting = new Rotation<() => void>();
  private readonly heldOf = new Map<string, number>();
  private held = 0;
  private isRunning = false;

  next(address: string, read: () => void): void {
    this.waiting.add(address, read);
    if (this.isRunning) return;
    this.isRunning = true;
    setImmediate(() => this.step());
  }

  /** Adds bytes that wait, or removes them again; false: above the limit. */
  count(address: string, bytes: number): boolean {
    const ofAddress = (this.heldOf.get(address) ?? 0) + bytes;
    if (ofAddress === 0) this.heldOf.delete(address);
    else this.heldOf.set(address, ofAddress);
    this.held += bytes;
    return ofAddress <= MAX_HELD.ofAddress && this.held <= MAX_HELD.altogether;
  }

  private step(): void {
    const end = performance.now() + TURN_MS;
    let next = this.waiting.next();
    this.isRunning = next !== undefined;
    if (this.isRunning) setImmediate(() => this.step());
    while (next !== undefined) {
      next.item();
      next = performance.now() < end ? this.waiting.next() : undefined;
    }
  }
}

/** Reader between a connection and Node's parser, as the only listener to its data. */
class StrangerReading {
  private readonly address: string;
  private readonly parse: ((bytes: Buffer) => void) | undefined;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private isHolding = false;

  constructor(
    private readonly socket: Socket,
    private readonly turns: Turns,
  ) {
    this.address = addressOf(socket);
    [this.parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    if (this.parse === undefined) return;
    socket.removeListener('data', this.parse).on('data', this.take);
    socket.once('close', () => this.clear());
  }

  /** Returns waiting bytes to the connection, for its next reader. */
  giveBack(): void {
    this.socket.removeListener('data', this.take);
    const rest = this.clear();
    if (rest.length > 0) this.socket.unshift(rest);
  }

  private readonly take = (bytes: Buffer): void => {
    const isFirst = this.held.length === 0;
    if (isFirst && !isUnknown(this.socket)) {
      this.parse?.(bytes);
      return;
    }
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    if (!this.turns.count(this.address, bytes.length)) {
      this.socket.destroy();
      return;
    }
    if (this.heldBytes > PIECE_BYTES && !this.isHolding) this.hold();
    if (isFirst) this.turns.next(this.address, this.readNext);
  };

  private readonly readNext = (): void => {
    if (this.held.length === 0) return;
    const all = this.held.length === 1 && this.held[0] ? this.held[0] : Buffer.concat(this.held);
    const piece = isUnknown(this.socket) ? all.subarray(0, PIECE_BYTES) : all;
    this.held = piece.length === all.length ? [] : [all.subarray(piece.length)];
    this.heldBytes = all.length - piece.length;
    this.turns.count(this.address, -piece.length);
    if (this.heldBytes > 0) this.turns.next(this.address, this.readNext);
    else if (this.isHolding && this.release()) this.socket.resume();
    this.parse?.(piece);
  };

  /** Pauses reading; pauses and resumes that Node requests meanwhile are applied afterwards. */
  private hold(): void {
    this.isHolding = true;
    const { socket } = this;
    let wantsMore = !socket.isPaused();
    const { pause, resume } = socket;
    socket.pause();
    socket.pause = () => {
      wantsMore = false;
      return socket;
    };
    socket.resume = () => {
      wantsMore = true;
      return socket;
    };
    this.release = () => {
      Object.assign(socket, { pause, resume });
      this.isHolding = false;
      return wantsMore;
    };
  }

  private release: () => boolean = () => false;

  private clear(): Buffer {
    const rest = Buffer.concat(this.held);
    this.turns.count(this.address, -rest.length);
    this.held = [];
    this.heldBytes = 0;
    if (this.isHolding) this.release();
    return rest;
  }
}
