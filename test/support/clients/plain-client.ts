import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';
import { faultsOf } from '../oracles/asyncapi-validator.js';
import { waitFor } from '../wait-for.js';

export type Message = Record<string, unknown> & { type: string };

/** A real plain WebSocket client that records what it receives and checks every message against the AsyncAPI document. */
export class PlainClient {
  readonly messages: Message[] = [];
  readonly faults: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: WebSocket;
  private taken = 0;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), options);
    this.socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString('utf8')) as Message;
      this.messages.push(message);
      this.faults.push(...faultsOf('websocket', message.type, message));
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Connects and authenticates; resolves after `connected`. */
  static async connect(url: string, apiKey: string, path = '/ws'): Promise<PlainClient> {
    const client = new PlainClient(`${url}${path}?apiKey=${apiKey}`);
    await client.next('connected');
    return client;
  }

  async opened(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open');
    return this;
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Returns the next message of a type that `next` has not yet returned or skipped; skips messages of other types. */
  async next(type: string, timeoutMs = 10_000): Promise<Message> {
    return waitFor(
      () => {
        for (let at = this.taken; at < this.messages.length; at++) {
          const message = this.messages[at]!;
          if (message.type !== type) continue;
          this.taken = at + 1;
          return message;
        }
        return undefined;
      },
      { timeoutMs, what: `a ${type} message; got ${this.messages.map((message) => message.type).join(', ')}` },
    );
  }

  async ask(message: Record<string, unknown>, answer: string): Promise<Message> {
    this.send(message);
    return this.next(answer);
  }

  named(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close();
    await this.closed;
  }
}
