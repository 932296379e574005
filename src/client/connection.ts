import { ClientError } from './client-error.js';
import { globals, watchPage, type FetchLike, type SocketClass } from './runtime.js';
import { StreamWire } from './stream-wire.js';
import { WebSocketWire } from './websocket-wire.js';
import type { Wire, WireSink } from './wire.js';

export interface ConnectionOptions {
  /** Address of the server: `https://host:8080`. */
  readonly url: string;
  /** Key or token, or a function that gives one; it is called again before the token expires and when it is refused. */
  readonly auth: string | (() => Promise<string> | string);
  /** Default: WebSocket; event streams if there is no `WebSocket` or none can be opened. */
  readonly transport?: 'auto' | 'websocket' | 'sse';
  /** Functions to use in place of the global ones. */
  readonly WebSocket?: SocketClass;
  readonly fetch?: FetchLike;
  /** Opens a connection in another way than over a network; `shared` uses it. */
  readonly openWire?: (sink: WireSink) => Wire;
}

/** State of the connection; `waiting`: for the next attempt. */
export type State = 'connecting' | 'open' | 'waiting' | 'closed';

/** Owner of the connection: a client, or the tab that serves all others. */
export interface ConnectionOwner extends WireSink {
  /** Returns any position of the client. */
  position(): string | undefined;
  stateChanged(state: State): void;
  /** Requests whose answers did not come are to be sent again. */
  askAgain?(): void;
  pageLeaves?(): void;
  report(error: unknown): void;
  /** The connection has ended for good. */
  finished(error: ClientError): void;
}

const MAX_DELAY_MS = 10_000;
const FIRST_DELAY_MS = 100;
/** Longest delay of a timer, ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Part of a token's lifetime after which it is renewed. */
const RENEWAL = 0.8;
/** Interval of the check for silence, ms: the server sends a heartbeat every 15 s. */
const SILENCE_CHECK_MS = 20_000;
/** Time in which a probe must be answered, ms. */
const PROBE_TIMEOUT_MS = 600;
const MAX_REFUSED_KEYS = 3;
/** Attempts without any connection after which the other transport is tried. */
const MAX_FAILED_ATTEMPTS = 2;

/** Returns a random delay that grows with the attempts, ms. */
export function delayMs(attempt: number, atLeast = 0): number {
  return atLeast + Math.random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
}

type TimerName = 'connect' | 'renew' | 'silence' | 'probe' | 'drain' | 'again';

