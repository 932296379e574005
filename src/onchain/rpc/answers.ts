import {
  parseAddress,
  parseHash,
  parseQuantity,
  type Address,
  type BlockHeader,
  type BlockRange,
} from '../core/index.js';
import type { BlockRef, Hash, RawLog } from '../core/index.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { RpcFault } from './rpc-fault.js';

/** Logs to be read: of any of the contracts, with any of the first topics. */
export interface LogFilter {
  readonly addresses: readonly Address[];
  readonly topics: readonly Hash[];
}

/** Question about logs: of one block by its hash, or of a range. */
export type LogQuestion = { readonly filter: LogFilter } & (
  { readonly block: BlockRef } | { readonly range: BlockRange }
);

/** Unix seconds of the year 3000. */
const LATEST_SECONDS = 32_503_680_000;
const MAX_INDEX = 2 ** 31 - 1;
const MAX_TOPICS = 4;
const BLOOM = /^0x[0-9a-f]{512}$/i;
const BYTES = /^0x(?:[0-9a-f]{2})*$/i;
/** Number of logs above which they are checked in slices; one takes about 2 µs. */
const CHECKED_AT_ONCE = 2_000;

/** Reads a header; undefined if the answer is null. Throws `bad_answer` if a member is missing or malformed. */
export function readHeader(result: unknown): BlockHeader | undefined {
  if (result === null) return undefined;
  const { number, hash, parentHash, timestamp, logsBloom } = membersOf(result, 'the block');
  const seconds = parseQuantity(timestamp, LATEST_SECONDS);
  const header = { number: parseQuantity(number), hash: parseHash(hash), parentHash: parseHash(parentHash) };
  if (header.number === undefined || header.hash === undefined || header.parentHash === undefined)
    throw bad('the block has no valid number, hash or parent');
  if (seconds === undefined) throw bad('the block has no valid time');
  if (!isBloom(logsBloom)) throw bad('the block has no valid bloom filter');
  const { number: height, hash: own, parentHash: parent } = header;
  return { number: height, hash: own, parentHash: parent, at: seconds * 1_000, logsBloom };
}

/**
 * Reads the logs that answer a question, ascending by block and index. Throws `bad_answer` if one of them does not fit the
 * question, is malformed, or stands there twice.
 */
export async function readLogs(result: unknown, question: LogQuestion): Promise<RawLog[]> {
  if (!Array.isArray(result)) throw bad('the logs are no list');
  const check = new LogCheck(question);
  const entries: readonly unknown[] = result;
  if (entries.length <= CHECKED_AT_ONCE) for (const entry of entries) check.take(entry);
  else await eachInSlices(entries, (entry) => check.take(entry));
  return check.ordered();
}

/** Reads the logs of receipts that a filter accepts; others are left out. */
export async function readReceipts(result: unknown, block: BlockRef, filter: LogFilter): Promise<RawLog[]> {
  if (!Array.isArray(result)) throw bad('the receipts are no list');
  const check = new LogCheck({ block, filter });
  await eachInSlices<unknown>(result, (receipt) => {
    const { logs } = membersOf(receipt, 'the receipt');
    if (!Array.isArray(logs)) throw bad('the logs of a receipt are no list');
    for (const log of logs) if (check.isAskedFor(log)) check.take(log);
  });
  return check.ordered();
}

interface CheckedLog {
  readonly block: number;
  readonly index: number;
  readonly log: RawLog;
}

class LogCheck {
  private readonly addresses: ReadonlySet<string>;
  private readonly topics: ReadonlySet<string>;
  private readonly hashes = new Map<number, Hash>();
  private readonly range: BlockRange;
  private readonly checked: CheckedLog[] = [];
  private isOrdered = true;

  constructor(question: LogQuestion) {
    this.addresses = new Set(question.filter.addresses);
    this.topics = new Set(question.filter.topics);
    if ('range' in question) this.range = question.range;
    else {
      const { number, hash } = question.block;
      this.range = { from: number, to: number };
      this.hashes.set(number, hash);
    }
  }

