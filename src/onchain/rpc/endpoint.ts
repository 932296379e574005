import { RpcFault, shownUrl } from './rpc-fault.js';
import {
  parseQuantity,
  type BlockHeader,
  type BlockRange,
  type BlockRef,
  type Hash,
  type RawLog,
} from '../core/index.js';
import { readHeader, readLogs, readReceipts, type LogFilter } from './answers.js';
import { RpcWire, type WireAnswer, type WireCall, type WireOptions } from './rpc-wire.js';

/** Largest answer about a range, bytes; a larger one means: ask for half of the blocks. */
const MAX_RANGE_BYTES = 2 * 1024 * 1024;
/** Largest answer about one block, bytes. */
const MAX_BLOCK_BYTES = 10 * 1024 * 1024;
const MAX_CHAIN_ID_BYTES = 64 * 1024;

/** Kinds of calls, as they are counted. */
export type CallKind = 'chain_id' | 'head' | 'finalized' | 'block' | 'logs' | 'receipts';

export interface LogsAnswer {
  /** Ascending by block and index. */
  readonly logs: RawLog[];
  /** Size of the answer, bytes. */
  readonly bytes: number;
}

export interface EndpointOptions extends WireOptions {
  /** Called before each call. */
  readonly counted?: (kind: CallKind) => void;
}

/**
 * One JSON-RPC endpoint of a chain. Answers are checked against their question; everything that goes wrong is an `RpcFault`, and
 * nothing is repeated.
 */
export class Endpoint {
  /** Address without path, query and password. */
  readonly shownUrl: string;
  private readonly wire: RpcWire;
  private readonly counted: (kind: CallKind) => void;

  constructor(address: string, { counted = () => undefined, ...options }: EndpointOptions = {}) {
    this.shownUrl = shownUrl(address);
    this.wire = new RpcWire(address, options);
    this.counted = counted;
  }

  async chainId(signal?: AbortSignal): Promise<number> {
    const call = { method: 'eth_chainId', params: [], maxBytes: MAX_CHAIN_ID_BYTES, signal };
    const id = parseQuantity((await this.call('chain_id', call)).result);
    if (id === undefined) throw new RpcFault('bad_answer', 'the chain id is no number');
    return id;
  }

  /** Returns the newest block. */
  async latest(signal?: AbortSignal): Promise<BlockHeader> {
    const head = await this.block('head', 'eth_getBlockByNumber', 'latest', signal);
    if (head === undefined) throw new RpcFault('bad_answer', 'the endpoint has no newest block');
    return head;
  }

  /** Returns the newest final block; undefined if the endpoint does not know the tag or no block is final. */
  async finalized(tag: 'finalized' | 'safe' = 'finalized', signal?: AbortSignal): Promise<BlockHeader | undefined> {
    try {
      return await this.block('finalized', 'eth_getBlockByNumber', tag, signal);
    } catch (error) {
      if (error instanceof RpcFault && error.kind === 'bad_answer' && error.details.rpcCode !== undefined)
        return undefined;
      throw error;
    }
  }

  /** Returns the canonical block of a height; undefined if the endpoint has none. */
  async blockByNumber(number: number, signal?: AbortSignal): Promise<BlockHeader | undefined> {
    const header = await this.block('block', 'eth_getBlockByNumber', quantity(number), signal);
    if (header !== undefined && header.number !== number)
      throw new RpcFault('bad_answer', 'the block has another number');
    return header;
  }

  /** Returns a block; undefined if the endpoint does not know it. */
  async blockByHash(hash: Hash, signal?: AbortSignal): Promise<BlockHeader | undefined> {
    const header = await this.block('block', 'eth_getBlockByHash', hash, signal);
    if (header !== undefined && header.hash !== hash) throw new RpcFault('bad_answer', 'the block has another hash');
    return header;
  }

  /** Reads the logs of one block. */
  async logsByHash(block: BlockRef, filter: LogFilter, signal?: AbortSignal): Promise<LogsAnswer> {
    const params = [{ blockHash: block.hash, ...filterOf(filter) }];
    const call = { method: 'eth_getLogs', params, maxBytes: MAX_BLOCK_BYTES, signal };
    const { result, bytes } = await this.call('logs', call);
    return { logs: await readLogs(result, { block, filter }), bytes };
  }

  /** Reads the logs of a range; a range of one block may have an answer as large as that of a block. */
  async logsByRange(range: BlockRange, filter: LogFilter, signal?: AbortSignal): Promise<LogsAnswer> {
    const { from, to } = range;
    const params = [{ fromBlock: quantity(from), toBlock: quantity(to), ...filterOf(filter) }];
    const maxBytes = from === to ? MAX_BLOCK_BYTES : MAX_RANGE_BYTES;
    const { result, bytes } = await this.call('logs', {
      method: 'eth_getLogs',
      params,
      maxBytes,
      asked: range,
      signal,
    });
    return { logs: await readLogs(result, { range, filter }), bytes };
  }

  /** Reads the logs of one block from its receipts; undefined if the endpoint does not offer receipts of blocks. */
  async receiptsLogs(block: BlockRef, filter: LogFilter, signal?: AbortSignal): Promise<RawLog[] | undefined> {
    const call = { method: 'eth_getBlockReceipts', params: [block.hash], maxBytes: MAX_BLOCK_BYTES, signal };
    try {
      const { result } = await this.call('receipts', call);
      return result === null ? undefined : await readReceipts(result, block, filter);
    } catch (error) {
      if (error instanceof RpcFault && error.details.rpcCode === METHOD_NOT_FOUND) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.wire.close();
  }

  private async block(
    kind: CallKind,
    method: string,
    which: string,
    signal?: AbortSignal,
  ): Promise<BlockHeader | undefined> {
    const { result } = await this.call(kind, { method, params: [which, false], maxBytes: MAX_BLOCK_BYTES, signal });
    return readHeader(result);
  }

  private call(kind: CallKind, call: WireCall): Promise<WireAnswer> {
    this.counted(kind);
    return this.wire.call(call);
  }
}

const METHOD_NOT_FOUND = -32_601;

function quantity(number: number): string {
  return `0x${number.toString(16)}`;
}

function filterOf({ addresses, topics }: LogFilter): {
  address: readonly string[];
  topics: readonly (readonly string[])[];
} {
  return { address: addresses, topics: [topics] };
}
