import type { EventKind } from './event-forms.js';
import type { Address, Hash } from './hex.js';

/** Returns the name of an event of a chain: the same in its pending and its final row. */
export function onchainId(chain: string, blockHash: Hash, logIndex: number): string {
  return `${chain}:${blockHash}:${logIndex}`;
}

/** Decoded log of a watched contract. Its identity is (chain, blockHash, logIndex). */
export interface ChainEvent {
  contract: Address;
  kind: EventKind;
  blockNumber: number;
  blockHash: Hash;
  transactionHash: Hash;
  transactionIndex: number;
  logIndex: number;
  /** Time of the block, Unix milliseconds. */
  at: number;
  /** Null for a mint. The account of `Stake` and `Unstake`. */
  from: Address | null;
  /** Null for a burn, `Stake` and `Unstake`. */
  to: Address | null;
  /** Account of `Stake` and `Unstake`, else null. */
  staker: Address | null;
  /** First token; 0 for ERC-20; null for `TransferBatch`. */
  startTokenId: bigint | null;
  /** Number of tokens from `startTokenId` on, or the amount in ERC-1155 and ERC-20; null for `TransferBatch`. */
  quantity: bigint | null;
  /** Ids of `TransferBatch`, else null. */
  tokenIds: readonly bigint[] | null;
  /** Amounts of `TransferBatch`, as many as `tokenIds`, else null. */
  quantities: readonly bigint[] | null;
}