/** Keeps one connection open, over the transport that works, with a key or token that is valid. */
export class Connection {
  state: State = 'connecting';
  wire: Wire | undefined;
  private readonly timers = new Map<TimerName, ReturnType<typeof setTimeout>>();
  private readonly url: string;
  private readonly unwatch: () => void;
  private secret: string | undefined;
  /** Number of the latest attempt: what an earlier one brings is void. */
  private turn = 0;
  private attempt = 0;
  private refusedKeys = 0;
  private failedAttempts = 0;
  private usesStreams: boolean;
  private hasOpenedSocket = false;
  private wasHeard = false;
  private lostAt: number | undefined;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly owner: ConnectionOwner,
  ) {
    this.url = options.url.endsWith('/') ? options.url : `${options.url}/`;
    this.usesStreams = options.transport === 'sse' || !this.socketClass;
    this.unwatch = watchPage(
      () => this.wake(),
      () => owner.pageLeaves?.(),
      () => this.lose(),
    );
  }

  /** Time since the connection was lost, ms; 0 before the first loss. */
  absentMs(): number {
    return this.lostAt === undefined ? 0 : performance.now() - this.lostAt;
  }

  async open(): Promise<void> {
    const turn = ++this.turn;
    this.change('connecting');
    try {
      const { auth } = this.options;
      this.secret ??= typeof auth === 'string' ? auth : await auth();
    } catch (error) {
      this.owner.report(error);
      if (turn === this.turn) this.retry(0);
      return;
    }
    if (turn !== this.turn) return;
    this.wasHeard = false;
    this.watchSilence();
    const { secret, url, owner, socketClass } = this;
    const fetch = this.options.fetch ?? globals().fetch?.bind(globalThis);
    const { openWire } = this.options;
    if (openWire) this.wire = openWire(owner);
    else if (!this.usesStreams && socketClass) {
      this.wire = new WebSocketWire(socketClass, url, secret, owner.position(), owner);
    } else if (fetch) this.wire = new StreamWire(fetch, url, secret, owner);
    else this.stop(new ClientError('unavailable', 'This runtime has no WebSocket and no fetch; give one.', false));
  }

  /** Takes the server's acceptance; `expiresInMs` is the lifetime of the token. */
  accepted(expiresInMs: number | null | undefined): void {
    this.refusedKeys = 0;
    this.failedAttempts = 0;
    this.hasOpenedSocket ||= !this.usesStreams;
    this.change('open');
    if (typeof this.options.auth === 'string' || typeof expiresInMs !== 'number') return;
    this.later('renew', Math.min(expiresInMs * RENEWAL, MAX_TIMER_MS), () => void this.renew());
  }

  /** Takes the proof that subscriptions work: the next loss is followed by a fast attempt. */
  settled(): void {
    this.attempt = 0;
  }

  alive(): void {
    this.wasHeard = true;
    this.cancel('probe');
  }

  /** Takes the announcement that the server ends; the connection moves before it does. */
  draining(afterMs: number): void {
    this.later('drain', afterMs, () => this.lose(0));
  }

  /** Takes a refusal that names no request. */
  failed(error: ClientError): void {
    if (error.isOfKey) return this.keyRefused(error);
    if (error.code === 'conflict') return this.lose(delayMs(this.attempt++));
    if (error.retryable)
      this.later('again', delayMs(this.attempt++, error.retryAfterMs), () => this.owner.askAgain?.());
  }

  ended(error?: ClientError): void {
    if (error?.isOfKey) return this.keyRefused(error);
    if (error && !error.retryable) return this.stop(error);
    const isNew = this.state !== 'open';
    if (isNew && ++this.failedAttempts >= MAX_FAILED_ATTEMPTS) this.changeTransport();
    this.retry(error?.retryAfterMs ?? 0);
  }

  /** Ends everything. Without an error the caller meant to. */
  stop(error?: ClientError): void {
    if (this.state === 'closed') return;
    this.turn++;
    this.drop();
    this.unwatch();
    this.change('closed');
    if (error) this.owner.finished(error);
  }

  private get socketClass(): SocketClass | undefined {
    return this.options.WebSocket ?? globals().WebSocket;
  }

  private changeTransport(): void {
    this.failedAttempts = 0;
    const isFree = (this.options.transport ?? 'auto') === 'auto' && !this.hasOpenedSocket;
    if (isFree && this.socketClass) this.usesStreams = !this.usesStreams;
  }

  private keyRefused(error: ClientError): void {
    this.secret = undefined;
    if (typeof this.options.auth === 'string' || ++this.refusedKeys > MAX_REFUSED_KEYS) return this.stop(error);
    this.retry(0);
  }

  /** Renews the token on the open connection, before it expires. */
  private async renew(): Promise<void> {
    const { auth } = this.options;
    const { turn } = this;
    if (typeof auth === 'string') return;
    try {
      const secret = await auth();
      if (turn !== this.turn) return;
      this.secret = secret;
      if (!this.wire?.renew(secret)) this.lose(0);
    } catch (error) {
      this.owner.report(error);
      if (turn === this.turn) this.later('renew', delayMs(this.attempt++), () => void this.renew());
    }
  }

  /** Checks whether the connection still works, because the page was hidden or the network changed. */
  wake(): void {
    if (this.state === 'waiting') return this.lose(0);
    if (this.state !== 'open' || this.timers.has('probe')) return;
    if (!this.wire?.probe()) return this.lose(0);
    this.later('probe', PROBE_TIMEOUT_MS, () => this.lose(0));
  }

  /** Ends the connection if the server was silent for two checks. */
  private watchSilence(isSecond = false): void {
    this.later('silence', SILENCE_CHECK_MS, () => {
      const isSilent = !this.wasHeard && !(this.usesStreams && this.state !== 'open');
      this.wasHeard = false;
      if (isSilent && isSecond) this.ended();
      else this.watchSilence(isSilent);
    });
  }

  private retry(atLeastMs: number): void {
    this.lose(delayMs(this.attempt++, atLeastMs));
  }

  /** Drops the connection, if there is one, and opens the next after a while; without a time, when the page wakes. */
  private lose(afterMs?: number): void {
    if (this.state === 'closed') return;
    if (this.state === 'open') this.lostAt = performance.now();
    this.turn++;
    this.drop();
    this.change('waiting');
    // A listener of the state may have closed the client.
    if (this.isClosed) return;
    if (afterMs !== undefined) this.later('connect', afterMs, () => void this.open());
  }

  private get isClosed(): boolean {
    return this.state === 'closed';
  }

  private drop(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    const { wire } = this;
    this.wire = undefined;
    wire?.close();
  }

  private change(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.owner.stateChanged(state);
  }

  private later(name: TimerName, ms: number, work: () => void): void {
    this.cancel(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        work();
      }, ms),
    );
  }

  private cancel(name: TimerName): void {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}
