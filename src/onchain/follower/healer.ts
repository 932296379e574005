import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Sequencer } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { ChainEvent } from '../core/index.js';
import { loadRates } from '../projector/point-rules.js';
import { Projector } from '../projector/projector.js';
import { publishEvents, publishPoints, reasonOf } from '../projector/publications.js';
import { fence, stamp, type ChainLease } from '../store/chain-lease.js';
import { beginRebuild, endRebuild } from '../store/contract-rows.js';
import { bytes, insertDeadLogs, insertLogs, type DeadLog } from '../store/log-rows.js';
import type { DecodedLogs } from './watch.js';

/** Stream that lacks a log, and how far it has come. */
interface LackingStream {
  readonly id: number;
  readonly block: number;
  readonly log: number;
  readonly publishedBlock: number;
  readonly publishedLog: number;
  readonly undoFrom: number;
  /** Stream whose state this one projects anew; null for an ordinary one. */
  readonly shadowOf: number | null;
}

/** Log that a contract lacks. */
interface Lack {
  readonly log: ChainEvent | DeadLog;
  readonly contract: number;
  readonly stream: number;
}

/** Consequences of a repair. */
interface Healed {
  /** Number of logs that were stored, each counted once. */
  readonly logs: number;
  /** Streams that are projected again, and the healed events of each that they had passed. */
  readonly again: ReadonlyMap<number, readonly ChainEvent[]>;
}

/**
 * Stores logs that an endpoint had left out, as if they had been there at once. A stream that has passed them goes back by its
 * before-images and on from there; where these do not reach, its state is projected anew beside the present one. Events that were
 * published are not published again; the healed ones are, if they are not old.
 */
@Injectable()
export class Healer {
  private readonly logger = new Logger(Healer.name);
  private readonly staleAfterMs: number;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly projector: Projector,
    private readonly sequencer: Sequencer,
    settings: Settings,
  ) {
    this.staleAfterMs = settings.staleAfterMinutes * 60_000;
  }

  /** Stores those of the logs that are missing, under the chain's lease; returns their number. */
  async heal(chain: WatchedChain, lease: ChainLease, { events, dead }: DecodedLogs): Promise<number> {
    if (events.length + dead.length === 0) return 0;
    const { logs, again } = await this.database.transaction(async (tx) => {
      await fence(tx, lease);
      const healed = await this.store(tx, chain, [...events, ...dead]);
      await stamp(tx, lease);
      return healed;
    });
    this.sequencer.ring();
    for (const stream of again.keys()) await this.projector.project(lease, stream, Number.MAX_SAFE_INTEGER);
    for (const [stream, ofStream] of again) await this.announce(chain, lease, stream, ofStream);
    if (logs > 0) this.logger.warn({ chain: chain.name, logs }, 'logs that an endpoint had left out were stored');
    return logs;
  }

  private async store(tx: ClientBase, chain: WatchedChain, logs: readonly (ChainEvent | DeadLog)[]): Promise<Healed> {
    const lacks = await lacksOf(tx, chain.id, logs);
    const again = new Map<number, ChainEvent[]>();
    const anew = new Set<LackingStream>();
    for (const stream of await streamsOf(tx, [...new Set(lacks.map((lack) => lack.stream))])) {
      const passed = lacks.filter((lack) => lack.stream === stream.id && isPassed(lack.log, stream.block, stream.log));
      const first = passed.reduce((lowest, { log }) => Math.min(lowest, log.blockNumber), Infinity);
      if (first === Infinity) continue;
      if (first - 1 < stream.undoFrom) anew.add(stream);
      else {
        await this.projector.rollBack(tx, chain.id, stream.id, first - 1, { keepsPublished: true });
        again.set(stream.id, passed.map(({ log }) => log).filter(isEvent));
      }
      if (stream.shadowOf === null) await this.publish(tx, chain, stream, passed.map(({ log }) => log).filter(isEvent));
    }
    for (const [contract, ofContract] of Map.groupBy(lacks, (lack) => lack.contract)) {
      const [{ log, stream } = { log: undefined, stream: 0 }] = ofContract;
      if (log === undefined) continue;
      const keys = new Map([[log.contract, [{ id: contract, stream }]]]);
      const found = ofContract.map((lack) => lack.log);
      await insertLogs(tx, chain.id, found.filter(isEvent), keys, 'rpc');
      await insertDeadLogs(tx, chain.id, found.filter(isDead), keys);
    }
    for (const stream of anew) await rebuild(tx, stream);
    return { logs: new Set(lacks.map(({ log }) => log)).size, again };
  }

  /** Publishes events that the stream has passed and that are not old, as those of other blocks of their age were. */
  private async publish(
    tx: ClientBase,
    chain: WatchedChain,
    { publishedBlock, publishedLog }: LackingStream,
    events: readonly ChainEvent[],
  ): Promise<void> {
    const { rows } = await tx.query<{ final: number }>(
      'SELECT final_published AS final FROM onchain_chains WHERE id = $1',
      [chain.id],
    );
    const final = rows[0]?.final ?? -1;
    const now = this.clock.now();
    const due = events.filter(
      (event) => now - event.at <= this.staleAfterMs && isPassed(event, publishedBlock, publishedLog),
    );
    await publishEvents(
      tx,
      chain.name,
      due.map((event) => ({ event, status: event.blockNumber <= final ? 'final' : 'pending' })),
    );
  }

  /** Publishes the points of the accounts of healed events, once they are projected. */
  private async announce(
    chain: WatchedChain,
    lease: ChainLease,
    stream: number,
    events: readonly ChainEvent[],
  ): Promise<void> {
    const reasons = new Map(
      events.flatMap(({ from, to, staker, kind }) =>
        [from, to, staker].flatMap((account) => (account === null ? [] : [[account, reasonOf(kind)] as const])),
      ),
    );
    await this.database.transaction(async (tx) => {
      await fence(tx, lease);
      const { rows } = await tx.query<{ at: number | null }>(
        `SELECT at_ms AS at FROM onchain_streams s WHERE id = $1 AND caught_up
           AND NOT EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NOT NULL)`,
        [stream],
      );
      const { at = null } = rows[0] ?? {};
      if (at === null) return;
      const touched = [...reasons].map(([account, reason]) => ({ account, reason }));
      await publishPoints(tx, chain.name, touched, await loadRates(tx), at);
      await stamp(tx, lease);
    });
    this.sequencer.ring();
  }
}

