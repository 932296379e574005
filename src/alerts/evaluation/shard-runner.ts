import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { LogEvent } from '../../events/index.js';
import type { Clock } from '../../platform/clock/clock.js';
import { Doorbell } from '../../platform/process/doorbell.js';
import { rowsWithParts, type Transition } from '../core/index.js';
import type { AlertMetrics } from './alert-metrics.js';
import type { LogRows } from './log-rows.js';
import { ChainRows } from './chain-rows.js';
import { MemoryChanges } from './memory-writer.js';
import type { ShardCommits } from './shard-commits.js';
import type { LoadedShard, ShardRules } from './shard-rules.js';
import type { Lease, ShardPosition, ShardStore } from './shard-store.js';

/** Services that all runners of the process share. */
export interface ShardParts {
  rows: LogRows;
  store: ShardStore;
  rules: ShardRules;
  commits: ShardCommits;
  clock: Clock;
  metrics: AlertMetrics;
}

/** Maximum number of log rows that are evaluated between two commits. */
const BATCH_SIZE = 1_000;
/**
 * Maximum number of transitions, and of readings in them, before a commit within a batch: the content of a commit is in
 * memory several times, and few turns of the event loop assemble it.
 */
const MAX_UNCOMMITTED = 2_000;
/** Maximum time that a batch may hold the event loop, ms. */
const MAX_TURN_MS = 10;
/** Interval between commits of rows without a transition, ms; after a restart these rows are evaluated again. */
const COMMIT_INTERVAL_MS = 1_000;
/** Interval at which rows are polled, ms: needed only if the feed, which rings for every batch, is unavailable. */
const IDLE_INTERVAL_MS = 500;
/** Age from which rows count as late, ms; the reason of their firings is then `catch_up`. */
const LATE_AGE_MS = 60_000;
const RETRY_INTERVAL_MS = 1_000;

/**
 * Runs the rules of one shard while this process holds the shard's lease. It evaluates in memory, ahead of the database.
 * If the process dies, the next owner evaluates uncommitted work again from the last committed position.
 */
export class ShardRunner {
  private readonly logger = new Logger(ShardRunner.name);
  private readonly doorbell = new Doorbell();
  private running: Promise<void> | undefined;
  private stopped = false;
  /** Whether the log has begun a new epoch: state and position are then invalid. */
  private outdated = false;
  private newestRevision = 0;
  /** Whether rules were edited in this process since the revision was last read. */
  private mayBeEdited = false;
  private caughtUp = false;

  constructor(
    readonly lease: Lease,
    private readonly parts: ShardParts,
  ) {}

  /** Whether all rules are loaded and every row of the log up to now was evaluated. */
  get ready(): boolean {
    return this.caughtUp;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Commits the evaluated work and stops. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.doorbell.ring();
    await this.running;
  }

  /** Notifies the runner of the newest revision of the shard's rules. */
  edited(revision: number): void {
    if (revision <= this.newestRevision) return;
    this.newestRevision = revision;
    this.doorbell.ring();
  }

  /**
   * Notifies the runner of an edit in this process: it reads the revision before it evaluates any further row of the log.
   */
  lookForEdits(): void {
    this.mayBeEdited = true;
    this.doorbell.ring();
  }

  private readonly ending = (): boolean => this.stopped || this.outdated;

  private async run(): Promise<void> {
    const ring = (): void => this.doorbell.ring();
    const unwatch = this.parts.rows.subscribe(ring, () => {
      this.outdated = true;
      ring();
    });
    while (!this.stopped) {
      try {
        this.outdated = false;
        await this.session();
      } catch (error) {
        const fields = { err: error, shard: this.lease.shard };
        if (!this.stopped) this.logger.warn(fields, 'evaluation of a shard failed; reloading its alert rules');
        await this.doorbell.wait(RETRY_INTERVAL_MS, () => this.stopped);
      }
    }
    this.parts.metrics.rules.remove({ shard: String(this.lease.shard) });
    unwatch();
  }

  /** Loads the shard and evaluates it until it is stopped, or until an error after which its memory may be wrong. */
  private async session(): Promise<void> {
    const { store, rules, metrics } = this.parts;
    this.caughtUp = false;
    metrics.loads.inc();
    const position = await store.position(this.lease);
    const loaded = await rules.load(this.lease.shard, position, this.ending);
    const session = new Session(this.lease, this.parts, loaded, position, this.ending);
    this.newestRevision = Math.max(this.newestRevision, loaded.revision);
    while (!this.ending()) {
      const more = await session.turn(() => this.revision());
      metrics.rules.set({ shard: String(this.lease.shard) }, loaded.evaluator.size);
      this.caughtUp ||= !more;
      if (!more) await this.doorbell.wait(session.restMs(IDLE_INTERVAL_MS), this.ending);
    }
    if (!this.outdated) await session.commit();
  }

