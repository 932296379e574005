/** Event as a client stores it: enough to compare it with committed changes. */
export interface SeenEvent {
  cursor: string;
  type: string;
  key: string;
  previous: number | null;
  current: number | null;
  /** Time of observation of the value, Unix milliseconds. */
  at: number;
}

export type Transport = 'socketio' | 'websocket' | 'sse';

export type Body = Record<string, unknown>;

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function seen(type: string, body: Body, cursor: unknown): SeenEvent {
  return {
    cursor: text(cursor),
    type,
    key: text(body['token']) || `${text(body['protocol'])}:${text(body['chain'])}`,
    previous: number(body['previousTvl'] ?? body['previousPrice']),
    current: number(body['currentTvl'] ?? body['currentPrice']),
    at: new Date(body['timestamp'] as string | number).getTime(),
  };
}

/**
 * Client that follows only the resume rules of the contract. Its position is the newest cursor that it received. Until a
 * replay is answered, the position does not change, and events received meanwhile count only after the answer.
 */
export abstract class ResumingClient {
  readonly events: SeenEvent[] = [];
  position: string | undefined;
  reconnects = 0;
  /** Number of connections on which the client has received everything that it missed. */
  recoveries = 0;
  /** Values of `reconnectAfterMs` in all `server_draining` messages. */
  readonly farewells: number[] = [];
  /** Answers that report a failure, and frames that violate the AsyncAPI document. */
  readonly refusals: string[] = [];
  /** Called with each event when it counts as received. */
  record: (event: SeenEvent) => void = (event) => this.events.push(event);
  /** Number of consecutive heartbeats in which the server reported that it cannot read its database. */
  staleBeats = 0;
  /** Duration of each return after `leave`, from the first connection attempt until all missed events had arrived, ms. */
  readonly returns: number[] = [];
  /**
   * Returns the violations by a frame. `described-frames.ts` sets a check against the AsyncAPI document; the default
   * checks nothing.
   */
  static faultsOf: (transport: Transport, name: string, body: unknown) => string[] = () => [];
  protected closed = false;
  private pending: SeenEvent[] | undefined;
  private checked = 0;
  private timer: NodeJS.Timeout | undefined;
  private returnedAt: number | undefined;

  abstract connect(): void;
  /** Cuts the connection without closing it properly; the client reconnects at once. */
  abstract drop(): void;
  /** Cuts the connection without closing it properly, and prevents reconnects. */
  protected abstract cut(): void;

  /** Cuts the connection without closing it properly, and reconnects after a while. */
  leave(disconnectedMs: number): void {
    this.cut();
    this.later(disconnectedMs, () => {
      this.returnedAt = performance.now();
      this.connect();
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.cut();
  }

  /** Reconnects soon, unless the client was closed or cut in the meantime. */
  protected again(): void {
    this.later(100, () => this.connect());
  }

  private later(ms: number, work: () => void): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(work, ms);
  }

  protected beginReplay(): void {
    this.pending = [];
  }

  protected answered(cursor: unknown, recovered: unknown, reason?: unknown): void {
    if (this.position !== undefined && recovered !== true) this.refusals.push(String(reason));
    this.recoveries += 1;
    const pending = this.pending ?? [];
    this.pending = undefined;
    for (const event of pending) this.keep(event);
    this.advance(cursor);
    if (this.returnedAt === undefined) return;
    this.returns.push(performance.now() - this.returnedAt);
    this.returnedAt = undefined;
  }

  protected take(event: SeenEvent): void {
    if (this.pending) this.pending.push(event);
    else this.keep(event);
  }

  protected heartbeat(cursor: unknown, stale: unknown): void {
    this.staleBeats = stale === true ? this.staleBeats + 1 : 0;
    if (!this.pending) this.advance(cursor);
  }

  /** Handles `server_draining`, which a refused connection may receive, too: the client should reconnect. */
  protected drained(body: Body): void {
    if (typeof body['reconnectAfterMs'] === 'number') this.farewells.push(body['reconnectAfterMs']);
    if (typeof body['cursor'] !== 'string') this.refusals.push('server_draining without a cursor');
  }

  /** Reconnects after a retryable refusal, from the same position. */
  protected refused(error: unknown): void {
    if ((error as Body | undefined)?.['retryable'] === true) this.drop();
    else this.refusals.push(JSON.stringify(error));
  }

  /** Checks all of the first frames and some of the later ones, because checking all frames makes a client slow. */
  protected check(transport: Transport, name: string, body: unknown): void {
    this.checked += 1;
    if (this.checked > 500 && this.checked % 50 !== 0) return;
    if (this.refusals.length < 10) this.refusals.push(...ResumingClient.faultsOf(transport, name, body));
  }

  private keep(event: SeenEvent): void {
    this.record(event);
    this.advance(event.cursor);
  }

  private advance(cursor: unknown): void {
    if (typeof cursor === 'string' && (this.position === undefined || cursor > this.position)) this.position = cursor;
  }
}
