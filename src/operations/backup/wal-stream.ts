import { setTimeout as sleep } from 'node:timers/promises';
import { formatPosition, type WalPosition, type WalSegment } from '../core/backup/wal.js';
import type { Replication } from './replication.js';

/** Interval of the reports to the server, s; it ends a connection that is silent for 60 s. */
const REPORT_SECONDS = 5;
/** Complete segments that are being stored; the server waits for more. */
const MAX_STORING = 3;
/**
 * Time after which a write to the store counts as stuck, ms. The connection is then given up until the store has taken it: a
 * server that shuts down waits for its receivers.
 */
const STUCK_AFTER_MS = 30_000;
/** Kinds of messages, by their first byte. */
const KIND = { data: 0x77, alive: 0x6b } as const;
const DATA_HEADER_BYTES = 25;
/** Unix time of the server's epoch, 2000-01-01, µs. */
const SERVER_EPOCH_US = 946_684_800_000_000n;

/** Where the segments go. */
interface SegmentSink {
  /** Stores a complete segment. */
  complete(segment: WalSegment, content: Buffer): Promise<void>;
  /** Stores the beginning of the segment that the server is writing to. */
  partial(segment: WalSegment, content: Buffer): Promise<void>;
  /** Called when everything that the server had at a time, Unix ms, is stored. */
  covered(at: number, position: WalPosition): void;
}

interface StreamOptions {
  readonly slot: string;
  readonly segmentBytes: number;
  /** Longest time that a change waits before it is stored, ms. */
  readonly partialIntervalMs: number;
  /**
   * Whether the server still writes to this timeline. The end of one that it has left is in the first segment of the next, and
   * the archive may have a longer beginning, of another future.
   */
  readonly isCurrent: boolean;
  /** Position that the archive may have already: no shorter beginning of a segment replaces what it has. */
  readonly notBefore: WalPosition;
  /** Position after which the stream ends by itself. */
  readonly until?: WalPosition;
  readonly stop: AbortSignal;
}

/** The store takes nothing for the time being; the server keeps the log until it does. */
export class StoreStuck extends Error {
  override readonly name = 'StoreStuck';
}

/** End of the stream that the caller asked for: by `stop`, or by reaching `until`. */
export class StreamEnd extends Error {
  override readonly name = 'StreamEnd';
}

/**
 * Receives the write-ahead log of a timeline from a segment on and hands it over in segments. The server keeps everything
 * that was not reported as stored. Resolves with the next timeline when the server has left this one.
 */
export async function streamWal(
  replication: Replication,
  from: WalSegment,
  sink: SegmentSink,
  options: StreamOptions,
): Promise<{ timeline: number; at: string }> {
  const stream = new WalStream(replication, from, sink, options);
  return await stream.run();
}

class WalStream {
  private readonly size: bigint;
  private readonly ended = new AbortController();
  private buffer: Buffer;
  private segment: WalSegment;
  /** Bytes of the current segment that have arrived, and those that are stored as its beginning. */
  private filled = 0;
  private partialBytes = 0;
  private partialAt = performance.now();
  private storing = 0;
  /** When the store last took something, or was asked after a pause. */
  private wroteAt = performance.now();
  /** Order of the writes to the store, so that a beginning never follows its complete segment. */
  private writes: Promise<void> = Promise.resolve();
  /** Position up to which everything is stored. */
  private stored: WalPosition;
  /** Latest position of the server that has arrived here completely, and when, Unix ms. */
  private seen: { readonly at: number; readonly position: WalPosition } | undefined;
  private finishing = false;

  constructor(
    private readonly replication: Replication,
    from: WalSegment,
    private readonly sink: SegmentSink,
    private readonly options: StreamOptions,
  ) {
    this.size = BigInt(options.segmentBytes);
    this.segment = from;
    this.buffer = Buffer.alloc(options.segmentBytes);
    this.stored = from.number * this.size;
  }

  async run(): Promise<{ timeline: number; at: string }> {
    const { slot, stop } = this.options;
    const command = `START_REPLICATION SLOT "${slot}" PHYSICAL ${formatPosition(this.stored)} TIMELINE ${this.segment.timeline}`;
    const finish = (): void => this.finish();
    stop.addEventListener('abort', finish);
    const beat = this.beat(this.ended.signal);
    try {
      const rows = await this.replication.copy(command, { data: (message) => this.data(message) });
      await this.writes;
      const [next] = rows;
      // A server that shuts down ends the stream without a next timeline.
      if (next === undefined) throw new Error('the server closed the connection');
      return { timeline: Number(next['next_tli']), at: String(next['next_tli_startpos']) };
    } finally {
      this.ended.abort();
      stop.removeEventListener('abort', finish);
      await beat;
      // No older write may overtake the next one.
      await this.writes.catch(() => undefined);
    }
  }

