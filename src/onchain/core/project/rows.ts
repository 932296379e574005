import type { Address, Hash } from '../model/hex.js';

/** Token of a collection. The interval that is open earns for the staker, or for the owner if the token is not staked. */
export interface TokenRow {
  /** Null after a burn. */
  readonly owner: Address | null;
  readonly ownerSince: number;
  readonly staker: Address | null;
  /** Start of the open interval: time in Unix milliseconds, block and log index. */
  readonly since: number;
  readonly sinceBlock: number;
  readonly sinceLog: number;
  /** Owner at the start of `lastTx`, the last transaction that moved or staked the token. */
  readonly txOwner: Address | null;
  readonly lastTx: Hash | null;
  /** Transaction that staked the token, while it is staked. */
  readonly stakeTx: Hash | null;
}

/** Amount of a token that an account has; each change closes an interval and opens the next one. */
export interface BalanceRow {
  readonly quantity: bigint;
  readonly since: number;
  readonly sinceBlock: number;
  readonly sinceLog: number;
}

/** Closed interval in which an account held or staked a token or an amount of it; never of length zero. */
export interface Interval {
  readonly contract: number;
  readonly tokenId: bigint;
  readonly account: Address;
  readonly staked: boolean;
  readonly quantity: bigint;
  readonly from: number;
  readonly fromBlock: number;
  readonly fromLog: number;
  readonly to: number;
  readonly toBlock: number;
  readonly toLog: number;
}

/** Row before the first change of a block; `row` is null if the block created it. */
export interface TokenImage {
  readonly block: number;
  readonly contract: number;
  readonly tokenId: bigint;
  readonly row: TokenRow | null;
}

/** As TokenImage, of a balance. */
export interface BalanceImage {
  readonly block: number;
  readonly contract: number;
  readonly account: Address;
  readonly tokenId: bigint;
  readonly row: BalanceRow | null;
}

/** Place of a token in memory; `row` is null if no event has named the token yet. Rows are replaced, never changed. */
export class TokenSlot {
  row: TokenRow | null = null;
  /** Whether the table has the row. */
  isStored = false;
  /** Projection that changed the row last, and block whose before-image is taken. */
  changedIn = 0;
  imagedFor = -1;

  constructor(
    readonly contract: number,
    readonly tokenId: bigint,
  ) {}
}

/** As TokenSlot, of a balance. */
export class BalanceSlot {
  row: BalanceRow | null = null;
  changedIn = 0;
  imagedFor = -1;

  constructor(
    readonly contract: number,
    readonly account: Address,
    readonly tokenId: bigint,
  ) {}
}
