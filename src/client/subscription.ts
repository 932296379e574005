import type { ClientError } from './client-error.js';
import type { DefiEvent, GapReason, SnapshotItem, StreamMessage } from './events.js';
import type { Ask, Filter } from './filter.js';
import { MessageBuffer } from './message-buffer.js';

/** Called with each message; a returned promise is not waited for, and a throw is reported without ending anything. */
export type Handler = (message: StreamMessage) => unknown;

export interface Subscription extends AsyncIterable<StreamMessage> {
  /** Cursor up to which everything was given; give it as `since` to continue elsewhere. */
  readonly position: string | undefined;
  /** Replaces the filter, from the current position on. */
  update(filter: Filter): void;
  /** Ends the subscription: nothing is given afterwards, not even what has arrived already. */
  unsubscribe(): void;
}

/** Answer of the server to one request. */
export interface Answer {
  readonly cursor: string;
  readonly recovered?: boolean;
  readonly reason?: GapReason;
  readonly replayed?: number;
  /** Published values, if they were requested, and their position. */
  readonly at?: string;
  readonly items?: readonly SnapshotItem[];
}

/** Client that has the subscription. */
interface Owner {
  /** Sends the next request, if there is a connection; `values`: for the current values. */
  ask(subscriber: Subscriber, values?: boolean): void;
  /** Ends the subscription on the server, and gives it another label. */
  relabel(subscriber: Subscriber): void;
  /** Ends the subscription on the server. */
  remove(subscriber: Subscriber): void;
  newLabel(): string;
  moved(subscriber: Subscriber): void;
  report(error: unknown): void;
  /** Time since the connection was lost, ms. */
  absentMs(): number;
}

const epochOf = (cursor: string): string => cursor.slice(0, cursor.indexOf('-'));

/** Whether an event at `cursor` has been given already; cursors of different logs do not compare. */
const isBefore = (cursor: string, position: string | undefined): boolean =>
  position !== undefined && cursor <= position && epochOf(cursor) === epochOf(position);

/** Subscription with its position: decides which messages the application gets, each once and in order. */
export class Subscriber implements Subscription {
  /** Name of the subscription on the connection; a new filter gets a new one, so that late events of the old are known. */
  label: string;
  position: string | undefined;
  /** Whether the server has answered the latest request. */
  isLive = false;
  hasEnded = false;
  /** Attempts in a row that the server refused for now. */
  refusals = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  /** Latest request; answers to earlier ones are void. */
  asked: Ask = {};
  /** Whether the position is from before the connection. */
  private wasAway = false;
  private needsSnapshot: boolean;
  /** Events that arrive while a snapshot is awaited: they belong after it. */
  private held: DefiEvent[] | undefined;
  private readonly buffers = new Set<MessageBuffer>();

  constructor(
    public filter: Filter,
    private readonly owner: Owner,
    private readonly handler: Handler | undefined,
    private readonly listeners: {
      readonly onError?: (error: ClientError) => unknown;
      readonly onAnswer?: (answer: Answer, asked: Ask) => void;
    },
  ) {
    this.label = owner.newLabel();
    this.needsSnapshot = !filter.query && filter.snapshot === true;
  }

  update(filter: Filter): void {
    if (this.hasEnded) return;
    this.owner.relabel(this);
    this.filter = filter;
    if (!filter.query && filter.snapshot) this.needsSnapshot = true;
    this.owner.ask(this);
  }

  unsubscribe(): void {
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamMessage> {
    const buffer = new MessageBuffer(() => {
      this.buffers.delete(buffer);
      if (!this.handler && this.buffers.size === 0) this.unsubscribe();
    });
    this.buffers.add(buffer);
    if (this.hasEnded) buffer.end();
    return buffer;
  }

  /** Begins at a position of an earlier connection; without one, at the present. */
  start(position: string | undefined): void {
    this.position ??= position;
    this.wasAway = this.position !== undefined;
  }

  /** Notes that the connection was lost. */
  wait(): void {
    clearTimeout(this.retry);
    this.isLive = false;
    this.held = undefined;
    this.asked = {};
    this.wasAway = this.position !== undefined;
  }

  retryIn(ms: number, work: () => void): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(work, ms);
  }