const isEvent = (log: ChainEvent | DeadLog): log is ChainEvent => 'kind' in log;
const isDead = (log: ChainEvent | DeadLog): log is DeadLog => 'stage' in log;

/** Whether a position is at a log or behind it. */
function isPassed({ blockNumber, logIndex }: ChainEvent | DeadLog, block: number, log: number): boolean {
  return blockNumber < block || (blockNumber === block && logIndex <= log);
}

/**
 * Returns the logs that contracts lack in blocks that are covered. A block that is not known by its hash must be final; one
 * that was replaced meanwhile lacks nothing.
 */
async function lacksOf(tx: ClientBase, chain: number, logs: readonly (ChainEvent | DeadLog)[]): Promise<Lack[]> {
  const { rows } = await tx.query<{ n: number; contract: number; stream: number }>(
    `SELECT r.n::int, c.id AS contract, c.stream
     FROM unnest($2::bytea[], $3::bigint[], $4::bytea[], $5::int[]) WITH ORDINALITY AS r (address, block, hash, log, n)
       JOIN onchain_contracts c ON c.chain = $1 AND c.address = r.address AND (c.covered - c.dropped) @> r.block
       JOIN onchain_chains h ON h.id = $1
     WHERE NOT EXISTS (SELECT FROM onchain_logs l WHERE l.contract = c.id AND l.block_number = r.block
         AND l.log_index = r.log AND l.canonical)
       AND NOT EXISTS (SELECT FROM onchain_dead_logs d WHERE d.chain = $1 AND d.contract = c.id AND d.block_hash = r.hash
         AND d.log_index = r.log AND d.canonical)
       AND coalesce((SELECT b.hash = r.hash FROM onchain_blocks b WHERE b.chain = $1 AND b.number = r.block AND b.canonical),
         r.block <= h.final_number)
       AND NOT EXISTS (SELECT FROM onchain_logs l WHERE l.chain = $1 AND l.block_number = r.block AND l.canonical
         AND l.block_hash <> r.hash)
     ORDER BY r.n, c.id`,
    [
      chain,
      logs.map(({ contract }) => bytes(contract)),
      logs.map(({ blockNumber }) => blockNumber),
      logs.map(({ blockHash }) => bytes(blockHash)),
      logs.map(({ logIndex }) => logIndex),
    ],
  );
  return rows.flatMap(({ n, contract, stream }) => {
    const log = logs[n - 1];
    return log === undefined ? [] : [{ log, contract, stream }];
  });
}

async function streamsOf(tx: ClientBase, ids: readonly number[]): Promise<LackingStream[]> {
  const { rows } = await tx.query<LackingStream>(
    `SELECT s.id, s.block, s.log, s.published_block AS "publishedBlock", s.published_log AS "publishedLog",
       s.undo_from AS "undoFrom", (SELECT o.stream FROM onchain_contracts c JOIN onchain_contracts o ON o.id = c.shadow_of
         WHERE c.stream = s.id LIMIT 1) AS "shadowOf"
     FROM onchain_streams s WHERE s.id = ANY ($1::int[]) ORDER BY s.id`,
    [ids],
  );
  return rows;
}

/** Begins to project the state of a stream anew; a state that is being projected anew already begins again. */
async function rebuild(tx: ClientBase, { id, shadowOf }: LackingStream): Promise<void> {
  if (shadowOf !== null) await endRebuild(tx, id);
  await beginRebuild(tx, shadowOf ?? id);
}
