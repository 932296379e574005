import { connect, type Socket } from 'node:net';
import { NatsFraming } from './raw-load-brokers.js';
import type { Dialect } from './raw-load-dialects.js';
import {
  clientFrame,
  EventStreamFraming,
  WebSocketFraming,
  type Framing,
  type MessageSink,
} from './raw-load-framing.js';
import type { Samples } from './raw-load-samples.js';

/** Read buffer shared by all clients of a process: the kernel fills it, and the client processes it in the same turn. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);
/**
 * Number of loopback addresses over which clients are spread, so that ports do not run out while closed ones are in
 * TIME_WAIT.
 */
const ADDRESSES = 16;
const HEAD_LIMIT = 16 * 1024;

export interface ClientSettings {
  readonly host: string;
  readonly port: number;
  readonly dialect: Dialect;
  readonly samples: Samples;
}

/** One client on a bare socket: performs the handshake until it is ready, then counts deliveries. */
export class RawClient implements MessageSink {
  readonly head: number;
  /** Deliveries since the last `reset`. */
  count = 0;
  bytes = 0;
  /** Time at which the last bytes arrived, Unix milliseconds. */
  heardAt = 0;
  isReady = false;
  /** Time from the client's last message before it was ready, usually `subscribe`, to the answer, ms. */
  answerMs = 0;
  /** Reason of an end that the bench did not request. */
  ended: string | undefined;
  private readonly socket: Socket;
  private framing: Framing | undefined;
  private response = '';
  private closing = false;
  private settle: ((problem?: string) => void) | undefined;
  private askedAt = 0;

  constructor(
    readonly n: number,
    private readonly settings: ClientSettings,
    onSettled: (problem?: string) => void,
  ) {
    this.head = settings.dialect.head;
    this.settle = onSettled;
    this.socket = connect({
      host: settings.host,
      port: settings.port,
      localAddress: `127.0.0.${1 + (n % ADDRESSES)}`,
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: (length, data) => this.read(data.subarray(0, length) as Buffer) },
    });
    this.socket.on('connect', () => this.socket.write(this.request()));
    this.socket.on('error', (error) => this.end(error.message));
    this.socket.on('close', () => this.end('the server closed the connection'));
  }

  /** Stops reading, like a client whose network stands still. */
  stall(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends the connection with a reset, so that no port stays in TIME_WAIT. */
  close(): void {
    this.closing = true;
    this.socket.resetAndDestroy();
  }

  delivery(data: Buffer, start: number, end: number): boolean {
    const events = this.settings.dialect.events(data, start, end);
    if (events === 0) return false;
    if (this.settings.samples.wants(this.n, this.count)) return this.sample(data, start, end, events);
    this.count += events;
    return true;
  }

  message(message: Buffer): void {
    const events = this.settings.dialect.events(message, 0, message.length);
    if (events > 0) {
      this.settings.samples.add(this.n, message, 0, message.length);
      this.count += events;
      return;
    }
    if (message.includes('closed: ') && message.indexOf('closed: ') === 0) return this.end(message.toString());
    const { send = [], ready, refused } = this.settings.dialect.converse(this.n, message);
    for (const text of send) this.socket.write(clientFrame(text));
    if (send.length > 0 && !this.isReady) this.askedAt = performance.now();
    if (refused !== undefined) this.end(refused);
    if (ready && !this.isReady) {
      this.isReady = true;
      this.answerMs = performance.now() - this.askedAt;
      this.settled();
    }
  }

  delivered(): void {
    this.count += 1;
  }

  answer(frame: Buffer): void {
    this.socket.write(frame);
  }

  /** Samples a delivery. Returns false if it is incomplete; it is then passed again as a whole. */
  private sample(data: Buffer, start: number, end: number, events: number): boolean {
    if (!this.settings.samples.add(this.n, data, start, end)) return false;
    this.count += events;
    return true;
  }

  private read(data: Buffer): boolean {
    this.bytes += data.length;
    this.heardAt = performance.timeOrigin + performance.now();
    if (this.framing) this.framing.take(data);
    else this.readResponse(data);
    return true;
  }

  private readResponse(data: Buffer): void {
    this.response += data.toString('latin1');
    const end = this.response.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.response.length > HEAD_LIMIT) this.end('no HTTP answer');
      return;
    }
    const isStream = this.settings.dialect.framing === 'event-stream';
    if (!this.response.startsWith(isStream ? 'HTTP/1.1 200' : 'HTTP/1.1 101')) return this.end(this.response);
    this.framing = new FRAMINGS[this.settings.dialect.framing](this);
    const opening = this.settings.dialect.opening?.(this.n);
    if (opening) this.socket.write(clientFrame(opening));
    const rest = Buffer.from(this.response.slice(end + 4), 'latin1');
    this.response = '';
    if (rest.length > 0) this.framing.take(rest);
  }

  private request(): string {
    const { target, headers } = this.settings.dialect.request(this.n);
    const upgrade =
      this.settings.dialect.framing !== 'event-stream'
        ? [
            'Upgrade: websocket',
            'Connection: Upgrade',
            'Sec-WebSocket-Version: 13',
            `Sec-WebSocket-Key: ${HANDSHAKE_KEY}`,
          ]
        : ['Accept: text/event-stream'];
    const lines = [
      `GET ${target} HTTP/1.1`,
      `Host: ${this.settings.host}:${this.settings.port}`,
      ...upgrade,
      ...headers,
    ];
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  private end(problem: string): void {
    if (this.closing || this.ended !== undefined) return;
    this.ended = problem;
    this.socket.destroy();
    this.settled(problem);
  }

  private settled(problem?: string): void {
    this.settle?.(problem);
    this.settle = undefined;
  }
}

const FRAMINGS = { websocket: WebSocketFraming, 'event-stream': EventStreamFraming, nats: NatsFraming };

/** Any 16 bytes: there is no cache between client and server that would need a random key. */
const HANDSHAKE_KEY = Buffer.from('defi-realtime-ld').toString('base64');
