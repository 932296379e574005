import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { Broker } from '../feed/broker.js';
import { furthest } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { EventFeed } from '../feed/event-feed.js';
import { Doorbell } from '../../platform/process/doorbell.js';
import { LeaderAudit } from './leader-audit.js';
import type { LeaderSession, Step } from './leader-session.js';
import { LeaseCandidate } from './lease-candidate.js';
import { LeaseKeeper } from './lease-keeper.js';
import { SequencerMetrics } from './sequencer-metrics.js';
import { StepSize } from './step-size.js';

/**
 * Intervals between polls of the outbox, ms: `BUSY_POLL_INTERVAL_MS` for a second (`BUSY_PERIOD_MS`) after an event, then
 * `QUIET_POLL_INTERVAL_MS`.
 */
const BUSY_POLL_INTERVAL_MS = 2;
const QUIET_POLL_INTERVAL_MS = 5;
const BUSY_PERIOD_MS = 1_000;
/** Interval at which a process that is not the leader checks whether the lease is free, ms. */
const CANDIDATE_POLL_INTERVAL_MS = 200;
const RETRY_DELAY_MS = 500;
const TICK_INTERVAL_MS = 10_000;
const MAINTENANCE_INTERVAL_MS = 60_000;
const GIGABYTE = 1e9;

/**
 * Moves committed changes from the outbox to the log and passes them to the broker. Runs in every process that may become
 * the leader; a lease in the database makes one of them the leader.
 */
