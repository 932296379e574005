import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Sequencer } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { ChainRegistry, type WatchedChain } from '../config/chain-registry.js';
import type { BlockHeader, Hash } from '../core/index.js';
import { ConnectionOpener } from '../follower/chain-connections.js';
import { eventsNumbered, publishReorg, retractedIds } from '../follower/retractions.js';
import { Projector } from '../projector/projector.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import { insertBlocks, retractAbove, type BlockRef } from '../store/chain-store.js';
import { lockChain, startOver } from '../store/contract-rows.js';
import { bytes } from '../store/log-rows.js';
import { markDaysStale } from '../store/stale-days.js';
import type { RewindAnswer, RewindBody } from './chain-admin.dto.js';

/** Longest wait for the endpoints of the chain, ms. */
const ENDPOINTS_TIMEOUT_MS = 10_000;

interface Place {
  readonly state: string;
  readonly head: number | undefined;
  readonly headHash: Hash | null;
  readonly headAt: number | null;
  /** Hash of the block that is kept, as it is stored. */
  readonly kept: Hash | null;
}

/** Takes a stopped chain back to a block, also to one below the final block, so that it is followed again from there. */
@Injectable()
export class Rewinds {
  private readonly logger = new Logger(Rewinds.name);

  constructor(
    private readonly database: Database,
    private readonly registry: ChainRegistry,
    private readonly opener: ConnectionOpener,
    private readonly projector: Projector,
    private readonly alarms: ChainAlarms,
    private readonly sequencer: Sequencer,
  ) {}

  /** Returns what a rewind undoes, after it is done unless it is a dry run. */
  async rewind(name: string, { toBlock, dryRun, confirm }: RewindBody): Promise<RewindAnswer> {
    if ((dryRun === true) === (confirm === true))
      throw inputFault('invalid_request', '/confirm', 'required', 'either dryRun or confirm must be true');
    const chain = (await this.registry.chains()).find((known) => known.name === name);
    if (chain === undefined) throw new DomainError('not_found', `chain ${name} not found`);
    const place = await placeOf(this.database.pool, chain.id, toBlock);
    const { head } = place;
    if (head === undefined || toBlock >= head) {
      const detail = `toBlock must be below the newest block ${head ?? 'of a chain that has none'}`;
      throw inputFault('invalid_request', '/toBlock', 'out_of_range', detail);
    }
    const kept = await this.blockOf(chain, toBlock);
    if (kept === undefined || (place.kept !== null && kept.hash !== place.kept))
      throw new DomainError(
        'conflict',
        `block ${toBlock} is not in the present chain of the endpoints; rewind further`,
      );
    if (dryRun === true) return effectOf(this.database.pool, chain.id, toBlock, head);
    requireStopped(chain, place);
    await eventsNumbered(this.database, name);
    const effect = await this.database.transaction((tx) => this.undo(tx, chain, kept));
    this.sequencer.ring();
    await this.alarms.clear(name, 'deep_reorg');
    this.logger.warn({ chain: name, toBlock, effect }, 'chain rewound');
    return effect;
  }

  private async undo(tx: ClientBase, chain: WatchedChain, kept: BlockHeader): Promise<RewindAnswer> {
    await lockChain(tx, chain.id);
    const place = await placeOf(tx, chain.id, kept.number);
    requireStopped(chain, place);
    const { head = kept.number, headHash, headAt } = place;
    const effect = await effectOf(tx, chain.id, kept.number, head);
    const retracted = await retractedIds(tx, chain, kept.number);
    await insertBlocks(tx, chain.id, [kept]);
    await this.rollBack(tx, chain.id, kept.number);
    await retractAbove(tx, chain.id, kept.number);
    await resume(tx, chain.id, kept);
    await markDaysStale(tx, kept.at);
    await tx.query('DELETE FROM onchain_feast_epochs WHERE closes_ms > $1', [kept.at]);
    const oldHead: BlockRef = { number: head, hash: headHash ?? kept.hash, at: headAt ?? kept.at };
    await publishReorg(tx, chain.name, { oldHead, newHead: kept, depth: head - kept.number }, retracted);
    return effect;
  }