  private get position(): WalPosition {
    return this.segment.number * this.size + BigInt(this.filled);
  }

  private data(message: Buffer): void {
    if (message[0] === KIND.alive) this.alive(message.readBigUInt64BE(1), message[17] === 1);
    else if (message[0] === KIND.data) this.keep(message.readBigUInt64BE(1), message.subarray(DATA_HEADER_BYTES));
  }

  private alive(serverPosition: WalPosition, isReplyWanted: boolean): void {
    if (this.position >= serverPosition) this.seen = { at: Date.now(), position: serverPosition };
    if (isReplyWanted) {
      // A server that shuts down asks, and waits until it hears that everything is stored.
      if (this.storing === 0) this.storePartial();
      this.report(false);
    }
    this.tellCovered();
    this.finishAtGoal(serverPosition);
  }

  private keep(start: WalPosition, content: Buffer): void {
    if (start !== this.position)
      throw new Error(`the server sent position ${formatPosition(start)} after ${formatPosition(this.position)}`);
    for (let at = 0; at < content.length;) {
      const copied = content.copy(this.buffer, this.filled, at);
      this.filled += copied;
      at += copied;
      if (this.filled === this.options.segmentBytes) this.storeComplete();
    }
    this.finishAtGoal(this.position);
  }

  private finishAtGoal(reached: WalPosition): void {
    const { until } = this.options;
    if (until !== undefined && reached >= until && this.position >= until) this.finish();
  }

  private storeComplete(): void {
    const { segment, buffer } = this;
    this.segment = { ...segment, number: segment.number + 1n };
    this.buffer = Buffer.alloc(this.options.segmentBytes);
    this.filled = 0;
    this.partialBytes = 0;
    this.partialAt = performance.now();
    this.write((segment.number + 1n) * this.size, () => this.sink.complete(segment, buffer));
  }

  private storePartial(): void {
    const { segment, position } = this;
    const { isCurrent, notBefore } = this.options;
    if (!isCurrent || position < notBefore || this.filled === this.partialBytes) return;
    const content = this.buffer.subarray(0, this.filled);
    this.partialBytes = this.filled;
    this.partialAt = performance.now();
    this.write(position, () => this.sink.partial(segment, content));
  }

  private write(position: WalPosition, store: () => Promise<void>): void {
    if (this.storing === 0) this.wroteAt = performance.now();
    if (++this.storing >= MAX_STORING) this.replication.pause();
    this.writes = this.writes.then(store).then(() => this.wrote(position));
    this.writes.catch((error: unknown) => {
      this.replication.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  private wrote(position: WalPosition): void {
    if (--this.storing < MAX_STORING) this.replication.resume();
    this.stored = position;
    this.wroteAt = performance.now();
    this.report(false);
    this.tellCovered();
  }

  private tellCovered(): void {
    if (this.seen === undefined || this.stored < this.seen.position) return;
    this.sink.covered(this.seen.at, this.seen.position);
    this.seen = undefined;
  }

  /** Tells the server what it need not keep any longer. */
  private report(isAnswerWanted: boolean): void {
    const message = Buffer.alloc(34);
    message[0] = 0x72;
    for (const offset of [1, 9, 17]) message.writeBigUInt64BE(this.stored, offset);
    message.writeBigInt64BE(BigInt(Date.now()) * 1_000n - SERVER_EPOCH_US, 25);
    message[33] = isAnswerWanted ? 1 : 0;
    this.replication.send(message);
  }

  /** Stores what has arrived and ends the stream. */
  private finish(): void {
    if (this.finishing) return;
    this.finishing = true;
    this.storePartial();
    this.writes.then(
      () => this.replication.destroy(new StreamEnd()),
      () => undefined,
    );
  }

  private async beat(ended: AbortSignal): Promise<void> {
    for (let second = 1; !ended.aborted; second++) {
      await sleep(1_000, undefined, { signal: ended }).catch(() => undefined);
      if (ended.aborted) return;
      if (second % REPORT_SECONDS === 0) this.report(true);
      if (this.storing > 0 && performance.now() - this.wroteAt >= STUCK_AFTER_MS)
        this.replication.destroy(new StoreStuck());
      const isDue = performance.now() - this.partialAt >= this.options.partialIntervalMs;
      if (isDue && this.storing === 0) this.storePartial();
    }
  }
}
