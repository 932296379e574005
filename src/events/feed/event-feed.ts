import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Broker } from './broker.js';
import { EventLog, type LogBounds } from '../log/event-log.js';
import { formatCursor } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { DeliveryLine } from './delivery-line.js';
import { Ring } from './ring.js';

/** Number of latest events kept in memory; each needs about 600 bytes. */
const RING_SIZE = 50_000;
/** Maximum size of their data, in characters of one or two bytes; fewer events are kept if their data is large. */
const RING_CHARACTERS = 64 * 1024 * 1024;
/** Time without a batch from the broker after which the feed reads the log, ms. */
const POLL_INTERVAL_MS = 200;
/** Interval between attempts while the database is unavailable, ms. */
const RETRY_INTERVAL_MS = 1_000;
const READ_LIMIT = 5_000;

/**
 * Source of the feed's events: the broker, the log while the broker is silent, or none (`unavailable`) while neither
 * responds.
 */
type FeedState = 'broker' | 'log' | 'unavailable';

/**
 * Ordered stream of the log without gaps, one per process. The broker delivers batches early, but possibly late, twice or
 * not at all; rows that are missing are read from the log before any later row is delivered.
 */
@Injectable()
export class EventFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(EventFeed.name);
  private readonly ring = new Ring(RING_SIZE, RING_CHARACTERS);
  private readonly line = new DeliveryLine((part) => this.deliver(part));
  private readonly listeners = new Set<(batch: readonly LogEvent[]) => void>();
  private readonly epochListeners = new Set<(epoch: string) => void>();
  private currentEpoch = '';
  private seq = 0;
  private started: Promise<void> | undefined;
  private stopped = false;
  private unsubscribe: (() => void) | undefined;
  private readonly polls: BackgroundLoop;
  private catchingUp: Promise<void> | undefined;
  /** Whether another round is needed: a batch arrived during the catch-up that did not follow the position. */
  private again = false;
  /** Time of the last batch from the broker, `performance.now()`. */
  private lastBatchAt = 0;
  private currentState: FeedState = 'unavailable';

  /** Gauge of the stream's source. */
  readonly status: Gauge;

  constructor(
    private readonly log: EventLog,
    private readonly broker: Broker,
    loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    this.polls = loops.loop({
      name: 'event_feed_poll',
      intervalMs: POLL_INTERVAL_MS,
      isDelayed: true,
      run: () => this.poll(),
    });
    const value: Record<FeedState, number> = { broker: 1, log: 0.5, unavailable: 0 };
    const state = (): number => value[this.currentState];
    this.status = new Gauge({
      ...metricOf('ws_listener_status'),
      registers: [metrics.registry],
      collect() {
        this.set(state());
      },
    });
  }

  /** Epoch to which `position` belongs. */
  get epoch(): string {
    return this.currentEpoch;
  }

  /** Last seq delivered to listeners. */
  get position(): number {
    return this.seq;
  }

  get state(): FeedState {
    return this.currentState;
  }

  /** Whether thousands of events are being delivered, over many turns of the event loop. */
  get isBurst(): boolean {
    return this.line.isLong;
  }

  /** Returns the position as a cursor. */
  cursor(): string {
    return formatCursor(this.currentEpoch, this.seq);
  }

  /**
   * Calls the listener synchronously with contiguous batches, including internal rows. `position` is already the last seq of
   * the batch. An error of a listener is logged and does not affect other listeners. Returns the function that unsubscribes
   * it.
   */
  subscribe(listener: (batch: readonly LogEvent[]) => void): () => void {
    const entry = (batch: readonly LogEvent[]): void => listener(batch);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  /** Calls the listener before the first event of a new epoch; cursors of the previous epoch have then expired. */
  onEpochChange(listener: (epoch: string) => void): () => void {
    const entry = (epoch: string): void => listener(epoch);
    this.epochListeners.add(entry);
    return () => this.epochListeners.delete(entry);
  }

  /**
   * Returns up to `limit` events after a position from memory; undefined if memory no longer has the first of them, which
   * must then be read from EventLog.
   */
  recent(afterSeq: number, limit: number): readonly LogEvent[] | undefined {
    return this.ring.after(afterSeq, limit, this.seq);
  }

  /**
   * Starts at the end of the log. May be called wherever `epoch` and `position` are needed; only the first call has an
   * effect.
   */
  start(): Promise<void> {
    return (this.started ??= this.begin());
  }

  async onModuleInit(): Promise<void> {
    await this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.unsubscribe?.();
    this.line.clear();
    await Promise.all([this.polls.stop(), this.catchingUp]);
  }

  private async begin(): Promise<void> {
    const bounds = await this.log.bounds();
    this.currentEpoch = bounds.epoch;
    this.seq = bounds.headSeq;
    this.currentState = 'log';
    this.unsubscribe = this.broker.subscribe((batch, through) => this.receive(batch, through));
    this.polls.start();
  }

  private receive(batch: readonly LogEvent[], through = 0): void {
    if (this.stopped) return;
    const { seq, epoch } = this.end;
    const fresh = batch.filter((event) => event.seq > seq || event.epoch !== epoch);
    const contiguous = fresh.every((event, index) => event.epoch === epoch && event.seq === seq + 1 + index);
    this.lastBatchAt = performance.now();
    this.currentState = 'broker';
    const taken = contiguous && this.line.add(fresh);
    if (!taken || this.end.seq < through) void this.catchUp();
  }

  /** Position behind the events that wait for their delivery. */
  private get end(): { seq: number; epoch: string } {
    return this.line.last ?? { seq: this.seq, epoch: this.currentEpoch };
  }

  /** Reads missing rows from the log. Only one run at a time; a call during a run adds one more round. */
  private catchUp(): Promise<void> {
    this.again = true;
    this.catchingUp ??= this.catchUpRounds().finally(() => (this.catchingUp = undefined));
    return this.catchingUp;
  }

  private async catchUpRounds(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.line.emptied();
        const bounds = await this.log.bounds();
        await this.adopt(bounds);
        while (this.seq < bounds.headSeq && !this.stopped) await this.readOn(bounds);
      }
      if (this.currentState === 'unavailable') this.stateIs('log');
    } catch (error) {
      this.stateIs('unavailable', error);
    }
  }

  private async readOn(bounds: LogBounds): Promise<void> {
    // The missing rows are older than the log's retention and were deleted: the feed continues with the oldest row kept.
    if (this.seq + 1 < bounds.firstSeq) {
      this.logger.warn(
        { from: this.seq, to: bounds.firstSeq - 1 },
        'missed events are no longer in the event log; continuing with the oldest event kept',
      );
      this.ring.clear();
      this.line.clear();
      this.seq = bounds.firstSeq - 1;
    }
    const from = this.seq;
    const events = await this.log.read(from, READ_LIMIT);
    if (events.length === 0 && this.seq === from) throw new Error(`The event log has no row after ${from}.`);
    // The broker may have delivered some of these rows during the read.
    const { seq } = this.end;
    this.line.add(events.filter((event) => event.seq > seq));
    await this.line.emptied();
  }

  /**
   * Compares this process's position with the log: changes to a new epoch, or reports to the database that the log ends
   * before the position.
   */
  private async adopt(bounds: LogBounds): Promise<void> {
    if (bounds.epoch === this.currentEpoch) {
      if (bounds.headSeq < this.seq) {
        await this.log.reportPosition(this.currentEpoch, this.seq);
        this.again = true;
      }
      return;
    }
    // Rows before the start of the new epoch belong to the previous one; missing ones are delivered first.
    if (this.seq < bounds.epochStartSeq) return;
    this.line.clear();
    this.seq = bounds.epochStartSeq;
    this.changeEpoch(bounds.epoch);
  }

  private changeEpoch(epoch: string): void {
    this.logger.warn({ from: this.currentEpoch, to: epoch, seq: this.seq }, 'new epoch of the event log');
    this.currentEpoch = epoch;
    this.ring.clear();
    for (const listener of this.epochListeners) this.guarded(() => listener(epoch));
  }

  private deliver(events: readonly LogEvent[]): void {
    let rest = events;
    while (rest[0] !== undefined) {
      const epoch = rest[0].epoch;
      if (epoch !== this.currentEpoch) this.changeEpoch(epoch);
      const end = rest.findIndex((event) => event.epoch !== epoch);
      const batch = end === -1 ? rest : rest.slice(0, end);
      rest = end === -1 ? [] : rest.slice(end);
      for (const event of batch) this.keep(event);
      this.seq = batch.at(-1)?.seq ?? this.seq;
      for (const listener of this.listeners) this.guarded(() => listener(batch));
    }
  }

  /** Keeps the event in memory. If that fails, the events are read from the log, and delivery continues. */
  private keep(event: LogEvent): void {
    try {
      this.ring.push(event);
    } catch (error) {
      this.ring.clear();
      this.logger.error({ err: error, seq: event.seq }, 'event could not be kept in memory; it is read from the log');
    }
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.logger.error({ err: error }, 'listener of the event feed failed');
    }
  }

  /** Reads what the broker did not deliver; returns the pause until the next poll, ms. */
  private async poll(): Promise<number> {
    const known = this.seq;
    const { lastBatchAt } = this;
    if (performance.now() - lastBatchAt >= POLL_INTERVAL_MS) {
      await this.catchUp();
      // The broker counts as silent only if the log had new rows that it did not deliver; a log without new rows proves
      // nothing.
      const isSilent = this.seq > known && this.lastBatchAt === lastBatchAt;
      if (isSilent && this.currentState === 'broker') this.currentState = 'log';
    }
    return this.currentState === 'unavailable' ? RETRY_INTERVAL_MS : POLL_INTERVAL_MS;
  }

  private stateIs(state: FeedState, error?: unknown): void {
    if (this.currentState === state) return;
    this.currentState = state;
    if (error === undefined) this.logger.log('event feed can read the log again');
    else this.logger.warn({ err: error }, 'event feed cannot read the log; retrying in 1 s');
  }
}