  /**
   * Returns the next request: everything missed first. Once the subscription is live, `values` requests the values that
   * replace what could not be recovered.
   */
  nextAsk(values: boolean): Ask {
    this.isLive = false;
    clearTimeout(this.retry);
    this.held = undefined;
    if (this.filter.query) this.asked = {};
    else if (this.position !== undefined && !values) this.asked = { since: this.position };
    else if (!this.needsSnapshot) this.asked = {};
    else {
      this.held = [];
      // An event stream begins anew with each request: it misses events between two of them unless it resumes.
      this.asked = { ...(this.position !== undefined && { since: this.position }), snapshot: true };
    }
    return this.asked;
  }

  /** Takes the answer to a request. A handler may change the filter meanwhile; the rest of the answer is then void. */
  answered(answer: Answer, asked: Ask): void {
    if (asked !== this.asked || this.hasEnded) return;
    const { cursor, recovered, reason, replayed = 0 } = answer;
    this.isLive = true;
    this.refusals = 0;
    this.listeners.onAnswer?.(answer, asked);
    if (asked.snapshot) {
      if (recovered === false)
        this.give({ eventType: 'gap', reason: reason ?? 'epoch', from: asked.since, to: cursor });
      this.replaceValues(answer);
    } else if (asked.since !== undefined) {
      if (recovered === false) return this.gap(reason ?? 'cursor_expired', cursor);
      const { wasAway } = this;
      this.wasAway = false;
      const ms = this.owner.absentMs();
      if (wasAway) this.give({ eventType: 'recovered', count: replayed, from: asked.since, to: cursor, ms });
    }
    if (asked !== this.asked) return;
    this.advance(cursor);
    if (this.needsSnapshot && !this.hasEnded && !this.filter.query) this.owner.ask(this, true);
  }

  private replaceValues({ items = [], cursor, at = cursor }: Answer): void {
    const { asked, held = [] } = this;
    this.needsSnapshot = false;
    this.held = undefined;
    for (const event of held) if (isBefore(event.cursor, at) && asked === this.asked) this.takeEvent(event);
    if (asked !== this.asked) return;
    this.give({ eventType: 'snapshot', items, cursor: at });
    for (const event of held) if (asked === this.asked) this.takeEvent(event);
  }

  /** Reports missing events and requests the values that replace them. */
  gap(reason: GapReason, to: string | undefined): void {
    const from = this.position;
    this.position = to;
    this.owner.moved(this);
    this.give({ eventType: 'gap', reason, from, to });
    if (this.hasEnded || this.filter.query) return;
    this.needsSnapshot = true;
    this.owner.ask(this, true);
  }

  takeEvent(event: DefiEvent): void {
    if (this.hasEnded || isBefore(event.cursor, this.position)) return;
    if (this.held) {
      this.held.push(event);
      return;
    }
    this.position = event.cursor;
    this.owner.moved(this);
    this.give(event);
  }

  /** Gives a message to the application. */
  give(message: StreamMessage): void {
    if (this.hasEnded) return;
    for (const buffer of this.buffers) buffer.push(message);
    if (this.handler) this.guarded(this.handler, message);
  }

  /** Moves the position: everything up to the cursor was given. */
  advance(cursor: string): void {
    if (this.hasEnded || !this.isLive || this.held || isBefore(cursor, this.position)) return;
    this.position = cursor;
    this.owner.moved(this);
  }

  /** Ends the subscription; iterators end after what they have not read yet. */
  end(error?: ClientError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearTimeout(this.retry);
    this.owner.remove(this);
    for (const buffer of this.buffers) buffer.end(error);
    if (!error) return;
    const { onError } = this.listeners;
    if (onError) this.guarded(onError, error);
    else if (this.buffers.size === 0) this.owner.report(error);
  }

  private guarded<T>(work: (value: T) => unknown, value: T): void {
    try {
      const result = work(value);
      if (result instanceof Promise) result.catch((error: unknown) => this.owner.report(error));
    } catch (error) {
      this.owner.report(error);
    }
  }
}
