import type { Address } from '../model/hex.js';
import { BalanceSlot, TokenSlot } from './rows.js';

/** Rows of each kind that are kept until the next ageing; as many older ones stay until they are not used for that long. */
const MAX_YOUNG_ROWS = 50_000;

/** Largest token id that is its own key. */
const MAX_PLAIN_ID = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Key of a token id in a map. Large ids become text: a map finds bigints by their lowest 64 bits, which are the same in many
 * ids of contracts that put the creator's address into the upper ones. Small ones are computed without making a bigint.
 */
function tokenKey(first: bigint, after = 0): number | string {
  const plain = first <= MAX_PLAIN_ID ? Number(first) + after : Infinity;
  return plain <= Number.MAX_SAFE_INTEGER ? plain : (first + BigInt(after)).toString(36);
}

function balanceKey(account: Address, tokenId: bigint): string {
  return tokenId === 0n ? account : account + tokenId.toString(36);
}

/** Slots by contract and key: the recently used ones, in two generations. */
class Generations<Key, Slot> {
  private young = new Map<number, Map<Key, Slot>>();
  private old = new Map<number, Map<Key, Slot>>();
  private count = 0;

  get(contract: number, key: Key): Slot | undefined {
    const slot = this.young.get(contract)?.get(key);
    if (slot !== undefined) return slot;
    const older = this.old.get(contract)?.get(key);
    if (older !== undefined) this.set(contract, key, older);
    return older;
  }

  set(contract: number, key: Key, slot: Slot): void {
    let ofContract = this.young.get(contract);
    if (ofContract === undefined) this.young.set(contract, (ofContract = new Map<Key, Slot>()));
    ofContract.set(key, slot);
    this.count += 1;
  }

  age(): void {
    if (this.count <= MAX_YOUNG_ROWS) return;
    this.old = this.young;
    this.young = new Map();
    this.count = 0;
  }

  forget(contract: number): void {
    this.count -= this.young.get(contract)?.size ?? 0;
    this.young.delete(contract);
    this.old.delete(contract);
  }
}

/**
 * Rows of tokens and balances in memory. What is in it equals the database as of the last committed batch; it must be
 * forgotten after a failure and after every change that did not go through it.
 */
export class HotRows {
  private readonly tokens = new Generations<number | string, TokenSlot>();
  private readonly balances = new Generations<string, BalanceSlot>();

  /** Returns the place of a token: of `first`, or of the one that many ids after it. */
  token(contract: number, first: bigint, after = 0): TokenSlot | undefined {
    return this.tokens.get(contract, tokenKey(first, after));
  }

  balance(contract: number, account: Address, tokenId: bigint): BalanceSlot | undefined {
    return this.balances.get(contract, balanceKey(account, tokenId));
  }

  /** Adds a place for a token that is not here yet; its row is to be loaded. */
  addToken(contract: number, tokenId: bigint): TokenSlot {
    const slot = new TokenSlot(contract, tokenId);
    this.tokens.set(contract, tokenKey(tokenId), slot);
    return slot;
  }

  addBalance(contract: number, account: Address, tokenId: bigint): BalanceSlot {
    const slot = new BalanceSlot(contract, account, tokenId);
    this.balances.set(contract, balanceKey(account, tokenId), slot);
    return slot;
  }

  /** Drops rows that were not used lately. Only between batches: a batch expects all its rows. */
  age(): void {
    this.tokens.age();
    this.balances.age();
  }

  forget(contracts: Iterable<number>): void {
    for (const contract of contracts) {
      this.tokens.forget(contract);
      this.balances.forget(contract);
    }
  }
}
