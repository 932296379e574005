import { createHash } from 'node:crypto';
import { keccak256 } from 'viem';
import type { Address, Hash } from '../../../src/onchain/core/index.js';

/** Log of a block to be mined. */
export interface LogSpec {
  readonly address: Address;
  readonly topics: readonly Hash[];
  readonly data: `0x${string}`;
  /** Name of the transaction; logs with one name share a transaction, in whatever block. Default: one of its own. */
  readonly transaction?: string;
}

export interface LogQuery {
  readonly addresses: ReadonlySet<string> | undefined;
  /** Accepted first topics. */
  readonly topics: ReadonlySet<string> | undefined;
}

export interface ChainOptions {
  readonly chainId?: number;
  /** Blocks between the head and `finalized`. */
  readonly finalityDepth?: number;
  /** Time of block 0, Unix seconds, and seconds between blocks. */
  readonly startsAt?: number;
  readonly blockSeconds?: number;
  /** Whether logs carry `blockTimestamp`, as newer nodes write it. */
  readonly hasTimestamps?: boolean;
}

const ZERO_HASH: Hash = `0x${'0'.repeat(64)}`;
const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`;
const EMPTY_FIELDS = {
  miner: ZERO_ADDRESS,
  difficulty: '0x0',
  totalDifficulty: '0x0',
  extraData: '0x',
  gasLimit: '0x0',
  baseFeePerGas: '0x0',
  mixHash: ZERO_HASH,
  nonce: '0x0000000000000000',
  receiptsRoot: ZERO_HASH,
  sha3Uncles: ZERO_HASH,
  size: '0x0',
  stateRoot: ZERO_HASH,
  transactionsRoot: ZERO_HASH,
  uncles: [],
} as const;
const EMPTY_TRANSACTION = {
  from: ZERO_ADDRESS,
  gas: '0x0',
  gasPrice: '0x0',
  input: '0x',
  nonce: '0x0',
  r: '0x1',
  s: '0x1',
  v: '0x0',
  type: '0x0',
  value: '0x0',
} as const;
const hex = (value: number): string => `0x${value.toString(16)}`;
const sha = (text: string): Hash => `0x${createHash('sha256').update(text).digest('hex')}`;
/** Written bodies that are kept, bytes: repeated reads of 1,000,000 logs must not cost a gigabyte. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024;
let keptBytes = 0;

export class MockBlock {
  readonly hash: Hash;
  private readonly addresses: ReadonlySet<string>;
  private readonly firstTopics: ReadonlySet<string>;
  private whole: Buffer | undefined;
  private bloom: string | undefined;

  constructor(
    readonly number: number,
    readonly parentHash: Hash,
    /** Unix seconds. */
    readonly at: number,
    readonly logs: readonly LogSpec[],
    salt: string,
    private readonly hasTimestamps: boolean,
  ) {
    this.hash = sha(`${number} ${parentHash} ${salt}`);
    this.addresses = new Set(logs.map(({ address }) => address));
    this.firstTopics = new Set(logs.map(({ topics }) => topics[0] ?? ''));
  }

  get logsBloom(): string {
    return (this.bloom ??= bloomOf(this.logs.flatMap(({ address, topics }) => [address, ...topics])));
  }

  /** Header as `eth_getBlockByHash` gives it; `isFull`: with the transactions of its logs, for readers that want them. */
  header(isFull = false): Record<string, unknown> {
    return {
      ...(isFull && EMPTY_FIELDS),
      number: hex(this.number),
      hash: this.hash,
      parentHash: this.parentHash,
      timestamp: hex(this.at),
      logsBloom: this.logsBloom,
      gasUsed: '0x0',
      transactions: isFull ? this.transactions() : [],
    };
  }

  private transactions(): Record<string, unknown>[] {
    return this.logs.map((log, index) => ({
      ...EMPTY_TRANSACTION,
      hash: this.transactionHash(log, index),
      transactionIndex: hex(index),
      blockHash: this.hash,
      blockNumber: hex(this.number),
      to: log.address,
    }));
  }

  /** Logs that a query matches, as JSON texts joined by commas; empty if none does. */
  logsJson(query: LogQuery): Buffer {
    if (!isWithin(this.addresses, query.addresses) || !isWithin(this.firstTopics, query.topics)) {
      const matching = this.logs.flatMap((log, index) => (matches(log, query) ? [this.logText(log, index)] : []));
      return Buffer.from(matching.join(','), 'latin1');
    }
    if (this.whole !== undefined) return this.whole;
    const whole = Buffer.from(this.logs.map((log, index) => this.logText(log, index)).join(','), 'latin1');
    keptBytes += whole.length;
    if (keptBytes < MAX_KEPT_BYTES) this.whole = whole;
    return whole;
  }

  /** Number of logs that a query matches. */
  count(query: LogQuery): number {
    return this.logs.reduce((sum, log) => sum + (matches(log, query) ? 1 : 0), 0);
  }

  /** Receipts as `eth_getBlockReceipts` gives them, one for each transaction with logs. */
  receipts(): Record<string, unknown>[] {
    const byTransaction = new Map<string, unknown[]>();
    for (const [index, log] of this.logs.entries()) {
      const parsed = JSON.parse(this.logText(log, index)) as { transactionHash: string };
      byTransaction.set(parsed.transactionHash, [...(byTransaction.get(parsed.transactionHash) ?? []), parsed]);
    }
    const place = { blockHash: this.hash, blockNumber: hex(this.number), status: '0x1' };
    return [...byTransaction].map(([transactionHash, logs]) => ({ ...place, transactionHash, logs }));
  }

  private transactionHash({ transaction }: LogSpec, index: number): Hash {
    return sha(transaction ?? `${this.hash} ${index}`);
  }

  private logText(log: LogSpec, index: number): string {
    const { address, topics, data } = log;
    const hash = this.transactionHash(log, index);
    const time = this.hasTimestamps ? `,"blockTimestamp":"${hex(this.at)}"` : '';
    const texts = topics.map((topic) => `"${topic}"`).join(',');
    return (
      `{"address":"${address}","topics":[${texts}],"data":"${data}","blockNumber":"${hex(this.number)}",` +
      `"transactionHash":"${hash}","transactionIndex":"${hex(index)}","blockHash":"${this.hash}",` +
      `"logIndex":"${hex(index)}","removed":false${time}}`
    );
  }
}

/** Chain of blocks with forks. Replaced blocks are still known by their hash, as nodes know them for a while. */
export class MockChain {
  readonly chainId: number;
  private readonly canonical: MockBlock[] = [];
  private readonly known = new Map<string, MockBlock>();
  private readonly listeners = new Set<(block: MockBlock) => void>();
  private mined = 0;

  /** Creates a chain with block 0. */
  constructor(private readonly options: ChainOptions = {}) {
    this.chainId = options.chainId ?? 31_337;
    this.mine();
  }

  get head(): number {
    return this.canonical.length - 1;
  }

  /** Newest final block if `head` is the newest block. */
  finalizedAt(head = this.head): number {
    return Math.max(0, head - (this.options.finalityDepth ?? 8));
  }

  block(number: number): MockBlock | undefined {
    return this.canonical[number];
  }

  byHash(hash: string): MockBlock | undefined {
    return this.known.get(hash);
  }

  /** Appends a block and returns it. */
  mine(logs: readonly LogSpec[] = []): MockBlock {
    const { startsAt = 1_700_000_000, blockSeconds = 1, hasTimestamps = true } = this.options;
    const number = this.canonical.length;
    const parent = this.canonical.at(-1)?.hash ?? ZERO_HASH;
    const at = startsAt + number * blockSeconds;
    const block = new MockBlock(number, parent, at, logs, String((this.mined += 1)), hasTimestamps);
    this.canonical.push(block);
    this.known.set(block.hash, block);
    for (const listener of this.listeners) listener(block);
    return block;
  }

  /** Appends empty blocks. */
  mineEmpty(count: number): void {
    for (let each = 0; each < count; each += 1) this.mine();
  }

  /** Replaces the newest `depth` blocks by others. */
  reorg(depth: number, blocks: readonly (readonly LogSpec[])[]): void {
    if (depth >= this.canonical.length) throw new Error('block 0 stays');
    this.canonical.length -= depth;
    for (const logs of blocks) this.mine(logs);
  }

  /** Forgets replaced blocks, as pruned nodes do. */
  forgetReplaced(): void {
    for (const [hash, block] of this.known) if (this.canonical[block.number] !== block) this.known.delete(hash);
  }

  /** Calls a function for each new block; returns the function that ends it. */
  onBlock(listener: (block: MockBlock) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

function isWithin(values: ReadonlySet<string>, accepted: ReadonlySet<string> | undefined): boolean {
  if (accepted === undefined) return true;
  for (const value of values) if (!accepted.has(value)) return false;
  return true;
}

function matches({ address, topics }: LogSpec, query: LogQuery): boolean {
  return (query.addresses?.has(address) ?? true) && (query.topics?.has(topics[0] ?? '') ?? true);
}

/** Bits of addresses and frequent topics, computed once. */
const bits = new Map<string, readonly number[]>();

function bloomOf(values: readonly `0x${string}`[]): string {
  const bytes = new Uint8Array(256);
  for (const value of new Set(values)) {
    let set = bits.get(value);
    if (set === undefined) {
      const hash = keccak256(value, 'bytes');
      set = [0, 2, 4].map((at) => (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2047);
      if (bits.size < 100_000) bits.set(value, set);
    }
    for (const bit of set) bytes[255 - (bit >> 3)]! |= 1 << (bit & 7);
  }
  return `0x${Buffer.from(bytes).toString('hex')}`;
}
