import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DeadLetters, Sequencer, type LogEvent } from '../../events/index.js';
import { Deliveries } from '../../notifications/index.js';
import { Database } from '../../platform/database/database.js';
import { isTransient } from '../../platform/errors/database-errors.js';
import type { Transition } from '../core/index.js';
import type { ChainRows } from './chain-rows.js';
import type { MemoryChanges } from './memory-writer.js';
import { ShardMoved, ShardStore, type Lease } from './shard-store.js';
import { TransitionWriter, type Owners } from './transition-writer.js';

/** Results of a shard's evaluator that have not been committed. */
interface Uncommitted {
  /** Newest evaluated row. */
  last: LogEvent;
  /** Time of the last tick up to that row. */
  clock: number;
  memory: MemoryChanges;
  transitions: readonly Transition[];
  /** Rows about chains, to be settled after the transitions. */
  chains: ChainRows;
}

type Write = (tx: PoolClient, work: Uncommitted, owners: Owners) => Promise<string[]>;

/** Name under which administrators see the dead letters of the evaluator. */
const ALERTS_READER = 'alerts';
/** Number of failed attempts after which transitions are written one by one, and the faulty one becomes a dead letter. */
const MAX_ATTEMPTS = 5;
const MIN_RETRY_DELAY_MS = 100;
const MAX_RETRY_DELAY_MS = 2_000;

/** Commits evaluated work: position, state, transitions, messages and events in one transaction. */
@Injectable()
export class ShardCommits {
  private readonly logger = new Logger(ShardCommits.name);

  constructor(
    private readonly database: Database,
    private readonly store: ShardStore,
    private readonly writer: TransitionWriter,
    private readonly deliveries: Deliveries,
    private readonly sequencer: Sequencer,
    private readonly letters: DeadLetters,
  ) {}

  /**
   * Tries until the work is committed or `cancelled`. It always writes the same work and never evaluates again. Throws
   * ShardMoved if this process no longer holds the shard.
   */
  async commit(lease: Lease, from: number, work: Uncommitted, cancelled: () => boolean): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        const write = failures < MAX_ATTEMPTS ? this.together : this.oneByOne;
        const owners = await this.writer.ownersOf(work.transitions);
        const ids = await this.database.transaction((tx) =>
          this.move(tx, lease, from, work, () => write(tx, work, owners), failures >= MAX_ATTEMPTS),
        );
        this.deliveries.announce(ids);
        if (work.transitions.length > 0) this.sequencer.ring();
        return;
      } catch (error) {
        if (error instanceof ShardMoved || cancelled()) throw error;
        this.logger.warn(
          { err: error, shard: lease.shard, seq: work.last.seq },
          'alerts could not be committed; retrying',
        );
        // If the database is unavailable, the work itself is not faulty.
        if (isTransient(error)) failures = Math.min(failures, MAX_ATTEMPTS - 2);
        await sleep(Math.min(MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS * 2 ** failures));
      }
    }
  }

  private async move(
    tx: PoolClient,
    lease: Lease,
    from: number,
    work: Uncommitted,
    write: () => Promise<string[]>,
    isLastResort: boolean,
  ): Promise<string[]> {
    if ((await this.store.lock(tx, lease, from, work.last.seq)) === 'done') return [];
    const ids = await write();
    ids.push(...(await this.settle(tx, work, lease.shard, isLastResort)));
    await work.memory.write(tx);
    await this.store.move(tx, lease, { epoch: work.last.epoch, seq: work.last.seq, clock: work.clock });
    return ids;
  }

  /** Settles rows about chains; as a last resort they become a dead letter, so that they do not stop the shard. */
  private async settle(tx: PoolClient, work: Uncommitted, shard: number, isLastResort: boolean): Promise<string[]> {
    if (!isLastResort) return this.writer.settle(tx, work.chains, shard);
    await tx.query('SAVEPOINT chains');
    try {
      return await this.writer.settle(tx, work.chains, shard);
    } catch (error) {
      if (isTransient(error)) throw error;
      await tx.query('ROLLBACK TO SAVEPOINT chains');
      await this.letters.record(tx, ALERTS_READER, work.last, error, MAX_ATTEMPTS);
      this.logger.error({ err: error, seq: work.last.seq }, 'retractions became a dead letter');
      return [];
    }
  }

  private readonly together: Write = (tx, { transitions }, owners) =>
    transitions.length === 0 ? Promise.resolve([]) : this.writer.write(tx, transitions, owners);

  private readonly oneByOne: Write = async (tx, { transitions, last }, owners) => {
    const ids: string[] = [];
    for (const transition of transitions) {
      await tx.query('SAVEPOINT transition');
      try {
        ids.push(...(await this.writer.write(tx, [transition], owners)));
      } catch (error) {
        if (isTransient(error)) throw error;
        await tx.query('ROLLBACK TO SAVEPOINT transition');
        await this.letters.record(tx, ALERTS_READER, last, error, MAX_ATTEMPTS);
        this.logger.error({ err: error, ruleId: transition.ruleId, seq: last.seq }, 'transition became a dead letter');
      }
    }
    return ids;
  };
}
