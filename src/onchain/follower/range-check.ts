import type { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { WatchedChain } from '../config/chain-registry.js';
import {
  bloomBits,
  digestOfLogs,
  mayContain,
  RangeSize,
  type Address,
  type BlockRange,
  type ChainEvent,
  type Hash,
} from '../core/index.js';
import type { EndpointPool } from '../rpc/endpoint-pool.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import type { DeadLog } from '../store/log-rows.js';
import {
  comparableContracts,
  storedBlocks,
  storedHashes,
  storedPlaces,
  type ComparableContract,
} from '../store/stored-logs.js';
import { inParallel, RangeReader } from './block-logs.js';
import { Watch, type DecodedLogs } from './watch.js';

/** Outcome of the comparison of a range with what an endpoint says. */
export interface RangeFinding {
  /** Blocks that were compared; the rest of the range follows in the next check. */
  readonly range: BlockRange;
  /** Digests of the blocks that have logs. */
  readonly ours: ReadonlyMap<number, string>;
  readonly theirs: ReadonlyMap<number, string>;
  /** Number of blocks whose logs differ. */
  readonly differing: number;
  /** Whether logs of any contract are stored there that can be compared. */
  readonly isComparable: boolean;
  /** Logs of the endpoint that are not stored. */
  readonly missing: DecodedLogs;
  /** Stored logs that the endpoint does not show: their number by block. */
  readonly gone: ReadonlyMap<number, number>;
  /** Blocks in which a log has other contents. */
  readonly changed: readonly number[];
}

type Log = ChainEvent | DeadLog;
/** Logs of an endpoint in one block. */
interface TheirBlock {
  readonly hash: Hash;
  readonly logs: Log[];
}

/** Compares stored logs with what an endpoint says now: another one than the follower uses, if there is one. */
export class RangeCheck {
  private readonly reader = new RangeReader();
  private readonly size = new RangeSize();
  private readonly watch: Watch;

  constructor(
    private readonly chain: WatchedChain,
    private readonly database: Database,
    private readonly pool: EndpointPool,
    maxBatchQuantity: number,
    private readonly signal: AbortSignal,
  ) {
    this.watch = new Watch(chain.contracts, maxBatchQuantity);
  }

  get keys(): Watch['keys'] {
    return this.watch.keys;
  }

  /** Compares a range, or the first part of it that endpoints give; undefined if no endpoint has its first block. */
  async check(asked: BlockRange): Promise<RangeFinding | undefined> {
    for (;;) {
      const part = this.size.next(asked.from, asked.to);
      try {
        return await this.withOther((endpoint) => this.compare(endpoint, part));
      } catch (error) {
        if (!isTooLarge(error) || !this.size.tooLarge(part, error.details.suggested)) throw error;
      }
    }
  }

  /** Does work with another endpoint than the follower's, else with any. */
  async withOther<T>(work: (endpoint: StepEndpoint) => Promise<T>): Promise<T> {
    try {
      const done = await this.pool.second(async (endpoint) => ({ result: await work(endpoint) }), this.signal);
      if (done !== undefined) return done.result;
    } catch (error) {
      if (isTooLarge(error) || this.signal.aborted) throw error;
    }
    return this.pool.step(work, this.signal);
  }

  private async compare(endpoint: StepEndpoint, part: BlockRange): Promise<RangeFinding | undefined> {
    const { number: height } = await endpoint.latest();
    const range = { from: part.from, to: Math.min(part.to, height) };
    if (range.to < range.from) return undefined;
    const { bytes, ...read } = await this.reader.read(endpoint, range, this.watch);
    this.size.answered(range, bytes);
    const contracts = await comparableContracts(this.database, this.chain.id);
    const theirs = theirBlocks(contracts, read);
    const [stored, hashes] = await Promise.all([
      storedBlocks(this.database, this.chain.id, range),
      storedHashes(this.database, this.chain.id, range),
    ]);
    for (const { number, hash } of stored) hashes.set(number, hash);
    const ours = new Map(stored.map(({ number, digest }) => [number, digest]));
    const digests = new Map<number, string>();
    for (const [number, { logs }] of theirs) digests.set(number, await digestInSlices(logs));
    const differing = [...new Set([...ours.keys(), ...digests.keys()])].filter(
      (number) => ours.get(number) !== digests.get(number),
    );
    const found = await this.differences(endpoint, range, differing, theirs, hashes);
    const isComparable = contracts.some(({ ranges }) =>
      ranges.some(({ from, to }) => from <= range.to && to >= range.from),
    );
    return { range, ours, theirs: digests, differing: differing.length, isComparable, ...found };
  }

  private async differences(
    endpoint: StepEndpoint,
    range: BlockRange,
    differing: readonly number[],
    theirs: ReadonlyMap<number, TheirBlock>,
    hashes: ReadonlyMap<number, Hash>,
  ): Promise<Pick<RangeFinding, 'missing' | 'gone' | 'changed'>> {
    const missing: Log[] = [];
    const changed: number[] = [];
    const gone = new Map<number, number>();
    if (differing.length === 0) return { missing: { events: [], dead: [] }, gone, changed };
    const places = await storedPlaces(this.database, this.chain.id, range, differing);
    const ownPlaces = Map.groupBy(places, ({ block }) => block);
    await inParallel(differing, async (number) => {
      const [own, their] = [ownPlaces.get(number) ?? [], theirs.get(number)];
      const hash = hashes.get(number);
      // A block without logs does not say of which branch it is.
      const theirHash = their?.hash ?? (await endpoint.blockByNumber(number))?.hash;
      if (theirHash === undefined || (hash !== undefined && hash !== theirHash)) return;
      const ownLogs = new Set(own.map(({ log }) => log));
      const theirLogs = new Set(their?.logs.map(({ logIndex }) => logIndex));
      const left = their?.logs.filter(({ logIndex }) => !ownLogs.has(logIndex)) ?? [];
      const hidden = own.filter(({ log }) => !theirLogs.has(log)).length;
      if (left.length > 0) await this.requirePlausible(endpoint, number, theirHash, left);
      missing.push(...left);
      if (hidden > 0) gone.set(number, hidden);
      if (left.length === 0 && hidden === 0) changed.push(number);
    });
    missing.sort(byPlace);
    return {
      missing: { events: missing.filter((log) => 'kind' in log), dead: missing.filter((log) => 'stage' in log) },
      gone,
      changed: changed.sort((a, b) => a - b),
    };
  }

  /** Takes the endpoint out if its logs are not in the bloom filter of their block, as the follower's endpoint knows it. */
  private async requirePlausible(
    endpoint: StepEndpoint,
    number: number,
    hash: Hash,
    logs: readonly Log[],
  ): Promise<void> {
    const header = await this.pool.step((own) => own.blockByHash(hash), this.signal);
    const isIn = ({ contract }: Log): boolean => mayContain(header?.logsBloom ?? '0x', bloomBits(contract));
    if (header !== undefined && (header.number !== number || !logs.every(isIn)))
      throw endpoint.out(`it has logs of block ${number} that are not in the block`);
  }
}

/** Groups the logs of an answer by block; those of blocks that cannot be compared are left out. */
function theirBlocks(contracts: readonly ComparableContract[], { events, dead }: DecodedLogs): Map<number, TheirBlock> {
  const ranges = new Map<Address, readonly BlockRange[]>(contracts.map((each) => [each.address, each.ranges]));
  const blocks = new Map<number, TheirBlock>();
  for (const log of [...events, ...dead].sort(byPlace)) {
    const { blockNumber, blockHash } = log;
    const isComparable = ranges.get(log.contract)?.some(({ from, to }) => blockNumber >= from && blockNumber <= to);
    if (isComparable !== true) continue;
    const block = blocks.get(blockNumber) ?? { hash: blockHash, logs: [] };
    block.logs.push(log);
    blocks.set(blockNumber, block);
  }
  return blocks;
}

const byPlace = (a: Log, b: Log): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;

function isTooLarge(error: unknown): error is RpcFault {
  return error instanceof RpcFault && (error.kind === 'range_too_large' || error.kind === 'too_large');
}

async function digestInSlices(logs: readonly Log[]): Promise<string> {
  let digest = '';
  const work = digestOfLogs(logs);
  await eachInSlices(
    (function* parts() {
      digest = yield* work;
    })(),
    () => undefined,
  );
  return digest;
}