  private async revision(): Promise<number> {
    if (this.mayBeEdited) {
      this.mayBeEdited = false;
      this.newestRevision = Math.max(this.newestRevision, await this.parts.rules.revision(this.lease.shard));
    }
    return this.newestRevision;
  }
}

/** One load of a shard: its state in memory, and the part of it that is committed. */
class Session {
  private transitions: Transition[];
  /** Number of uncommitted transitions and their readings. */
  private weight = 0;
  private memory = new MemoryChanges();
  private chains = new ChainRows();
  private committedAt = performance.now();
  /** Committed position. */
  private committed: number;
  /** Position up to which memory has been evaluated; never before `committed`. */
  private evaluated: { seq: number; at: number };
  private last: LogEvent | undefined;

  constructor(
    private readonly lease: Lease,
    private readonly parts: ShardParts,
    private readonly loaded: LoadedShard,
    position: ShardPosition,
    private readonly cancelled: () => boolean,
  ) {
    this.transitions = loaded.transitions;
    this.committed = position.seq;
    this.evaluated = { seq: position.seq, at: position.at };
  }

  /**
   * Evaluates the next rows of the log; returns whether there may be more. Edits are read after the log: a rule whose
   * request was answered before an event was written is evaluated for that event.
   * @param newest returns the newest revision of the shard's rules
   */
  async turn(newest: () => Promise<number>): Promise<boolean> {
    const { events: batch, hasMore } = await this.parts.rows.after(this.evaluated.seq, BATCH_SIZE);
    const revision = await newest();
    if (revision > this.loaded.revision) await this.edit(revision, batch[0]?.loggedAt);
    await this.evaluate(batch);
    const isUrgent = this.transitions.length > 0 || this.chains.retractions.length > 0;
    if (isUrgent || this.restMs() === 0) await this.commit();
    return hasMore;
  }

  /** Returns the time until the next commit is due, ms, at most `most`. */
  restMs(most = COMMIT_INTERVAL_MS): number {
    if (this.last === undefined) return most;
    return Math.max(0, Math.min(most, this.committedAt + COMMIT_INTERVAL_MS - performance.now()));
  }

  /**
   * Applies edits of the rules; work evaluated with the previous versions is committed first.
   * @param next time of the row that is evaluated next, Unix ms; undefined: the log has none yet
   */
  private async edit(revision: number, next: number | undefined): Promise<void> {
    await this.commit();
    const { evaluated, lease, loaded } = this;
    const edited = await this.parts.rules.edit(loaded, lease.shard, revision, { ...evaluated, next });
    this.transitions.push(...edited);
    this.memory.add(this.loaded.evaluator.takeChanges());
  }

  async commit(): Promise<void> {
    const { last, transitions, memory, chains } = this;
    if (last === undefined) return;
    const { commits, metrics, clock } = this.parts;
    const work = { last, transitions, memory, chains, clock: this.loaded.evaluator.clock };
    await commits.commit(this.lease, this.committed, work, this.cancelled);
    metrics.committed(transitions, clock.now());
    this.committed = last.seq;
    this.committedAt = performance.now();
    this.last = undefined;
    this.transitions = [];
    this.weight = 0;
    this.memory = new MemoryChanges();
    this.chains = new ChainRows();
  }

  private take(transition: Transition): void {
    this.transitions.push(transition);
    this.weight += 1 + transition.readings.length;
  }

  private async evaluate(batch: readonly LogEvent[]): Promise<void> {
    const { clock, metrics } = this.parts;
    const { evaluator } = this.loaded;
    const lateBefore = clock.now() - LATE_AGE_MS;
    let turnStarted = performance.now();
    for (const [event, isPart] of rowsWithParts(batch)) {
      if (event.type === 'tick') await this.parts.rules.observe(evaluator, event.loggedAt);
      if (!this.loaded.isEmpty || event.type === 'tick') {
        const transitions = evaluator.apply(event, event.loggedAt < lateBefore, isPart);
        for (const transition of transitions) this.take(transition);
      }
      this.chains.note(event);
      this.last = event;
      this.evaluated = { seq: event.seq, at: event.loggedAt };
      if (this.weight + this.chains.weight >= MAX_UNCOMMITTED && !isPart) {
        this.memory.add(evaluator.takeChanges());
        await this.commit();
      }
      const now = performance.now();
      if (now - turnStarted < MAX_TURN_MS) continue;
      metrics.evaluated(now - turnStarted);
      await nextTurn();
      turnStarted = performance.now();
    }
    if (batch.length === 0) return;
    this.memory.add(evaluator.takeChanges());
    metrics.evaluated(performance.now() - turnStarted);
  }
}
