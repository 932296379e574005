import type { BlockHeader, BlockRange, Hash, RawLog } from '../core/index.js';
import type { LogFilter } from '../rpc/answers.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import type { DecodedLogs, Watch } from './watch.js';

/** Blocks that are read at the same time. */
const PARALLEL = 6;

/** Ways to check an answer that has fewer logs than it may have. */
export interface Checks {
  /** Reads the logs of a block from another endpoint; undefined if there is none. */
  other(block: BlockHeader, filter: LogFilter): Promise<readonly RawLog[] | undefined>;
  /** Notes that an endpoint left out logs. */
  omitted(block: BlockHeader, logs: number): void;
}

export interface BlockLogs extends DecodedLogs {
  /** Number of blocks that may have more logs, which neither receipts nor another endpoint could tell. */
  readonly unchecked: number;
}

/** Does work for each item, a few at a time; results are in the order of the items. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [at, item] of waiting) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, lane));
  return results;
}

/**
 * Reads the logs of new blocks by their hashes. An answer with fewer logs than the bloom filter suggests is compared with the
 * receipts, else with another endpoint; one that left out logs ends the step and takes the endpoint out of use.
 */
export async function readBlocks(
  endpoint: StepEndpoint,
  blocks: readonly BlockHeader[],
  watch: Watch,
  checks: Checks,
): Promise<BlockLogs> {
  let unchecked = 0;
  const answers = await inParallel(blocks, async (block) => {
    const { logs } = await endpoint.logsByHash(block, watch.filter);
    if (!watch.empty.isSuspicious(block, logs)) return logs;
    const truth =
      (await endpoint.receiptsLogs(block, watch.filter)) ??
      (await checks.other(block, watch.filter).catch(() => undefined));
    if (truth === undefined) unchecked += 1;
    else if (truth.length > logs.length) {
      checks.omitted(block, truth.length - logs.length);
      throw endpoint.out(`it left out ${truth.length - logs.length} logs of block ${block.number}`);
    }
    return logs;
  });
  const times = new Map(blocks.map(({ number, at }) => [number, at]));
  return { ...watch.decoded(answers.flat(), (block) => times.get(block)), unchecked };
}

/** Times of blocks that were read lately, by hash: several ranges may end in one block. */
const MAX_TIMES = 5_000;

/** Reads the logs of a range of final blocks, and the times of the blocks whose logs do not carry them. */
export class RangeReader {
  private readonly times = new Map<Hash, number>();

  async read(
    endpoint: StepEndpoint,
    range: BlockRange,
    watch: Watch,
  ): Promise<DecodedLogs & { readonly bytes: number }> {
    await endpoint.requireBlock(range.to);
    const { logs, bytes } = await endpoint.logsByRange(range, watch.filter);
    const untimed = new Map<number, Hash>();
    for (const log of logs) {
      if (log.blockTimestamp === undefined) untimed.set(Number(log.blockNumber), `0x${log.blockHash.slice(2)}`);
    }
    const byNumber = new Map<number, number>();
    await inParallel([...untimed], async ([number, hash]) => {
      byNumber.set(number, this.times.get(hash) ?? (await this.readTime(endpoint, number, hash)));
    });
    return { ...watch.decoded(logs, (block) => byNumber.get(block)), bytes };
  }

  private async readTime(endpoint: StepEndpoint, number: number, hash: Hash): Promise<number> {
    const header = await endpoint.blockByNumber(number);
    if (header?.hash !== hash) throw new RpcFault('bad_answer', 'logs and block of one height disagree');
    if (this.times.size >= MAX_TIMES) this.times.clear();
    this.times.set(hash, header.at);
    return header.at;
  }
}