  /** Whether contract and first topic are those of the filter. */
  isAskedFor(entry: unknown): boolean {
    const { address, topics } = membersOf(entry, 'the log');
    const first: unknown = Array.isArray(topics) ? topics[0] : undefined;
    return this.addresses.has(folded(address)) && this.topics.has(folded(first));
  }

  take(entry: unknown): void {
    const log = membersOf(entry, 'the log');
    const block = parseQuantity(log['blockNumber']);
    const index = parseQuantity(log['logIndex'], MAX_INDEX);
    if (block === undefined || index === undefined) throw bad('a log has no valid block number or index');
    if (block < this.range.from || block > this.range.to) throw bad('a log is of a block that was not asked for');
    const read = this.read(log, block);
    const last = this.checked.at(-1);
    if (last !== undefined && (last.block > block || (last.block === block && last.index >= index)))
      this.isOrdered = false;
    this.checked.push({ block, index, log: read });
  }

  /** Returns all logs in their order. */
  ordered(): RawLog[] {
    if (!this.isOrdered) {
      this.checked.sort((a, b) => a.block - b.block || a.index - b.index);
      const isTwice = this.checked.some(
        ({ block, index }, at) => this.checked[at - 1]?.block === block && this.checked[at - 1]?.index === index,
      );
      if (isTwice) throw bad('two logs of a block have one index');
    }
    return this.checked.map(({ log }) => log);
  }

  private read(log: Readonly<Record<string, unknown>>, block: number): RawLog {
    if (log['removed'] === true) throw bad('a log is marked as removed');
    const address = this.known(this.addresses, log['address']) ?? parseAddress(log['address']);
    if (address === undefined || !this.addresses.has(address))
      throw bad('a log is of a contract that was not asked for');
    const known = this.hashes.get(block);
    const blockHash = log['blockHash'] === known ? known : parseHash(log['blockHash']);
    // Most logs share their transaction with the log before.
    const before = this.checked.at(-1)?.log.transactionHash;
    const transactionHash = log['transactionHash'] === before ? before : parseHash(log['transactionHash']);
    if (blockHash === undefined || transactionHash === undefined) throw bad('a log has no valid hashes');
    if (known === undefined) this.hashes.set(block, blockHash);
    else if (known !== blockHash) throw bad('a log is of another block of this height');
    const { data, blockNumber, logIndex, transactionIndex, blockTimestamp } = log;
    if (parseQuantity(transactionIndex, MAX_INDEX) === undefined) throw bad('a log has no valid transaction index');
    if (typeof data !== 'string' || !BYTES.test(data)) throw bad('a log has no valid data');
    const place = {
      blockNumber: folded(blockNumber),
      logIndex: folded(logIndex),
      transactionIndex: folded(transactionIndex),
    };
    const raw = { address, topics: this.topicsOf(log), data: data.toLowerCase(), blockHash, transactionHash, ...place };
    if (blockTimestamp === undefined || blockTimestamp === null) return raw;
    if (parseQuantity(blockTimestamp, LATEST_SECONDS) === undefined) throw bad('a log has no valid time');
    return { ...raw, blockTimestamp: folded(blockTimestamp) };
  }

  private topicsOf({ topics }: Readonly<Record<string, unknown>>): string[] {
    if (!Array.isArray(topics) || topics.length > MAX_TOPICS) throw bad('a log has no valid topics');
    const read: string[] = [];
    for (const each of topics) {
      const topic = this.known(this.topics, each) ?? parseHash(each);
      if (topic === undefined) throw bad('a log has no valid topics');
      read.push(topic);
    }
    if (!this.topics.has(read[0] ?? '')) throw bad('a log has a topic that was not asked for');
    return read;
  }

  /** Returns a value of the question as it stands, which needs no further check. */
  private known(asked: ReadonlySet<string>, value: unknown): string | undefined {
    return typeof value === 'string' && asked.has(value) ? value : undefined;
  }
}

function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw bad(`${what} is no object`);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBloom(value: unknown): value is `0x${string}` {
  return typeof value === 'string' && BLOOM.test(value);
}

function folded(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : '';
}

function bad(message: string): RpcFault {
  return new RpcFault('bad_answer', message);
}
