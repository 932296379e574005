/**
 * All code that relies on internals of `ws` and `engine.io`. Both can send a frame that was built elsewhere, but neither
 * documents it. Each way is tested when the process starts, on a connection in memory with the options of real
 * connections. If a test fails, messages are sent one by one through the libraries' own interface, which is slower but
 * always correct.
 */
import { IncomingMessage } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Server, Socket } from 'socket.io';
import { WebSocket, type WebSocketServer } from 'ws';
import { FrameRun } from './frame-run.js';
import { frameText, textFrame } from './text-frame.js';

/** Whether prepared frames are sent unchanged. */
export interface FrameProof {
  holds: boolean;
}

type Connection = Socket['conn'];

/** Members of engine.io and ws that their published types lack. */
interface EngineInternals {
  writeBuffer: { data?: unknown; options?: { wsPreEncodedFrame?: readonly Buffer[] } }[];
  /** Writes `wsPreEncodedFrame` to the network unchanged: one buffer, or header and payload. */
  write(data: string, options?: { wsPreEncodedFrame: readonly Buffer[] }): void;
  transport: {
    name: string;
    perMessageDeflate: unknown;
    /** Socket of `ws` under the WebSocket transport, with its network stream. */
    socket?: { readyState: number; bufferedAmount: number; terminate(): void; _socket: Duplex };
  };
}

/**
 * Writes runs of prepared frames to one engine connection. While the engine's queue is empty, all its earlier output is
 * already in the network stream, so a run is written to the stream directly; otherwise it is added to the queue.
 */
export class EngineOutlet {
  private readonly engine: EngineInternals;

  constructor(
    private readonly connection: Connection,
    private readonly proof: FrameProof,
  ) {
    this.engine = connection as unknown as EngineInternals;
  }

  /** Writes the whole run at once, or packet by packet where the transport (long polling, compression) takes no frames. */
  write(run: FrameRun): void {
    if (this.connection.readyState !== 'open') return;
    const { transport, writeBuffer } = this.engine;
    if (!this.proof.holds || transport.name !== 'websocket' || transport.perMessageDeflate) {
      // The engine prepends its own message type.
      for (const frame of run.frames()) this.engine.write(frameText(frame).slice(1));
    } else if (writeBuffer.length > 0) {
      // A packet without data. An engine that ignored the frame would send an empty message; the test at the start
      // excludes this.
      this.engine.write('', { wsPreEncodedFrame: [run.buffer] });
    } else if (transport.socket?.readyState === WebSocket.OPEN) {
      transport.socket._socket.write(run.buffer);
    }
  }

  /** Number of bytes that the network has not taken: in the engine's queue and in the socket's buffer. */
  bufferedBytes(): number {
    let bytes = this.engine.transport.socket?.bufferedAmount ?? 0;
    for (const { data, options } of this.engine.writeBuffer)
      bytes += options?.wsPreEncodedFrame?.[0]?.length ?? sizeOf(data);
    return bytes;
  }

  /**
   * Ends the connection so that the client's library reconnects by itself; the socket of a client that does not read is
   * destroyed.
   */
  close(graceMs: number): void {
    this.connection.close();
    const cut = setTimeout(() => {
      this.engine.transport.socket?.terminate();
      this.connection.close(true);
    }, graceMs);
    cut.unref();
  }
}

/**
 * Puts a token into the reply to CONNECT. When socket.io-client reconnects, it sends the token back with the last
 * argument of the newest event that it received. Socket.IO's own connection state recovery uses the same field and is
 * off.
 */
export function giveToken(socket: Socket, token: string): void {
  Object.assign(socket, { pid: token });
}

function sizeOf(data: unknown): number {
  return typeof data === 'string' || Buffer.isBuffer(data) ? data.length : 0;
}

/**
 * Writes runs of prepared frames to the network stream under one plain WebSocket. The library writes its own frames (pong,
 * close) synchronously to the same stream while compression is off, so frames never mix.
 */
