import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { Rotation } from '../../fairness/rotation.js';
import { threadCpuMs } from '../../loop/thread-cpu.js';
import { isClientHelloWhole } from './client-hello.js';
import { READING_COST_MS, type ReadingTurns } from './reading-turns.js';
import { signatureMs } from './signature-cost.js';
import { handOver } from './socket-reading.js';

/**
 * Handshakes under way at once: each may make the loop sign once more (0.4 ms with RSA 2048, 2 ms with RSA 4096) whenever its
 * client likes, and all of them in one turn.
 */
const UNDER_WAY = { most: 48, least: 4 };
/** Time of one turn that signing for all of them may take, and what a handshake costs beside its signature, ms. */
const MAX_TURN_MS = 16;
const UNSIGNED_MS = 0.2;
/** Time after which a handshake under way ends if others wait for its place, ms: a round trip of the slowest networks. */
const OTHERS_WAIT_TIMEOUT_MS = 600;
const STALLED_INTERVAL_MS = 100;
/** Time for a ClientHello to arrive, ms, and parts in which it may. */
const HELLO_TIMEOUT_MS = 10_000;
const MAX_HELLO_PARTS = 64;

interface Handshake {
  readonly socket: Socket;
  readonly address: string;
  /** Gives the connection to TLS. */
  readonly begin: () => void;
}

/**
 * Begins the TLS handshakes of connections without a key in turns: once the ClientHello has arrived, when one of a few places is
 * free, and when the addresses' share of the loop allows. TLS reads a connection below the streams of JavaScript, where it
 * cannot be paused: 400 handshakes that begin at once would hold the loop for 180 ms.
 */
export class Handshakes {
  private readonly ready = new Rotation<Handshake>();
  /** Times at which the handshakes under way began, in the order of their places; Infinity: not yet. */
  private readonly underWay = new Map<Socket, number>();
  private timer: NodeJS.Timeout | undefined;
  private places = UNDER_WAY.most;

  constructor(private readonly turns: ReadingTurns) {}

  /** Number of handshakes that may be under way at once. */
  get maxUnderWay(): number {
    return this.places;
  }

  /** Sets the number of handshakes under way by the cost of a signature with the server's key. */
  signWith(key: Buffer): void {
    const places = Math.floor(MAX_TURN_MS / (signatureMs(key) + UNSIGNED_MS));
    this.places = Math.min(Math.max(places, UNDER_WAY.least), UNDER_WAY.most);
  }

  /** Takes the place of the listener with which a server begins each handshake; `arrive` gets each connection first. */
  takeOver(server: TlsServer, arrive: (socket: Socket, begin: () => void) => void): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) =>
      arrive(socket, () => {
        for (const listener of listeners) Reflect.apply(listener, server, [socket]);
      }),
    );
  }

  /** Takes in a connection whose reading is paused and resumed in turns. */
  enter(handshake: Handshake): void {
    const { socket } = handshake;
    const parts: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), HELLO_TIMEOUT_MS).unref();
    const end = (): void => void socket.destroy();
    // A client that resets the connection must not end the process.
    socket.on('error', () => undefined);
    socket.once('end', end);
    socket.once('close', () => {
      clearTimeout(timer);
      this.end(socket);
    });
    const read = (part: Buffer): void => {
      this.turns.charge(handshake.address, READING_COST_MS.read);
      parts.push(part);
      const sent = Buffer.concat(parts);
      if (!isClientHelloWhole(sent)) {
        if (parts.length >= MAX_HELLO_PARTS) socket.destroy();
        return;
      }
      clearTimeout(timer);
      socket.off('data', read).off('end', end);
      // Before anything resumes the connection, and what it has sent flows into nothing.
      handOver(socket);
      this.turns.leave(socket);
      socket.unshift(sent);
      this.ready.add(handshake.address, handshake);
      this.fill();
    };
    socket.on('data', read);
  }

  /** Frees the place of a connection whose handshake is complete, or that has ended. */
  end(socket: Socket): void {
    if (this.underWay.delete(socket)) this.fill();
  }

  private fill(): void {
    while (this.underWay.size < this.places) {
      const next = this.turns.take(this.ready);
      if (next === undefined) return;
      if (next.socket.destroyed) continue;
      this.underWay.set(next.socket, Infinity);
      this.turns.runFor(next.address, next.socket, () => this.begin(next));
    }
    this.watch();
  }

  private watch(): void {
    if (!this.ready.isEmpty) this.timer ??= setTimeout(() => this.endStalled(), STALLED_INTERVAL_MS).unref();
  }

  private begin({ socket, address, begin }: Handshake): void {
    if (socket.destroyed) return;
    this.underWay.set(socket, performance.now());
    const before = threadCpuMs();
    begin();
    // TLS reads the ClientHello in the next tick, before this one.
    process.nextTick(() => this.turns.charge(address, threadCpuMs() - before));
  }

  /** Ends the handshakes whose client lets others wait. */
  private endStalled(): void {
    this.timer = undefined;
    const since = performance.now() - OTHERS_WAIT_TIMEOUT_MS;
    for (const [socket, begun] of this.underWay) if (begun < since && !this.ready.isEmpty) socket.destroy();
    this.watch();
  }
}
