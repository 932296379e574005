import { Agent, WebSocket, type Dispatcher } from 'undici';

const CONNECT_TIMEOUT_MS = 5_000;
/** Largest message that is taken, bytes; a header has about 2 KB. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Pause before the connection is made again, ms; doubles while that fails. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
/** Time without a message after which the connection is made anew, ms: balancers drop idle ones silently. */
const MAX_SILENCE_MS = 120_000;

const SUBSCRIBE = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] });

export interface HeadWatchOptions {
  /** Maker of connections; addresses given over the API have one that checks where they lead. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly minPauseMs?: number;
}

/**
 * Subscription to new blocks over WebSocket. It only rings: no content of a message is used, and a chain whose watch is broken is
 * polled as before. Connects again by itself.
 */
export class HeadWatch {
  private readonly dispatcher: Dispatcher;
  private readonly minPauseMs: number;
  private socket: WebSocket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs: number;
  private isStopped = false;

  constructor(
    private readonly address: string,
    private readonly ring: () => void,
    { dispatcher, minPauseMs = MIN_PAUSE_MS }: HeadWatchOptions = {},
  ) {
    this.minPauseMs = this.pauseMs = minPauseMs;
    this.dispatcher =
      dispatcher ??
      new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, webSocket: { maxPayloadSize: MAX_MESSAGE_BYTES } });
  }

  start(): void {
    if (this.isStopped) return;
    const socket = new WebSocket(this.address, { dispatcher: this.dispatcher });
    this.socket = socket;
    socket.addEventListener('open', () => socket.send(SUBSCRIBE));
    socket.addEventListener('message', () => {
      this.pauseMs = this.minPauseMs;
      this.wait(MAX_SILENCE_MS);
      this.ring();
    });
    // A `close` follows each `error`.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.wait(this.pauseMs * (0.5 + Math.random()));
      this.pauseMs = Math.min(MAX_PAUSE_MS, this.pauseMs * 2);
    });
    this.wait(MAX_SILENCE_MS);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.drop();
    await this.dispatcher.destroy();
  }

  /** Connects after `ms` unless something happens before. */
  private wait(ms: number): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.drop();
      this.start();
    }, ms).unref();
  }

  private drop(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.close();
  }
}
