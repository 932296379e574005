import type { BlockHeader, RawLog } from '../model/block.js';
import type { Address, Hash } from '../model/hex.js';
import { bloomBits, mayContain, type BloomBits } from './bloom.js';

/** Logs that are read of every block: of each contract, those with one of its first topics. */
export interface WatchedLogs {
  readonly addresses: readonly Address[];
  readonly topics: readonly Hash[];
}

/**
 * Tells whether an answer has fewer logs than the bloom filter of its block suggests. The answer may still be right: a filter
 * errs towards yes, the more so the fuller the block; it is then checked by the receipts or by another endpoint.
 */
export class EmptyAnswers {
  private readonly addresses: ReadonlyMap<string, BloomBits>;
  private readonly topics: readonly BloomBits[];

  constructor({ addresses, topics }: WatchedLogs) {
    this.addresses = new Map(addresses.map((address) => [address, bloomBits(address)]));
    this.topics = topics.map((topic) => bloomBits(topic));
  }

  /** Whether a watched contract may have a log in the block although the answer has none of it. */
  isSuspicious({ logsBloom }: BlockHeader, logs: readonly RawLog[]): boolean {
    if (!this.topics.some((bits) => mayContain(logsBloom, bits))) return false;
    const found = new Set(logs.map(({ address }) => address));
    for (const [address, bits] of this.addresses) {
      if (!found.has(address) && mayContain(logsBloom, bits)) return true;
    }
    return false;
  }
}
