import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Database } from '../../platform/database/database.js';
import { inSteps } from '../../platform/loop/slices.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { BlockHeader } from '../core/index.js';
import { ProjectionListener } from '../follower/projection-listener.js';
import { Projector } from '../projector/projector.js';
import type { ChainLease } from '../store/chain-lease.js';
import { ChainStore, type BlockBatch, type BlockRef } from '../store/chain-store.js';
import { branchRuns, rejectOther, type PlacedEvent, type Run } from './branch-runs.js';
import { canonicalHashes, NO_HASH, readStored, returningLogs, storedAs, type StoredBlocks } from './stored-chain.js';

/** Blocks, both included, that a request covers completely. */
export interface StatedRange {
  readonly from: number;
  readonly to: number;
}

/** Coverage of a batch of items: everything up to the newest block seen, nothing yet, or what the request states. */
export type Covers = 'seen' | 'nothing' | StatedRange;

/** Reports the fault of an item by its place in the request. */
export type Reject = (index: number, code: string, detail: string) => void;

/** Stores events of chains that writers feed: there is no endpoint that knows better. */
@Injectable()
export class FedChain {
  constructor(
    private readonly database: Database,
    private readonly store: ChainStore,
    private readonly projector: Projector,
    private readonly listener: ProjectionListener,
  ) {}

  /** Stores events in the order of their items, under the chain's lease, and projects them. */
  async take(
    chain: WatchedChain,
    lease: ChainLease,
    items: readonly (PlacedEvent & { readonly removed: boolean })[],
    covers: Covers,
    reject: Reject,
  ): Promise<void> {
    const { headers } = await readStored(this.database, chain);
    const retracted = items.filter(({ removed }) => removed).map(({ event }) => event.blockNumber);
    const hashes = await canonicalHashes(this.database, chain.id, retracted);
    for (const { number, hash } of headers) hashes.set(number, hash);
    const runs = await inSteps(branchRuns(items, (block) => hashes.get(block), reject));
    if (runs.length === 0 && typeof covers === 'object') runs.push({ ancestor: undefined, events: [], retracted: [] });
    for (const run of runs) await this.takeRun(chain, lease, run, covers, reject);
    const streams = new Set(chain.contracts.map(({ stream }) => stream));
    for (const stream of streams) await this.projector.project(lease, stream, Number.MAX_SAFE_INTEGER);
  }

  private async takeRun(
    chain: WatchedChain,
    lease: ChainLease,
    run: Run,
    covers: Covers,
    reject: Reject,
  ): Promise<void> {
    const stored = await readStored(this.database, chain);
    const { ancestor } = run;
    if (ancestor !== undefined && ancestor < stored.final) {
      const detail = `block ${ancestor + 1} is final; nothing replaces it`;
      for (const index of [...run.retracted, ...run.events.map((placed) => placed.index)])
        reject(index, 'out_of_order', detail);
      return;
    }
    await this.leaveOutKnown(chain, run, stored, reject);
    const late = this.lateEvents(chain, run, stored, reject);
    if (ancestor === undefined) await this.addReturning(chain, run, stored, late);
    const batch = batchOf(chain, run, stored, covers);
    if (ancestor !== undefined) await this.replace(chain, lease, batch, { ancestor, covers }, stored);
    else if (run.events.length > 0 || typeof covers === 'object') await this.add(chain, lease, batch, late);
  }

  private async add(
    chain: WatchedChain,
    lease: ChainLease,
    batch: BlockBatch,
    late: ReadonlyMap<number, number>,
  ): Promise<void> {
    await this.store.flushAfter(lease, batch, async (tx) => {
      for (const [stream, block] of late) {
        await this.projector.rollBack(tx, chain.id, stream, block - 1, { keepsPublished: true });
      }
      await passTimes(tx, chain.id, batch.blocks);
    });
  }

  private async replace(
    chain: WatchedChain,
    lease: ChainLease,
    batch: BlockBatch,
    { ancestor, covers }: { ancestor: number; covers: Covers },
    { head, headers }: StoredBlocks,
  ): Promise<void> {
    const kept = keptBelow(headers, ancestor);
    const oldHead = head ?? kept;
    const newHead = batch.head ?? kept;
    const depth = Math.max(1, oldHead.number - ancestor);
    const work = await this.listener.reorganising(chain, lease, { oldHead, newHead, depth });
    // Blocks below a retracted one were covered because that one was seen.
    await this.store.reorg(lease, covers === 'seen' ? kept.number : ancestor, { ...batch, head: newHead }, work);
  }

  /** Leaves out events that are stored and projected already, and rejects those in whose place another one is stored. */
  private async leaveOutKnown(chain: WatchedChain, run: Run, stored: StoredBlocks, reject: Reject): Promise<void> {
    const known = await storedAs(
      this.database,
      chain.id,
      run.events.map(({ event }) => event),
    );
    const isBelow = belowPosition(chain, stored);
    run.events = run.events.filter((placed, at) => {
      if (known[at] === 'other') rejectOther(placed, reject);
      return known[at] !== 'other' && !(known[at] === 'same' && isBelow(placed));
    });
  }

