import type { Caller } from '../../../src/access/index.js';
import type { LogEvent, LogPage } from '../../../src/events/index.js';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
import type { LiveQueryRunner } from '../../../src/realtime/core/session/live-queries.js';
import type { EncodedEvent } from '../../../src/realtime/core/wire/encoded-event.js';
import type { ClientLink, CloseReason } from '../../../src/realtime/core/wire/link.js';
import type { SharedMessage } from '../../../src/realtime/core/wire/shared-message.js';
import type { RecentEvents, StoredEvents } from '../../../src/realtime/core/session/log-ports.js';
import { aTvlChange, EPOCH } from '../data/log-event.js';

export function caller(fields: Partial<Caller> = {}): Caller {
  const limits = {
    connections: 0,
    messages: 0,
    apiRequests: 0,
    alertRules: 0,
    subscriptionChanges: 0,
    connectsPerAddress: 0,
  };
  return { userId: 'user-1', keyId: 'key-1', role: 'reader', tier: 'enterprise', limits, ...fields };
}

/** Refuses all live queries. */
export const NO_QUERIES: LiveQueryRunner = {
  open: () => {
    throw new DomainError('unavailable', 'Live queries unavailable; this test has none.');
  },
};

/** Log in memory: the newest `ringSize` events are available synchronously, the others are read asynchronously. */
export class MemoryLog implements RecentEvents, StoredEvents {
  epoch = EPOCH;
  position = 0;
  firstSeq = 1;
  reads = 0;
  /** Number of events whose data fills a page. */
  longestPage = Infinity;
  readonly events: LogEvent[] = [];
  private readonly listeners: ((batch: readonly LogEvent[]) => void)[] = [];

  constructor(
    private readonly ringSize = 0,
    /** Runs before every page, that is while a replay waits. */
    public pause: () => Promise<void> = async () => {},
  ) {}

  subscribe(listener: (batch: readonly LogEvent[]) => void): void {
    this.listeners.push(listener);
  }

  append(...fields: Partial<LogEvent>[]): LogEvent[] {
    const batch = fields.map((one, index) => aTvlChange(this.position + 1 + index, { epoch: this.epoch, ...one }));
    this.events.push(...batch);
    this.position += batch.length;
    for (const listener of this.listeners) listener(batch);
    return batch;
  }

  recent(afterSeq: number, limit: number): readonly LogEvent[] | undefined {
    if (afterSeq < this.position - this.ringSize) return undefined;
    return this.events.slice(afterSeq, afterSeq + limit);
  }

  async readPage(afterSeq: number, limit: number): Promise<LogPage> {
    this.reads++;
    await this.pause();
    const events = this.events.slice(afterSeq, afterSeq + Math.min(limit, this.longestPage));
    const hasMore = events.length === limit || afterSeq + events.length < this.position;
    return { events: events.filter((event) => event.seq >= this.firstSeq), hasMore };
  }

  async bounds(): Promise<{ epoch: string; firstSeq: number; headSeq: number }> {
    await this.pause();
    return { epoch: this.epoch, firstSeq: this.firstSeq, headSeq: this.position };
  }
}

export interface SentMessage {
  name: string;
  body: Readonly<Record<string, unknown>>;
}

/** Records what is sent to a connection. */
export class RecordingLink implements ClientLink {
  readonly transport = 'socketio';
  readonly events: { seq: number; cursor: string; channels: readonly string[]; merged?: number }[] = [];
  readonly messages: SentMessage[] = [];
  closed: { reason: CloseReason; cursor: string } | undefined;
  buffered = 0;

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  named(name: string): Readonly<Record<string, unknown>>[] {
    return this.messages.filter((message) => message.name === name).map(({ body }) => body);
  }

  sendEvent(event: EncodedEvent, channels: readonly string[], merged?: number): void {
    if (this.closed) return;
    this.events.push({ seq: event.seq, cursor: event.cursor, channels, ...(merged === undefined ? {} : { merged }) });
  }

  sendMessage(name: string, body: Readonly<Record<string, unknown>>): void {
    if (!this.closed) this.messages.push({ name, body });
  }

  sendShared({ name, body }: SharedMessage): void {
    this.sendMessage(name, { ...body });
  }

  bufferedBytes(): number {
    return this.buffered;
  }

  close(reason: CloseReason, cursor: string): void {
    this.closed ??= { reason, cursor };
  }
}

/** Published state without values. */
export const NOTHING_PUBLISHED = { tvlOf: () => [], price: () => undefined, all: () => [] };
