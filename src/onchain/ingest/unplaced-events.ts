import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { inSlices } from '../../platform/loop/slices.js';
import type { WatchedChain } from '../config/chain-registry.js';
import { ZERO_ADDRESS, type ChainEvent } from '../core/index.js';
import { readChainEvent, type PostedChainEvent } from './event-item.js';
import type { PlacedEvent } from './branch-runs.js';
import type { Reject } from './fed-chain.js';
import { bytea, canonicalHashes, heightsOf, readStored, storedEvents } from './stored-chain.js';

/** Events of a chain that wait for their blocks, at most: they are read together when their block becomes known. */
const MAX_WAITING = 50_000;

/** Posted event with the place of its item in the request. */
export interface PostedItem extends PostedChainEvent {
  readonly index: number;
}

/** Event whose block is known. */
export interface PlacedItem extends PlacedEvent {
  readonly removed: boolean;
}

/** Finds the blocks of events that were posted without a block hash; those of unknown blocks wait in a table. */
@Injectable()
export class UnplacedEvents {
  constructor(private readonly database: Database) {}

  /**
   * Returns the events whose blocks are known, with those that have waited for these blocks (index −1). The others wait, or
   * are rejected if their block can no longer become known.
   */
  async place(chain: WatchedChain, posted: readonly PostedItem[], reject: Reject): Promise<PlacedItem[]> {
    const items = await this.ofOneHeight(chain.id, posted, reject);
    const unknown = items.filter(({ event }) => event.blockHash === null).map(({ event }) => event.blockNumber);
    const hashes = await canonicalHashes(this.database, chain.id, unknown);
    for (const { event, removed } of items) {
      if (event.blockHash !== null && !removed) hashes.set(event.blockNumber, event.blockHash);
    }
    const placed: PlacedItem[] = [];
    const waiting: PostedItem[] = [];
    for (const item of items) {
      const blockHash = item.event.blockHash ?? hashes.get(item.event.blockNumber);
      if (blockHash === undefined) waiting.push(item);
      else placed.push({ index: item.index, event: { ...item.event, blockHash }, removed: item.removed });
    }
    // A retraction of an event that waits leaves nothing that could come.
    const removed = waiting.filter((item) => item.removed);
    await this.keep(chain, await this.possible(chain, waiting, reject), reject);
    if (removed.length > 0) await this.forget(chain.id, removed);
    for (const event of await this.of(chain.id, blocksOf(placed))) {
      const blockHash = hashes.get(event.blockNumber);
      if (blockHash !== undefined) placed.push({ index: -1, event: { ...event, blockHash }, removed: false });
    }
    return placed;
  }

  /** Drops the events that have waited for the blocks of these, which are stored. */
  async drop(chain: number, placed: readonly PlacedItem[]): Promise<void> {
    const blocks = blocksOf(placed);
    if (blocks.length === 0) return;
    await this.database.query(
      'DELETE FROM onchain_unplaced_events WHERE chain = $1 AND block_number = ANY ($2::bigint[])',
      [chain, blocks],
    );
  }

  /** Rejects events whose block hash is that of a block of another number: a hash names one block. */
  private async ofOneHeight(
    chain: number,
    items: readonly PostedItem[],
    reject: Reject,
  ): Promise<readonly PostedItem[]> {
    const heights = await heightsOf(
      this.database,
      chain,
      items.flatMap(({ event }) => event.blockHash ?? []),
    );
    return items.filter(({ index, event: { blockHash, blockNumber } }) => {
      if (blockHash === null) return true;
      const height = heights.get(blockHash) ?? blockNumber;
      heights.set(blockHash, height);
      if (height !== blockNumber) reject(index, 'conflict', `the block hash is that of block ${height}`);
      return height === blockNumber;
    });
  }

