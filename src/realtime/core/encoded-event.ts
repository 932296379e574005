import { eventPayload, formatCursor, type EventPayload, type EventType, type LogEvent } from '../../events/index.js';

/** Frames under names of clients' choice that one event keeps. Events stay in memory for resuming clients. */
const KEPT_VARIANTS = 32;

/** Where the percent changes of the plain WebSocket aliases come from; synchronous, so that encoding never waits. */
export interface ChangeSource {
  changes(
    metric: 'tvl' | 'price',
    subject: string,
    chain: string | null,
    current: number,
  ): { change1h: number | null; change24h: number | null; change7d: number | null };
}

/** A row of the log that clients may receive. */
export type DeliveredEvent = LogEvent & { type: EventType };

/**
 * One event of the log on its way to many clients. JSON text and every dialect's frame are made at most once, by the
 * first connection that needs them, and shared by all others.
 */
export class EncodedEvent {
  private madeText: string | undefined;
  private readonly frames = new Map<string, unknown>();
  private readonly variants = new Map<string, unknown>();
  readonly cursor: string;
  /** The fields of the public contract, times as ISO 8601. Made at once: what cannot be shown fails here, not later. */
  readonly payload: EventPayload;

  constructor(
    readonly event: DeliveredEvent,
    private readonly references?: ChangeSource,
  ) {
    this.cursor = formatCursor(event.epoch, event.seq);
    this.payload = eventPayload(event);
  }

  get seq(): number {
    return this.event.seq;
  }

  /** The event's name on Socket.IO and SSE. */
  get name(): EventType {
    return this.event.type;
  }

  /** `payload` as JSON. */
  get text(): string {
    return (this.madeText ??= JSON.stringify(this.payload));
  }

  /** `text` with how many events this one stands for, in `latest` mode. */
  textMerged(merged: number | undefined): string {
    return merged === undefined ? this.text : `${this.text.slice(0, -1)},"merged":${merged}}`;
  }

  /** Percent over the last 24 hours at the event's value; null when it is unknown or the event has no such value. */
  get change24h(): number | null {
    const { type, protocol, token, chain, current } = this.event;
    if (!this.references || current === null) return null;
    if (type === 'tvl_change' && protocol) return this.references.changes('tvl', protocol, chain, current).change24h;
    if (type === 'price_change' && token) return this.references.changes('price', token, null, current).change24h;
    return null;
  }

  /** A dialect's frame: built by the first who asks under this key. */
  frame<T>(key: string, build: (event: EncodedEvent) => T): T {
    return this.shared(this.frames, key, build, Infinity);
  }

  /** A frame that also depends on what the client said: as many as clients like, so only the first few are kept. */
  variant<T>(key: string, build: (event: EncodedEvent) => T): T {
    return this.shared(this.variants, key, build, KEPT_VARIANTS);
  }

  private shared<T>(made: Map<string, unknown>, key: string, build: (event: EncodedEvent) => T, room: number): T {
    const known = made.get(key);
    if (known !== undefined) return known as T;
    const frame = build(this);
    if (made.size < room) made.set(key, frame);
    return frame;
  }
}

/** Gives every log event its one EncodedEvent, so that live delivery and replays from memory share frames. */
export class EventEncoder {
  private readonly known = new WeakMap<LogEvent, EncodedEvent>();

  constructor(private readonly references?: ChangeSource) {}

  of(event: DeliveredEvent): EncodedEvent {
    let encoded = this.known.get(event);
    if (!encoded) {
      encoded = new EncodedEvent(event, this.references);
      this.known.set(event, encoded);
    }
    return encoded;
  }
}
