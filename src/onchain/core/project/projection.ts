import type { ChainEvent } from '../model/chain-event.js';
import type { Address } from '../model/hex.js';
import type { HotRows } from './hot-rows.js';
import { TOKENS_PER_STEP } from './keys.js';
import { PositionBook } from './position-book.js';
import type { BalanceImage, BalanceRow, BalanceSlot, Interval, TokenImage, TokenRow, TokenSlot } from './rows.js';
import type { StreamModel, TokenContract } from './stream-model.js';

/** Errors of events; each but `staked_token_moved` means that the event changed nothing. */
export type EventError =
  'not_staked' | 'already_staked' | 'staked_by_other' | 'not_owner' | 'already_minted' | 'staked_token_moved';

let projections = 0;

/**
 * Projects the events of a batch, in order, on rows in memory, and collects what has changed. After an exception both are of
 * no use: the rows must be forgotten.
 */
export class Projection {
  readonly tokens: TokenSlot[] = [];
  readonly balances: BalanceSlot[] = [];
  readonly intervals: Interval[] = [];
  readonly tokensBefore: TokenImage[] = [];
  readonly balancesBefore: BalanceImage[] = [];
  readonly positions: PositionBook;
  readonly errors: { readonly event: ChainEvent; readonly error: EventError }[] = [];
  private readonly id = ++projections;
  private work = 0;

  /** `keepsImages`: whether before-images are taken, as blocks that are not final need. */
  constructor(
    private readonly model: StreamModel,
    private readonly hot: HotRows,
    private readonly keepsImages: boolean,
  ) {
    this.positions = new PositionBook(keepsImages);
  }

  /** Projects one event; yields between steps, also in the middle of a large event. */
  *apply(event: ChainEvent): Generator<void> {
    const contract = this.model.contractOf(event);
    if (contract === undefined) return;
    const error = contract.isFungible
      ? yield* this.moveAmounts(contract, event)
      : yield* this.moveTokens(contract, event);
    if (error !== undefined) this.errors.push({ event, error });
    this.positions.settle(contract, event);
  }

  private *moveTokens(contract: TokenContract, event: ChainEvent): Generator<void, EventError | undefined> {
    if (event.kind === 'Stake') return this.stake(contract, event);
    if (event.kind === 'Unstake') return this.unstake(contract, event);
    if (event.from === null && event.to === null) return undefined;
    const slots: TokenSlot[] = [];
    const count = Number(event.quantity ?? 0n);
    for (let at = 0; at < count; at++) {
      const slot = this.tokenOf(contract, event.startTokenId ?? 0n, at);
      const error = faultOf(contract, event, slot.row);
      if (error !== undefined) return error;
      slots.push(slot);
      if (++this.work % TOKENS_PER_STEP === 0) yield;
    }
    let isMoved = false;
    for (const slot of slots) {
      if (this.moveToken(contract, event, slot)) isMoved = true;
      if (++this.work % TOKENS_PER_STEP === 0) yield;
    }
    return isMoved ? 'staked_token_moved' : undefined;
  }

  /** Returns whether the move ended a stake. */
  private moveToken(contract: TokenContract, event: ChainEvent, slot: TokenSlot): boolean {
    const { row } = slot;
    if (row !== null && event.from === event.to) return false;
    const staker = row?.staker ?? null;
    const isKept =
      staker !== null &&
      row?.stakeTx === event.transactionHash &&
      event.to !== null &&
      contract.custodians.has(event.to);
    this.changeToken(contract, event, slot, event.to, isKept ? staker : null);
    return staker !== null && !isKept;
  }

  private stake(contract: TokenContract, event: ChainEvent): EventError | undefined {
    const slot = this.tokenOf(contract, event.startTokenId ?? 0n);
    const { row } = slot;
    const account = event.staker;
    if (row === null || account === null) return 'not_owner';
    if (row.staker !== null) return row.staker === account ? 'already_staked' : 'staked_by_other';
    const isOwner = row.owner === account || (row.lastTx === event.transactionHash && row.txOwner === account);
    if (!isOwner) return 'not_owner';
    this.changeToken(contract, event, slot, row.owner, account);
    return undefined;
  }

  private unstake(contract: TokenContract, event: ChainEvent): EventError | undefined {
    const slot = this.tokenOf(contract, event.startTokenId ?? 0n);
    const staker = slot.row?.staker ?? null;
    if (slot.row === null || staker === null) return 'not_staked';
    if (staker !== event.staker) return 'staked_by_other';
    this.changeToken(contract, event, slot, slot.row.owner, null);
    return undefined;
  }

  private tokenOf({ id }: TokenContract, first: bigint, after = 0): TokenSlot {
    const slot = this.hot.token(id, first, after);
    if (slot === undefined) throw new Error(`token ${first + BigInt(after)} was not loaded`);
    return slot;
  }

