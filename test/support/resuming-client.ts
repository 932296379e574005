/** One event as a client keeps it: enough to compare with what writers committed. */
export interface SeenEvent {
  cursor: string;
  type: string;
  key: string;
  previous: number | null;
  current: number | null;
  /** When the value was observed, Unix milliseconds. */
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
 * A client that follows the resume rules of the contract and nothing else: its position is the newest cursor it saw; while
 * a replay has not been answered the position stays where it was, and what came meanwhile is kept only once it is answered.
 */
export abstract class ResumingClient {
  readonly events: SeenEvent[] = [];
  position: string | undefined;
  reconnects = 0;
  /** The `reconnectAfterMs` of every `server_draining`. */
  readonly farewells: number[] = [];
  /** Answers that were no success, and frames that the AsyncAPI document does not describe. */
  readonly refusals: string[] = [];
  /** Where each event goes once it counts as received. */
  record: (event: SeenEvent) => void = (event) => this.events.push(event);
  /** How often in a row the server said that it cannot hear its database. */
  staleBeats = 0;
  /** How long each return after `leave` took, from the first attempt to connect until everything missed was there, ms. */
  readonly returns: number[] = [];
  /** What is wrong with a frame in words. `described-frames.ts` makes this the AsyncAPI document; by itself it is nothing. */
  static faultsOf: (transport: Transport, name: string, body: unknown) => string[] = () => [];
  protected closed = false;
  private pending: SeenEvent[] | undefined;
  private checked = 0;
  private timer: NodeJS.Timeout | undefined;
  private returnedAt: number | undefined;

  abstract connect(): void;
  /** Cuts the connection without a goodbye; the client comes back at once. */
  abstract drop(): void;
  /** Cuts the connection without a goodbye, and whatever would bring it back. */
  protected abstract cut(): void;

  /** Cuts the connection without a goodbye and comes back after a while. */
  leave(awayMs: number): void {
    this.cut();
    this.later(awayMs, () => {
      this.returnedAt = performance.now();
      this.connect();
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.cut();
  }

  /** Connects again soon, unless something else has been decided by then. */
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

  /** A refused connection may say so: that is an invitation to come back. */
  protected drained(body: Body): void {
    if (typeof body['reconnectAfterMs'] === 'number') this.farewells.push(body['reconnectAfterMs']);
    if (typeof body['cursor'] !== 'string') this.refusals.push('server_draining without a cursor');
  }

  /** What may be tried again is tried again, from the same position. */
  protected refused(error: unknown): void {
    if ((error as Body | undefined)?.['retryable'] === true) this.drop();
    else this.refusals.push(JSON.stringify(error));
  }

  /** All of the first frames and some of the others: a client that validates everything is a slow one. */
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
