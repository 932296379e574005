import type { Hash } from './hex.js';

/** Members of a block that are read. */
export interface BlockHeader {
  number: number;
  hash: Hash;
  parentHash: Hash;
  /** Time of the block, Unix milliseconds. */
  at: number;
  /** Bloom filter of the block's logs: 256 bytes as `0x` and 512 hexadecimal digits. */
  logsBloom: `0x${string}`;
}

/** Log as JSON-RPC gives it: quantities are hexadecimal text, nothing is checked yet. */
export interface RawLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly transactionHash: string;
  readonly transactionIndex: string;
  readonly logIndex: string;
  /** Unix seconds, hexadecimal; newer nodes only. */
  readonly blockTimestamp?: string;
  readonly removed?: boolean;
}
