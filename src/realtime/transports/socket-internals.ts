/**
 * Reliance on the internals of `ws` and `engine.io`, all of it in this file: both can send a frame that was made elsewhere, but
 * neither promises it. Each way is proven when the process starts, on a connection in memory, with the options of real ones.
 * Without proof it is not used: messages then take the libraries' own interface, one by one, slower and never wrong.
 */
import { IncomingMessage } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Server, Socket } from 'socket.io';
import { WebSocket, type WebSocketServer } from 'ws';
import { FrameRun } from './frame-run.js';
import { frameText, textFrame } from './websocket/text-frame.js';

/** Whether prepared frames are sent unchanged. */
export interface FrameProof {
  holds: boolean;
}

type Connection = Socket['conn'];

/** Members of engine.io and ws beyond their typed interface. */
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
 * Writes runs of prepared frames to one engine connection. The engine's output is in the network stream in the same turn: while
 * its queue is empty, a run may follow there directly; else it waits behind the queue.
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
      // Packet without data: an engine that ignored the frame would send an empty message, hence the proof.
      this.engine.write('', { wsPreEncodedFrame: [run.buffer] });
    } else if (transport.socket?.readyState === WebSocket.OPEN) {
      transport.socket._socket.write(run.buffer);
    }
  }

  /** Bytes that the network has not taken: the engine's queue and the socket's own. */
  bufferedBytes(): number {
    let bytes = this.engine.transport.socket?.bufferedAmount ?? 0;
    for (const { data, options } of this.engine.writeBuffer)
      bytes += options?.wsPreEncodedFrame?.[0]?.length ?? sizeOf(data);
    return bytes;
  }

  /** Ends the connection so that the client's library reconnects by itself; a peer that does not read is cut off. */
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
 * Puts a token into the answer to CONNECT: socket.io-client returns it, with the last argument of the newest event it received,
 * when it reconnects. The server's own recovery, which would use the same field, is off.
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

  /** Bytes that the network has not taken. */
  bufferedBytes(): number {
    return this.proof.holds ? this.stream.writableLength : this.socket.bufferedAmount;
  }
}

/**
 * Calls `tell` before ws ends a connection whose frames it cannot accept, so that the reason can still be sent in a message.
 * The library reports only afterwards; where it has no such receiver, only the close code gives the reason.
 */
export function beforeUnreadable(socket: WebSocket, tell: (error: Error & { code?: string }) => void): void {
  const { _receiver: receiver } = socket as unknown as { _receiver?: NodeJS.EventEmitter };
  receiver?.prependListener('error', tell);
}

/** Prepared frames, the library's own between them, and the expected output. */
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
      // While the engine is busy with its greeting, the first frame goes past it and the last waits behind its own packet.
      const outlet = new EngineOutlet(connection, { holds: true });
      outlet.write(FrameRun.empty().plus(FIRST));
      (connection as unknown as EngineInternals).write(OWN);
      outlet.write(FrameRun.empty().plus(LAST));
    });
    twin.handleUpgrade(upgradeRequest('/socket.io/?EIO=4&transport=websocket', wire), wire, Buffer.alloc(0));
    // Sessions begin once their id is made; frames that wait for a write to end follow in later turns.
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

/** Maximum turns of the event loop for the proof; it needs two. */
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