  /** Takes each stream back by its before-images, or to its beginning where these do not reach. */
  private async rollBack(tx: ClientBase, chain: number, toBlock: number): Promise<void> {
    const { rows } = await tx.query<{ id: number; reaches: boolean }>(
      `SELECT id, undo_from <= $2 OR block <= $2 AS reaches FROM onchain_streams WHERE chain = $1 ORDER BY id`,
      [chain, toBlock],
    );
    for (const { id, reaches } of rows) {
      if (reaches) await this.projector.rollBack(tx, chain, id, toBlock);
      else {
        this.projector.forget(chain, id);
        await startOver(tx, id, toBlock);
      }
    }
  }

  /** Reads the block of a height from the chain's endpoints. */
  private async blockOf(chain: WatchedChain, number: number): Promise<BlockHeader | undefined> {
    const { pool, close } = this.opener.open(
      { ...chain, endpoints: chain.endpoints.map(({ url }) => ({ url })) },
      () => undefined,
    );
    try {
      return await pool.step((endpoint) => endpoint.blockByNumber(number), AbortSignal.timeout(ENDPOINTS_TIMEOUT_MS));
    } catch (error) {
      if (!(error instanceof RpcFault) && !(error instanceof DOMException)) throw error;
      throw new DomainError('unavailable', `endpoints of ${chain.name} unavailable; ${error.message}`, {
        cause: error,
      });
    } finally {
      await close();
    }
  }
}

function requireStopped({ name }: WatchedChain, { state }: Place): void {
  if (state !== 'stopped')
    throw new DomainError('conflict', `chain ${name} is not stopped; only a stopped chain is rewound`);
}

async function placeOf(db: Pick<ClientBase, 'query'>, chain: number, toBlock: number): Promise<Place> {
  const { rows } = await db.query<Omit<Place, 'head'> & { head?: number | null }>(
    `SELECT state, head_number AS head, '0x' || encode(head_hash, 'hex') AS "headHash", head_ms AS "headAt",
       (SELECT '0x' || encode(hash, 'hex') FROM onchain_blocks b WHERE b.chain = h.id AND b.number = $2 AND b.canonical) AS kept
     FROM onchain_chains h WHERE id = $1`,
    [chain, toBlock],
  );
  const [{ head = null, ...place } = { state: 'paused', headHash: null, headAt: null, kept: null }] = rows;
  return { ...place, head: head ?? undefined };
}

/** Counts the blocks above a block, their events, and the accounts that the events name. */
async function effectOf(
  db: Pick<ClientBase, 'query'>,
  chain: number,
  toBlock: number,
  head: number,
): Promise<RewindAnswer> {
  const { rows } = await db.query<{ events: number; accounts: number }>(
    `WITH undone AS MATERIALIZED (
       SELECT l.sender, l.recipient, l.staker, l.error FROM onchain_logs l JOIN onchain_contracts c ON c.id = l.contract
       WHERE l.chain = $1 AND l.block_number > $2 AND l.canonical AND c.shadow_of IS NULL)
     SELECT (SELECT count(*)::int FROM undone) AS events, (SELECT count(DISTINCT account)::int FROM (
       SELECT sender FROM undone WHERE error IS NULL UNION SELECT recipient FROM undone WHERE error IS NULL
       UNION SELECT staker FROM undone WHERE error IS NULL) AS named (account)) AS accounts`,
    [chain, toBlock],
  );
  const { events = 0, accounts = 0 } = rows[0] ?? {};
  return { blocks: head - toBlock, events, accounts };
}

/** Lets the chain be followed from a block on. Its leader begins anew: what it knows of the chain no longer holds. */
async function resume(tx: ClientBase, chain: number, { number, hash, at }: BlockRef): Promise<void> {
  await tx.query(
    `UPDATE onchain_chains SET state = 'backfilling', reason = NULL, version = version + 1, head_number = $2, head_hash = $3,
       head_ms = $4, final_hash = CASE WHEN final_number >= $2 THEN $3 ELSE final_hash END,
       final_ms = CASE WHEN final_number >= $2 THEN $4 ELSE final_ms END, final_number = least(final_number, $2),
       final_published = least(final_published, $2), leader = NULL, lease_until = '-infinity', leader_epoch = leader_epoch + 1
     WHERE id = $1`,
    [chain, number, bytes(hash), at],
  );
}
