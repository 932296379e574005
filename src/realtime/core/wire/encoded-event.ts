import { eventPayload, formatCursor, type EventPayload, type EventType, type LogEvent } from '../../../events/index.js';

/** Maximum number of cached frames per event that depend on a client's input. */
const KEPT_VARIANTS = 32;
/** Memory of an encoded event in addition to its text and frames, bytes: payload object, identifiers, maps. Measured. */
const OVERHEAD_BYTES = 1_800;
/**
 * Memory limit of all cached encoded events, bytes. Measured: a TVL change in all three dialects takes 4 KB, so the
 * 50,000 recent events of the feed would take 200 MB; the limit is enough for the newest 8,000 of them.
 */
const KEPT_BYTES = 32 * 1024 * 1024;
/**
 * Share of the limit that is left after the oldest encoded events are removed. Many are removed at once, because a `Map`
 * finds its first entry by skipping all entries deleted before: removing one at a time took 2 % of a core at 1,000
 * changes a second.
 */
const SHARE_LEFT = 0.9;

/**
 * Encoder of events in one dialect. A dialect must use one object, because frames are cached by the identity of this
 * object.
 */
export interface FrameFormat {
  build(event: EncodedEvent): Buffer;
}

/** Source of the 24-hour changes in the aliases of plain WebSocket; synchronous, so that encoding never waits. */
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

/** Receives the memory growth of an encoded event when its text or frames are built. */
interface Keeper {
  grew(event: EncodedEvent, bytes: number): void;
}

/**
 * One event of the log, encoded for many clients. JSON text and each dialect's frame are built at most once, for the
 * first connection that needs them. All other connections share the same buffer, so buffers concatenated from frames can
 * be shared too.
 */
export class EncodedEvent {
  /** Memory of the text and frames made so far plus the overhead, bytes. */
  bytes = OVERHEAD_BYTES;
  readonly cursor: string;
  /** Fields of the public contract, times as ISO 8601. Built in the constructor, so that an invalid row fails here. */
  readonly payload: EventPayload;

  private madeText: string | undefined;
  private readonly frames = new Map<FrameFormat, Buffer>();
  private readonly variants = new Map<string, Buffer>();
  private readonly parts = new Map<(event: EncodedEvent) => string, string>();
  // Format and frame of the last request: thousands of consecutive connections request the same frame, which then needs
  // no look-up.
  private lastFormat: FrameFormat | undefined;
  private lastFrame: Buffer | undefined;
  private lastKey: string | undefined;
  private lastVariant: Buffer | undefined;

  constructor(
    readonly event: DeliveredEvent,
    private readonly references?: ChangeSource,
    private readonly keeper?: Keeper,
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
    if (this.madeText === undefined) {
      this.madeText = JSON.stringify(this.payload);
      this.grow(this.madeText.length);
    }
    return this.madeText;
  }

  /** Returns `text` with the number of events that this event replaces in `latest` mode. */
  textMerged(merged: number | undefined): string {
    return merged === undefined ? this.text : `${this.text.slice(0, -1)},"merged":${merged}}`;
  }

  /** Change over the last 24 hours at the event's value, percent; null if it is unknown or the event has no such value. */
  get change24h(): number | null {
    const { type, protocol, token, chain, current } = this.event;
    if (!this.references || current === null) return null;
    if (type === 'tvl_change' && protocol) return this.references.changes('tvl', protocol, chain, current).change24h;
    if (type === 'price_change' && token) return this.references.changes('price', token, null, current).change24h;
    return null;
  }

  /** Returns the event's frame in a dialect; the first request builds it. */
  frame(format: FrameFormat): Buffer {
    if (this.lastFormat === format && this.lastFrame !== undefined) return this.lastFrame;
    let frame = this.frames.get(format);
    if (frame === undefined) {
      frame = format.build(this);
      this.frames.set(format, frame);
      this.grow(frame.length);
    }
    this.lastFormat = format;
    this.lastFrame = frame;
    return frame;
  }

  /**
   * Returns a frame that also depends on the client's input. Clients may choose any input, so only the first few frames
   * are cached.
   */
  variant(key: string, build: (event: EncodedEvent, key: string) => Buffer): Buffer {
    if (this.lastKey === key && this.lastVariant !== undefined) return this.lastVariant;
    let frame = this.variants.get(key);
    if (frame === undefined) {
      frame = build(this, key);
      if (this.variants.size >= KEPT_VARIANTS) return frame;
      this.variants.set(key, frame);
      this.grow(frame.length);
    }
    this.lastKey = key;
    this.lastVariant = frame;
    return frame;
  }

  /** Returns text that several frames of this event share. */
  part(build: (event: EncodedEvent) => string): string {
    let text = this.parts.get(build);
    if (text === undefined) {
      text = build(this);
      this.parts.set(build, text);
      this.grow(text.length);
    }
    return text;
  }

  private grow(bytes: number): void {
    this.bytes += bytes;
    this.keeper?.grew(this, bytes);
  }
}

/**
 * Returns the one EncodedEvent of a log event, so that live delivery and replays from memory share frames. Events stay in
 * memory far longer than their frames are needed: when all encoded events together exceed the limit, the oldest are
 * dropped, and a later replay encodes them again.
 */
export class EventEncoder {
  private readonly kept = new Map<LogEvent, EncodedEvent>();
  private held = 0;

  constructor(
    private readonly references?: ChangeSource,
    private readonly room: number = KEPT_BYTES,
  ) {}

  /** Memory of all cached encoded events, bytes. */
  get bytes(): number {
    return this.held;
  }

  of(event: DeliveredEvent): EncodedEvent {
    let encoded = this.kept.get(event);
    if (!encoded) {
      encoded = new EncodedEvent(event, this.references, this);
      this.kept.set(event, encoded);
      this.grew(encoded, encoded.bytes);
    }
    return encoded;
  }

  /**
   * Adds the bytes by which an encoded event grew; called by the event. Dropped events may still be in use and are not
   * counted.
   */
  grew(encoded: EncodedEvent, bytes: number): void {
    if (this.kept.get(encoded.event) !== encoded) return;
    this.held += bytes;
    if (this.held <= this.room) return;
    for (const [event, oldest] of this.kept) {
      if (this.held <= this.room * SHARE_LEFT || oldest === encoded) return;
      this.kept.delete(event);
      this.held -= oldest.bytes;
    }
  }
}