@Injectable()
export class Sequencer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Sequencer.name);
  private readonly owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  private readonly doorbell = new Doorbell();
  private running: Promise<void> | undefined;
  private stopped = false;
  private session: LeaderSession | undefined;
  /** Next step after a full one; it runs while the events of the full step are published. */
  private ahead: Promise<Step | undefined> | undefined;
  private readonly size = new StepSize();
  private lastEventAt = 0;
  private nextTickAt = 0;
  private nextMaintenanceAt = 0;
  private isBrokerUnavailable = false;

  constructor(
    private readonly database: Database,
    private readonly broker: Broker,
    private readonly feed: EventFeed,
    private readonly settings: Settings,
    private readonly metrics: SequencerMetrics,
    private readonly audit: LeaderAudit,
  ) {}

  get leading(): boolean {
    return this.session !== undefined;
  }

  /** Signals a commit: if this process is the leader, it polls the outbox immediately. */
  ring(): void {
    this.doorbell.ring();
  }

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Stops after the current step and gives up the lease. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.doorbell.ring();
    await this.running;
  }

  private async run(): Promise<void> {
    await this.feed.start().catch(() => undefined);
    const candidate = new LeaseCandidate(this.database, this.owner, () => this.doorbell.ring());
    while (!this.stopped) {
      try {
        this.session = await this.acquire(candidate);
        if (this.session === undefined) await this.doorbell.wait(CANDIDATE_POLL_INTERVAL_MS, this.stopping);
        else await this.lead(this.session);
      } catch (error) {
        this.logger.warn({ err: error }, 'session of the sequencer lost; retrying in 0.5 s');
        await candidate.close();
        if (!this.stopped) await this.doorbell.wait(RETRY_DELAY_MS, this.stopping);
      } finally {
        this.session = undefined;
        this.metrics.leader.set(0);
      }
    }
    await candidate.close();
  }

  private async acquire(candidate: LeaseCandidate): Promise<LeaderSession | undefined> {
    if (!(await candidate.isFree())) return undefined;
    const own = { epoch: this.feed.epoch, seq: this.feed.position };
    return candidate.acquire(furthest(own, await this.broker.furthest()));
  }

  private readonly stopping = (): boolean => this.stopped;

  private async lead(session: LeaderSession): Promise<void> {
    const lost = new AbortController();
    const keeper = new LeaseKeeper({
      url: this.database.url,
      owner: session.owner,
      leaseEpoch: session.leaseEpoch,
      onLost: () => {
        lost.abort();
        this.doorbell.ring();
      },
    });
    this.logger.log({ lease: session.leaseEpoch }, 'became leader of the event log');
    this.metrics.led();
    void this.audit.record(session.leaseEpoch);
    this.nextTickAt = 0;
    this.nextMaintenanceAt = 0;
    try {
      this.broker.begin(await session.head());
      while (!lost.signal.aborted && !this.stopped && (await this.turn(session, keeper)));
      if (this.ahead) await this.publish((await this.ahead)?.batch ?? []);
      if (this.stopped) await session.release();
      else this.logger.warn({ lease: session.leaseEpoch }, 'another process became leader of the event log');
    } finally {
      this.ahead = undefined;
      await keeper.stop();
      await session.end();
    }
  }

  /** Polls the outbox once; returns false if another process is the leader now. */
  private async turn(session: LeaderSession, keeper: LeaseKeeper): Promise<boolean> {
    const now = performance.now(); // monotonic, so that ticks and maintenance continue if the wall clock is set back
    keeper.sign(now);
    if (now >= this.nextTickAt) {
      this.nextTickAt = now + TICK_INTERVAL_MS;
      await session.tick();
    }
    if (now >= this.nextMaintenanceAt) {
      this.nextMaintenanceAt = now + MAINTENANCE_INTERVAL_MS;
      void this.maintain();
    }
    const taken = await (this.ahead ?? this.step(session));
    this.ahead = undefined;
    if (taken === undefined) return false;
    const { batch, isFull } = taken;
    if (isFull && !this.stopped) {
      // After a full step the database numbers the next events while this process publishes.
      this.ahead = this.step(session);
      this.ahead.catch(() => undefined);
    }
    if (batch.length > 0) {
      this.lastEventAt = now;
      this.metrics.numbered(batch);
      await this.publish(batch);
    }
    // Between full steps the event loop handles other input.
    if (isFull) await nextTurn();
    else {
      await this.doorbell.wait(
        now - this.lastEventAt < BUSY_PERIOD_MS ? BUSY_POLL_INTERVAL_MS : QUIET_POLL_INTERVAL_MS,
        this.stopping,
      );
    }
    return true;
  }

  /** Moves events from the outbox into the log; undefined if another process is the leader now. */
  private async step(session: LeaderSession): Promise<Step | undefined> {
    const { limit } = this.size;
    const begun = performance.now();
    try {
      const step = await session.step(limit);
      if (step === undefined) return undefined;
      const ms = performance.now() - begun;
      this.size.took(ms, step);
      this.metrics.stepped(ms, step.batch.length);
      return step;
    } catch (error) {
      this.size.failed();
      throw error;
    }
  }

  /** Publishes a batch. If the broker is unavailable, other processes read the batch from the log, later. */
  private async publish(batch: readonly LogEvent[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      await this.broker.publish(batch);
      if (this.isBrokerUnavailable) this.logger.log('broker available again');
      this.isBrokerUnavailable = false;
    } catch (error) {
      if (!this.isBrokerUnavailable)
        this.logger.warn({ err: error }, 'broker unavailable; other processes read events from the log');
      this.isBrokerUnavailable = true;
    }
  }

  private async maintain(): Promise<void> {
    try {
      const done = await this.database.one<{ made: number; dropped: number; held_by: string | null }>(
        'SELECT made, dropped, held_by FROM maintain_event_log($1, $2)',
        [this.settings.eventRetentionHours, Math.round(this.settings.eventRetentionGb * GIGABYTE)],
      );
      if (done?.held_by)
        this.logger.warn(
          { reader: done.held_by },
          'log reader is behind; old partitions of the event log cannot be dropped',
        );
      else if (done && done.made + done.dropped > 0) this.logger.log({ ...done }, 'event log partitions changed');
    } catch (error) {
      this.logger.warn({ err: error }, 'maintenance of the event log partitions failed; retrying in 60 s');
    }
  }
}