export class PlainOutlet {
  constructor(
    private readonly socket: WebSocket,
    private readonly stream: Duplex,
    private readonly proof: FrameProof,
  ) {}

  write(run: FrameRun): void {
    if (this.proof.holds) this.stream.write(run.buffer);
    else for (const frame of run.frames()) this.socket.send(frameText(frame));
  }

  /** Number of bytes that the network has not taken. */
  bufferedBytes(): number {
    return this.proof.holds ? this.stream.writableLength : this.socket.bufferedAmount;
  }
}

/**
 * Calls `report` before ws ends a connection with an invalid frame, so that a message can still report the reason; ws
 * itself reports the error only after the end. If ws has no such internal receiver, only the close code reports the
 * reason.
 */
export function beforeUnreadable(socket: WebSocket, report: (error: Error & { code?: string }) => void): void {
  const { _receiver: receiver } = socket as unknown as { _receiver?: NodeJS.EventEmitter };
  receiver?.prependListener('error', report);
}

/** Frames of the test: two prepared ones, and one of the library that must arrive between them. */
const FIRST = textFrame('4first');
const OWN = 'own';
const LAST = textFrame('4last');

/** Whether frames written to the stream arrive unchanged and in order with the library's own. */
export function provePlainFrames(server: WebSocketServer): boolean {
  const wire = new MemoryWire();
  let proven = false;
  try {
    server.handleUpgrade(upgradeRequest('/ws', wire), wire, Buffer.alloc(0), (socket) => {
      wire.forget();
      wire.write(FIRST);
      socket.send(OWN);
      wire.write(LAST);
      proven = wire.holds([FIRST, textFrame(OWN), LAST]);
      socket.terminate();
    });
  } catch {
    proven = false;
  }
  wire.destroy();
  return proven;
}

/** Whether frames given to the engine arrive unchanged and in order with its own packets. */
export async function proveEngineFrames(engine: Server['engine']): Promise<boolean> {
  const wire = new MemoryWire();
  let proven = false;
  try {
    const Engine = engine.constructor as new (options: object) => Server['engine'];
    const twin = new Engine({ ...engine.opts, transports: ['websocket'] });
    twin.on('connection', (connection: Connection) => {
      wire.forget();
      // The engine is still sending its first packet: FIRST is written past it, LAST is queued behind the engine's own
      // packet.
      const outlet = new EngineOutlet(connection, { holds: true });
      outlet.write(FrameRun.empty().plus(FIRST));
      (connection as unknown as EngineInternals).write(OWN);
      outlet.write(FrameRun.empty().plus(LAST));
    });
    twin.handleUpgrade(upgradeRequest('/socket.io/?EIO=4&transport=websocket', wire), wire, Buffer.alloc(0));
    // A session begins in a later turn, after its id is generated; frames in the queue follow one turn after another
    // write has ended.
    for (let turn = 0; turn < PROOF_TURNS && !proven; turn++) {
      await nextTurn();
      proven = wire.holds([FIRST, textFrame(`4${OWN}`), LAST]);
    }
    twin.close();
  } catch {
    proven = false;
  }
  wire.destroy();
  return proven;
}

/** Maximum number of turns of the event loop that the test may take; it needs two. */
const PROOF_TURNS = 20;

function upgradeRequest(target: string, wire: Duplex): IncomingMessage {
  const request = new IncomingMessage(wire as NetSocket);
  request.method = 'GET';
  request.url = target;
  request.headers = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
  };
  return request;
}

/** Network stream in memory that records its input. */
class MemoryWire extends Duplex {
  private written: Buffer[] = [];

  constructor() {
    super();
    this.on('error', () => {});
  }

  forget(): void {
    this.written = [];
  }

  holds(frames: readonly Buffer[]): boolean {
    return Buffer.concat(this.written).equals(Buffer.concat(frames));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}
