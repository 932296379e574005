import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { BlockHeader } from '../core/index.js';
import { ProjectionListener } from '../follower/projection-listener.js';
import { Projector } from '../projector/projector.js';
import type { ChainLease } from '../store/chain-lease.js';
import { ChainStore, type BlockBatch, type BlockRef } from '../store/chain-store.js';
import { branchRuns, type PlacedEvent, type Run } from './branch-runs.js';
import { NO_HASH, readStored, storedEvents, type StoredBlocks } from './stored-chain.js';

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
    const stored = await readStored(this.database, chain);
    const hashes = new Map(stored.headers.map(({ number, hash }) => [number, hash]));
    const runs = branchRuns(items, (block) => hashes.get(block));
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
    const late = await this.lateEvents(chain, run, stored, reject);
    const batch = batchOf(chain, run, stored, covers);
    if (ancestor !== undefined) await this.replace(chain, lease, batch, ancestor, stored);
    else if (run.events.length > 0 || typeof covers === 'object') await this.add(chain, lease, batch, late);
  }

  private async add(
    chain: WatchedChain,
    lease: ChainLease,
    batch: BlockBatch,
    late: ReadonlyMap<number, number>,
  ): Promise<void> {
    await this.store.flush(lease, batch, async (tx) => {
      for (const [stream, block] of late) {
        await this.projector.rollBack(tx, chain.id, stream, block - 1, { keepsPublished: true });
      }
    });
  }

  private async replace(
    chain: WatchedChain,
    lease: ChainLease,
    batch: BlockBatch,
    ancestor: number,
    { head, headers }: StoredBlocks,
  ): Promise<void> {
    const kept = headers.findLast(({ number }) => number <= ancestor) ?? { number: ancestor, hash: NO_HASH, at: 0 };
    const oldHead = head ?? kept;
    const newHead = batch.head ?? kept;
    const depth = Math.max(1, oldHead.number - ancestor);
    const work = await this.listener.reorganising(chain, lease, { oldHead, newHead, depth });
    await this.store.reorg(lease, ancestor, { ...batch, head: newHead }, work);
  }

  /**
   * Returns the lowest block of each stream that has an event below its position: it is projected again from there. Events that
   * are stored already are left out of the run; those in final blocks are rejected.
   */
  private async lateEvents(
    chain: WatchedChain,
    run: Run,
    stored: StoredBlocks,
    reject: Reject,
  ): Promise<Map<number, number>> {
    const late = new Map<number, number>();
    if (run.ancestor !== undefined) return late;
    const streams = new Map(chain.contracts.map(({ address, stream }) => [address, stream]));
    const isBelow = ({ event }: PlacedEvent): boolean => {
      const position = stored.positions.get(streams.get(event.contract) ?? 0);
      if (position === undefined) return false;
      return (
        event.blockNumber < position.block || (event.blockNumber === position.block && event.logIndex <= position.log)
      );
    };
    const below = run.events.filter(isBelow);
    const found = await storedEvents(
      this.database,
      chain.id,
      below.map(({ event }) => event),
    );
    const gone = new Set(below.filter((_, at) => found[at] === true));
    for (const placed of below) {
      if (gone.has(placed)) continue;
      const { contract, blockNumber } = placed.event;
      if (blockNumber <= stored.final) {
        gone.add(placed);
        reject(placed.index, 'out_of_order', `block ${blockNumber} is final and projected; the event comes too late`);
        continue;
      }
      const stream = streams.get(contract) ?? 0;
      late.set(stream, Math.min(late.get(stream) ?? Infinity, blockNumber));
    }
    run.events = run.events.filter((placed) => !gone.has(placed));
    return late;
  }
}

/** Blocks and events of a run, and what they cover. */
function batchOf(chain: WatchedChain, run: Run, stored: StoredBlocks, covers: Covers): BlockBatch {
  const events = run.events.map(({ event }) => event);
  const refs = new Map<number, BlockRef>();
  for (const { blockNumber, blockHash, at } of events) {
    if (!refs.has(blockNumber)) refs.set(blockNumber, { number: blockNumber, hash: blockHash, at });
  }
  const kept = stored.headers.filter(({ number }) => run.ancestor === undefined || number <= run.ancestor);
  const known = new Map([...kept.map((ref) => [ref.number, ref] as const), ...refs]);
  const highest = Math.max(-1, ...refs.keys());
  const covered = coveredBy(covers, Math.max(highest, run.ancestor ?? -1));
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

function coveredBy(covers: Covers, newest: number): StatedRange {
  if (covers === 'seen') return { from: 0, to: newest };
  return covers === 'nothing' ? { from: 1, to: 0 } : covers;
}

const higher = (best: BlockRef | undefined, ref: BlockRef): BlockRef =>
  best === undefined || ref.number > best.number ? ref : best;
