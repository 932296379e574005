import { Injectable } from '@nestjs/common';
import { Settings } from '../../../platform/settings/settings.js';
import type { TransportName } from '../../core/wire/link.js';
import { FrameRun } from './frame-run.js';

/**
 * Collected bytes from which a connection does not wait for the next flush, so that the first part of a burst is sent
 * while the rest is being routed.
 */
const FULL_BYTES = 64 * 1024;
/** Writes of one turn of the event loop, ms, and during a burst, where every write that is left for later carries more frames. */
const SLICE_MS = 10;
const BURST_SLICE_MS = 2;
/** Number of writes between two looks at the clock. */
const WRITES_PER_CHECK = 8;

/**
 * Base of a link with shared writes. Output is collected until the next flush; then everything is written to the network
 * in one system call, from one buffer that all connections with the same frames share.
 */
export abstract class BatchedWriter {
  abstract readonly transport: TransportName;
  private run: FrameRun | undefined;
  private listed = false;

  constructor(private readonly batches: WriteBatches) {}

  /** Writes the collected frames to the network; must be called before any output that bypasses them. */
  flush(): void {
    const { run } = this;
    if (run === undefined) return;
    this.run = undefined;
    this.putOut(run);
  }

  /** Writes at the flush for which the connection was listed. */
  flushListed(): void {
    this.listed = false;
    this.flush();
  }

  /** Collects a frame whose buffer other connections share. */
  protected collect(frame: Buffer): void {
    this.keep((this.run ?? this.batches.start).plus(frame));
  }

  /** Collects a frame of this connection only. */
  protected collectAlone(frame: Buffer): void {
    this.keep((this.run ?? this.batches.start).plusOwn(frame));
  }

  /** Writes a frame of this connection at once, together with those collected before it. */
  protected writeNow(frame: Buffer): void {
    const run = (this.run ?? this.batches.start).plusOwn(frame);
    this.run = undefined;
    this.putOut(run);
  }

  /** Number of collected bytes. */
  protected get collectedBytes(): number {
    return this.run === undefined ? 0 : this.run.bytes;
  }

  /** Writes the run to the network, or drops it when the connection has ended. */
  protected abstract write(run: FrameRun): void;

  private putOut(run: FrameRun): void {
    this.batches.sentBytes[this.transport] += run.bytes;
    this.write(run);
  }

  private keep(run: FrameRun): void {
    this.run = run;
    if (run.bytes >= FULL_BYTES) return this.flush();
    if (this.listed) return;
    this.listed = true;
    this.batches.add(this);
  }
}

/**
 * Timer for the writes of all connections: a connection with output registers, and all registered frames are sent together, one
 * system call per connection and FLUSH_MS. System calls, not bytes, determine the cost of a delivery. Output after a pause is written
 * at once: waiting pays only if more output follows.
 *
 * Profile of 1,000 Socket.IO clients on one stream, 290-byte events, processor time of one core: one frame per connection and
 * call costs 3.7 µs, of which the system call, including the kernel's delivery to the reader, is 60 % and Node's stream around
 * it a quarter. A hundred frames per call, joined for each connection, cost 0.65 µs each: copying, and looking up frames by a
 * key made per delivery. Joined once for all connections, with frames found by identity: 0.15 to 0.3 µs, half of it again the
 * kernel copying, a sixth the loop over the sessions.
 *
 * Bursts of 3,000 events to 10,000 clients with a filter each, processor time per event on a busy machine, medians of two
 * alternating runs: 866 µs with a flush after each few milliseconds of delivery, 488 µs with small slices; half as small ones
 * gain nothing.
 */
@Injectable()
export class WriteBatches {
  /** Run with which connections without collected frames begin. */
  start = FrameRun.empty();
  /** Whether thousands of events are being delivered, each of which adds output: writes then leave most of the time to them. */
  isBurst = (): boolean => false;
  /** Bytes of the frames given to the network so far. */
  readonly sentBytes: Record<TransportName, number> = { socketio: 0, websocket: 0, sse: 0 };
  private waiting: BatchedWriter[] = [];
  /** Connections of the flush in progress; those before `next` have been written. */
  private due: readonly BatchedWriter[] = [];
  private next = 0;
  private isScheduled = false;
  /** End of the last flush, ms of the process. */
  private flushedAt = -Infinity;

  constructor(private readonly settings: Settings) {}

  add(writer: BatchedWriter): void {
    this.waiting.push(writer);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    const wait = this.flushedAt + this.settings.flushMs - performance.now();
    if (wait > 0) setTimeout(this.flush, wait);
    else setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    if (this.next === this.due.length) this.begin();
    this.writeSlice(performance.now() + (this.isBurst() ? BURST_SLICE_MS : SLICE_MS));
    if (this.next < this.due.length) return void setImmediate(this.flush);
    this.due = [];
    this.next = 0;
    this.flushedAt = performance.now();
    this.isScheduled = false;
    if (this.waiting.length > 0) this.schedule();
  };

  private begin(): void {
    this.due = this.waiting;
    this.next = 0;
    this.waiting = [];
    this.start = FrameRun.empty();
  }

  private writeSlice(end: number): void {
    while (this.next < this.due.length) {
      this.due[this.next]?.flushListed();
      this.next += 1;
      if (this.next % WRITES_PER_CHECK === 0 && performance.now() >= end) return;
    }
  }
}
