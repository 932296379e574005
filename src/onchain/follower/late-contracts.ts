import type { ClientBase } from 'pg';
import type { WatchedChain } from '../config/chain-registry.js';
import { RangeSize, type BlockRange, type Hash } from '../core/index.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import type { ChainLease } from '../store/chain-lease.js';
import type { BlockBatch } from '../store/chain-store.js';
import { bytes } from '../store/log-rows.js';
import { storedHashes } from '../store/stored-logs.js';
import { RangeReader } from './block-logs.js';
import type { FollowerParts } from './chain-follower.js';
import { Watch, type DecodedLogs } from './watch.js';

/** Contracts that lack blocks between the final and the newest one, and the lowest such block. */
interface Lack {
  readonly ids: readonly number[];
  readonly from: number;
  readonly head: number;
  readonly hash: Hash;
}

/** The stored branch was replaced while blocks were read. */
class OtherBranch extends Error {}

/** Interval at which it is looked for such blocks, ms. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * Reads blocks that are not final for contracts that were added after these blocks were stored. Their logs are taken only from an
 * endpoint whose newest blocks are the stored ones, before and after they are read. Takes turns with the follower: both store logs.
 */
export class LateContracts {
  private readonly size = new RangeSize();
  private readonly reader = new RangeReader();
  private lookedAt = -Infinity;
  /** Blocks that are stored and whose projection failed: it is repeated. */
  private unprojected: BlockBatch | undefined;

  constructor(
    private readonly chain: WatchedChain,
    private readonly lease: ChainLease,
    private readonly parts: FollowerParts,
    private readonly signal: AbortSignal,
  ) {}

  /** Reads what contracts lack, if it is time to look for it. */
  async run(): Promise<void> {
    if (performance.now() - this.lookedAt < LOOK_INTERVAL_MS) return;
    await this.project();
    while (await this.fill());
    this.lookedAt = performance.now();
  }

  /** Reads the next blocks that contracts lack; returns whether there were any. */
  async fill(): Promise<boolean> {
    const lack = await this.lack();
    if (lack === undefined) return false;
    const contracts = this.chain.contracts.filter(({ id }) => lack.ids.includes(id));
    if (contracts.length === 0) return false;
    const watch = new Watch(contracts, this.parts.maxBatchQuantity);
    const part = this.size.next(lack.from, lack.head);
    try {
      const { bytes: size, ...logs } = await this.parts.pool.step(
        (endpoint) => this.read(endpoint, part, lack, watch),
        this.signal,
      );
      this.size.answered(part, size);
      const batch = { ...logs, blocks: [], covered: part, keys: watch.keys, source: 'rpc' } as const;
      await this.parts.store.flushAfter(this.lease, batch, (tx) => requireBranch(tx, this.chain.id, lack));
      this.unprojected = batch;
      await this.project();
      return true;
    } catch (error) {
      if (error instanceof OtherBranch) return false;
      const isTooLarge = error instanceof RpcFault && (error.kind === 'range_too_large' || error.kind === 'too_large');
      if (!isTooLarge || !this.size.tooLarge(part, error.details.suggested)) throw error;
      return true;
    }
  }

  private async project(): Promise<void> {
    if (this.unprojected === undefined) return;
    await this.parts.listener.stored(this.chain, this.lease, this.unprojected);
    this.unprojected = undefined;
  }

  private async read(
    endpoint: StepEndpoint,
    part: BlockRange,
    { head, hash }: Lack,
    watch: Watch,
  ): Promise<DecodedLogs & { readonly bytes: number }> {
    const requireHead = async (): Promise<void> => {
      if ((await endpoint.blockByNumber(head))?.hash !== hash) throw new OtherBranch('the endpoint has another branch');
    };
    await requireHead();
    const read = await this.reader.read(endpoint, part, watch);
    await requireHead();
    const hashes = await storedHashes(this.parts.database, this.chain.id, part);
    for (const { blockNumber, blockHash } of [...read.events, ...read.dead])
      if (hashes.get(blockNumber) !== blockHash) throw new OtherBranch('a log is of another branch');
    return read;
  }

  private lack(): Promise<Lack | undefined> {
    return this.parts.database.one<Lack & Record<string, unknown>>(LACK, [this.chain.id]);
  }
}

/** A chain whose newest block is not stored is not read up to there yet. */
const LACK = `SELECT array_agg(c.id) AS ids, min(lower(gap)) AS from, h.head_number AS head, '0x' || encode(h.head_hash, 'hex') AS hash
  FROM onchain_chains h JOIN onchain_blocks b ON b.chain = h.id AND b.hash = h.head_hash AND b.canonical
    JOIN onchain_contracts c ON c.chain = h.id AND NOT c.paused
    CROSS JOIN LATERAL unnest(int8multirange(int8range(greatest(c.from_block, h.final_number + 1),
      greatest(c.from_block, h.final_number + 1, h.head_number + 1))) - c.covered) AS gap
  WHERE h.id = $1 AND h.state IN ('backfilling', 'following') AND h.final_number >= 0 GROUP BY h.id`;

/** Ends the transaction if the newest block that was seen is no longer canonical. */
async function requireBranch(tx: ClientBase, chain: number, { hash }: Lack): Promise<void> {
  const { rowCount } = await tx.query('SELECT FROM onchain_blocks WHERE chain = $1 AND hash = $2 AND canonical', [
    chain,
    bytes(hash),
  ]);
  if (rowCount === 0) throw new OtherBranch('the stored branch was replaced');
}