  /** Sets owner and staker; if somebody else earns then, or at another rate, the open interval ends and the next begins. */
  private changeToken(
    contract: TokenContract,
    event: ChainEvent,
    slot: TokenSlot,
    owner: Address | null,
    staker: Address | null,
  ): void {
    const before = slot.row;
    // A block may be older than its parent says: intervals never run backwards.
    const at = before !== null && before.since > event.at ? before.since : event.at;
    const earned = before === null ? null : (before.staker ?? before.owner);
    const earns = staker ?? owner;
    const wasStaked = before !== null && before.staker !== null;
    const isContinued = before !== null && earned === earns && wasStaked === (staker !== null);
    if (!isContinued) {
      if (earned !== null && before !== null) {
        this.positions.add(contract, event, earned, wasStaked, -1n, at);
        this.close(contract, event, before, slot.tokenId, earned, wasStaked, 1n, at);
      }
      if (earns !== null) this.positions.add(contract, event, earns, staker !== null, 1n, at);
    }
    if (this.keepsImages && slot.imagedFor !== event.blockNumber) {
      slot.imagedFor = event.blockNumber;
      this.tokensBefore.push({ block: event.blockNumber, contract: contract.id, tokenId: slot.tokenId, row: before });
    }
    if (slot.changedIn !== this.id) {
      slot.changedIn = this.id;
      this.tokens.push(slot);
    }
    const isSameTx = before !== null && before.lastTx === event.transactionHash;
    slot.row = {
      owner,
      ownerSince: before !== null && before.owner === owner ? before.ownerSince : at,
      staker,
      since: isContinued ? before.since : at,
      sinceBlock: isContinued ? before.sinceBlock : event.blockNumber,
      sinceLog: isContinued ? before.sinceLog : event.logIndex,
      txOwner: isSameTx ? before.txOwner : before === null ? event.from : before.owner,
      lastTx: event.transactionHash,
      stakeTx: staker === null ? null : wasStaked ? before.stakeTx : event.transactionHash,
    };
  }

  private *moveAmounts(contract: TokenContract, event: ChainEvent): Generator<void, EventError | undefined> {
    if (event.kind === 'Stake' || event.kind === 'Unstake') return event.kind === 'Stake' ? 'not_owner' : 'not_staked';
    const count = event.tokenIds?.length ?? 1;
    for (let at = 0; at < count; at++) {
      const tokenId = event.tokenIds?.[at] ?? event.startTokenId ?? 0n;
      const quantity = event.quantities?.[at] ?? event.quantity ?? 0n;
      if (quantity > 0n && event.from !== null) this.changeAmount(contract, event, event.from, tokenId, -quantity);
      if (quantity > 0n && event.to !== null) this.changeAmount(contract, event, event.to, tokenId, quantity);
      if (++this.work % TOKENS_PER_STEP === 0) yield;
    }
    return undefined;
  }

  /** Adds to an amount; it never gets below 0, because an account may have had tokens before the first block that is followed. */
  private changeAmount(
    contract: TokenContract,
    event: ChainEvent,
    account: Address,
    tokenId: bigint,
    by: bigint,
  ): void {
    const slot = this.hot.balance(contract.id, account, tokenId);
    if (slot === undefined) throw new Error(`balance of ${account} was not loaded`);
    const before = slot.row;
    const had = before?.quantity ?? 0n;
    const has = had + by < 0n ? 0n : had + by;
    if (has === had) return;
    const at = before !== null && before.since > event.at ? before.since : event.at;
    this.positions.add(contract, event, account, false, has - had, at);
    if (before !== null && had > 0n) this.close(contract, event, before, tokenId, account, false, had, at);
    if (this.keepsImages && slot.imagedFor !== event.blockNumber) {
      slot.imagedFor = event.blockNumber;
      this.balancesBefore.push({ block: event.blockNumber, contract: contract.id, account, tokenId, row: before });
    }
    if (slot.changedIn !== this.id) {
      slot.changedIn = this.id;
      this.balances.push(slot);
    }
    slot.row = { quantity: has, since: at, sinceBlock: event.blockNumber, sinceLog: event.logIndex };
  }

  private close(
    contract: TokenContract,
    event: ChainEvent,
    open: Pick<BalanceRow, 'since' | 'sinceBlock' | 'sinceLog'>,
    tokenId: bigint,
    account: Address,
    staked: boolean,
    quantity: bigint,
    to: number,
  ): void {
    if (to === open.since) return;
    this.intervals.push({
      contract: contract.id,
      tokenId,
      account,
      staked,
      quantity,
      from: open.since,
      fromBlock: open.sinceBlock,
      fromLog: open.sinceLog,
      to,
      toBlock: event.blockNumber,
      toLog: event.logIndex,
    });
  }
}

/** Returns why an event may not move a token; an unknown ERC-721 token is adopted, its earlier events were not read. */
function faultOf(contract: TokenContract, { from }: ChainEvent, row: TokenRow | null): EventError | undefined {
  if (from === null) return row === null || row.owner === null ? undefined : 'already_minted';
  if (row === null) return contract.standard === 'erc721' ? undefined : 'not_owner';
  return row.owner === from ? undefined : 'not_owner';
}