  /**
   * Returns the lowest block of each stream that has an event below its position: it is projected again from there. Events in
   * final blocks are rejected.
   */
  private lateEvents(chain: WatchedChain, run: Run, stored: StoredBlocks, reject: Reject): Map<number, number> {
    const late = new Map<number, number>();
    if (run.ancestor !== undefined) return late;
    const isBelow = belowPosition(chain, stored);
    const streams = new Map(chain.contracts.map(({ address, stream }) => [address, stream]));
    run.events = run.events.filter((placed) => {
      if (!isBelow(placed)) return true;
      const { contract, blockNumber } = placed.event;
      if (blockNumber <= stored.final) {
        reject(placed.index, 'out_of_order', `block ${blockNumber} is final and projected; the event comes too late`);
        return false;
      }
      const stream = streams.get(contract) ?? 0;
      late.set(stream, Math.min(late.get(stream) ?? Infinity, blockNumber));
      return true;
    });
    return late;
  }

  /** Adds streams that have passed retracted logs which come back with the block of an event. */
  private async addReturning(
    chain: WatchedChain,
    { events }: Run,
    { positions }: StoredBlocks,
    late: Map<number, number>,
  ): Promise<void> {
    const returning = await returningLogs(
      this.database,
      chain.id,
      events.map(({ event }) => event),
    );
    for (const { stream, block } of returning) {
      if (block > (positions.get(stream)?.block ?? -1)) continue;
      late.set(stream, Math.min(late.get(stream) ?? Infinity, block));
    }
  }
}

/** Moves the times of streams that have passed these blocks: the time of a stream is the highest up to its position. */
async function passTimes(tx: ClientBase, chain: number, blocks: readonly BlockHeader[]): Promise<void> {
  await tx.query(
    `UPDATE onchain_streams s SET at_ms = r.newest FROM onchain_streams o
       CROSS JOIN LATERAL (SELECT max(at) AS newest FROM unnest($2::bigint[], $3::bigint[]) AS b (n, at) WHERE n <= o.block) r
     WHERE s.id = o.id AND s.chain = $1 AND r.newest > s.at_ms`,
    [chain, blocks.map(({ number }) => number), blocks.map(({ at }) => at)],
  );
}

/** Finds the events that the projection of their stream has passed. */
function belowPosition(chain: WatchedChain, { positions }: StoredBlocks): (placed: PlacedEvent) => boolean {
  const streams = new Map(chain.contracts.map(({ address, stream }) => [address, stream]));
  return ({ event }) => {
    const position = positions.get(streams.get(event.contract) ?? 0);
    if (position === undefined) return false;
    return (
      event.blockNumber < position.block || (event.blockNumber === position.block && event.logIndex <= position.log)
    );
  };
}

/** Blocks and events of a run, and what they cover. */
function batchOf(chain: WatchedChain, run: Run, stored: StoredBlocks, covers: Covers): BlockBatch {
  const events = run.events.map(({ event }) => event);
  const refs = new Map<number, BlockRef>();
  for (const { blockNumber, blockHash, at } of events) {
    // A block is as old as its newest event says: writers round times.
    const newest = Math.max(at, refs.get(blockNumber)?.at ?? 0);
    refs.set(blockNumber, { number: blockNumber, hash: blockHash, at: newest });
  }
  const kept = stored.headers.filter(({ number }) => run.ancestor === undefined || number <= run.ancestor);
  const known = new Map([...kept.map((ref) => [ref.number, ref] as const), ...refs]);
  const highest = Math.max(-1, ...refs.keys());
  const base = run.ancestor === undefined ? -1 : keptBelow(stored.headers, run.ancestor).number;
  const covered = coveredBy(covers, Math.max(highest, base));
  const newest = Math.max(covered.to, highest, run.ancestor === undefined ? stored.newest : -1);
  const finalAt = newest - chain.finality.depth;
  const final = [...known.values()]
    .filter(({ number }) => number <= finalAt)
    .reduce<BlockRef | undefined>(higher, undefined);
  const head = [...known.values()].reduce<BlockRef | undefined>(higher, undefined);
  return {
    blocks: [...refs.values()].map((ref): BlockHeader => ({
      ...ref,
      parentHash: known.get(ref.number - 1)?.hash ?? NO_HASH,
      logsBloom: '0x',
    })),
    events,
    dead: [],
    covered,
    keys: new Map(
      [...new Set(chain.contracts.map(({ address }) => address))].map((address) => [
        address,
        chain.contracts.filter((contract) => contract.address === address),
      ]),
    ),
    ...(head === undefined ? {} : { head }),
    ...(final === undefined || final.number <= stored.final ? {} : { final }),
    source: 'ingest',
  };
}

/** Newest known block that stays when the blocks above the ancestor are replaced. */
const keptBelow = (headers: readonly BlockRef[], ancestor: number): BlockRef =>
  headers.findLast(({ number }) => number <= ancestor) ?? { number: ancestor, hash: NO_HASH, at: 0 };

function coveredBy(covers: Covers, newest: number): StatedRange {
  if (covers === 'seen') return { from: 0, to: newest };
  return covers === 'nothing' ? { from: 1, to: 0 } : covers;
}

const higher = (best: BlockRef | undefined, ref: BlockRef): BlockRef =>
  best === undefined || ref.number > best.number ? ref : best;