  /** Returns those whose block may still become known: nothing is added to final blocks that are projected. */
  private async possible(
    chain: WatchedChain,
    waiting: readonly PostedItem[],
    reject: Reject,
  ): Promise<readonly PostedItem[]> {
    const added = waiting.filter(({ removed }) => !removed);
    if (added.length === 0) return added;
    const { final, positions } = await readStored(this.database, chain);
    const streams = new Map(chain.contracts.map(({ address, stream }) => [address, stream]));
    const isOver = ({ event }: PostedItem): boolean => {
      const position = positions.get(streams.get(event.contract) ?? 0);
      return event.blockNumber <= Math.min(final, position?.block ?? -1);
    };
    const over = added.filter(isOver);
    const found = await storedEvents(
      this.database,
      chain.id,
      over.map(({ event }) => event),
    );
    for (const [at, { index, event }] of over.entries()) {
      if (found[at] !== true)
        reject(index, 'out_of_order', `block ${event.blockNumber} is final and projected; the event comes too late`);
    }
    return added.filter((item) => !isOver(item));
  }

  /** Keeps events until their block is known; repetitions are kept once. */
  private async keep(chain: WatchedChain, items: readonly PostedItem[], reject: Reject): Promise<void> {
    if (items.length === 0) return;
    const row = await this.database.one<{ waiting: number }>(
      'SELECT count(*)::int AS waiting FROM onchain_unplaced_events WHERE chain = $1',
      [chain.id],
    );
    const free = Math.max(0, MAX_WAITING - (row?.waiting ?? 0));
    for (const { index } of items.slice(free)) {
      reject(index, 'limit_exceeded', `at most ${MAX_WAITING} events of a chain wait for the hash of their block`);
    }
    const kept = items.slice(0, free);
    await this.database.query(
      `INSERT INTO onchain_unplaced_events (chain, block_number, transaction_hash, log_index, contract, item)
       SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::int[], $5::bytea[], $6::jsonb[]) ON CONFLICT DO NOTHING`,
      [chain.id, ...identities(kept), kept.map(({ event }) => JSON.stringify(itemOf(chain.name, event)))],
    );
  }

  private async forget(chain: number, items: readonly PostedItem[]): Promise<void> {
    await this.database.query(
      `DELETE FROM onchain_unplaced_events e USING unnest($2::bigint[], $3::bytea[], $4::int[], $5::bytea[]) AS r (b, t, l, c)
       WHERE e.chain = $1 AND e.block_number = r.b AND e.transaction_hash = r.t AND e.log_index = r.l AND e.contract = r.c`,
      [chain, ...identities(items)],
    );
  }

  private async of(chain: number, blocks: readonly number[]): Promise<PostedChainEvent['event'][]> {
    if (blocks.length === 0) return [];
    const rows = await this.database.query<{ item: unknown }>(
      'SELECT item FROM onchain_unplaced_events WHERE chain = $1 AND block_number = ANY ($2::bigint[])',
      [chain, blocks],
    );
    // Accepted items stay accepted, whatever limits apply now.
    return inSlices(events(rows));
  }
}

function* events(rows: readonly { item: unknown }[]): Generator<PostedChainEvent['event']> {
  for (const { item } of rows) yield readChainEvent(item, Number.MAX_SAFE_INTEGER, Infinity).event;
}

const blocksOf = (placed: readonly PlacedItem[]): number[] => [
  ...new Set(placed.filter(({ removed }) => !removed).map(({ event }) => event.blockNumber)),
];

const identities = (items: readonly PostedItem[]): unknown[] => [
  items.map(({ event }) => event.blockNumber),
  items.map(({ event }) => bytea(event.transactionHash)),
  items.map(({ event }) => event.logIndex),
  items.map(({ event }) => bytea(event.contract)),
];

/** Writes an event as an item: members that are ignored may have texts that the database refuses. */
function itemOf(chain: string, { kind, at, ...event }: Omit<ChainEvent, 'blockHash'>): object {
  const isStake = event.staker !== null || kind === 'Stake' || kind === 'Unstake';
  const { contract, blockNumber, transactionHash, transactionIndex, logIndex } = event;
  const first = event.startTokenId?.toString();
  return {
    chain,
    contract,
    type: kind,
    timestamp: at / 1_000,
    blockNumber,
    transactionHash,
    transactionIndex,
    logIndex,
    ...(isStake
      ? { tokenId: first, staker: event.staker ?? ZERO_ADDRESS }
      : {
          startTokenId: first,
          quantity: event.quantity?.toString(),
          from: event.from ?? ZERO_ADDRESS,
          to: event.to ?? ZERO_ADDRESS,
        }),
  };
}
