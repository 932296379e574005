import type { ChainEvent } from '../model/chain-event.js';
import type { EventKind } from '../model/event-forms.js';
import type { Address } from '../model/hex.js';
import type { TokenContract } from './stream-model.js';

/** Amounts that a batch adds to the points of an account in a contract: base + staked * Rs(t) + held * Rh(t). */
export interface PositionChange {
  readonly contract: number;
  readonly account: Address;
  base: bigint;
  staked: bigint;
  held: bigint;
  /** Block of the newest change. */
  block: number;
  /** Kind of the event that changed it last. */
  kind: EventKind;
}

/**
 * Before-image of a position in a block: the stored row plus what earlier blocks of the same batch added. `isPreceded`: an
 * earlier block of the batch created or changed the row.
 */
export interface PositionImage {
  readonly block: number;
  readonly contract: number;
  readonly account: Address;
  readonly base: bigint;
  readonly staked: bigint;
  readonly held: bigint;
  readonly isPreceded: boolean;
}

/** Equal changes that follow each other, such as those of the tokens of one batch event. */
interface Run {
  account: Address;
  staked: boolean;
  at: number;
  count: bigint;
}

/** Sums of the changes that a batch makes to positions: positions are additive, so that none need be loaded. */
export class PositionBook {
  readonly images: PositionImage[] = [];
  private readonly byContract = new Map<number, Map<Address, PositionChange>>();
  private leaving: Run | undefined;
  private joining: Run | undefined;

  constructor(private readonly keepsImages: boolean) {}

  /** Adds tokens to an account, or takes them away (`count` below zero), at a time. `settle` must follow. */
  add(contract: TokenContract, event: ChainEvent, account: Address, staked: boolean, count: bigint, at: number): void {
    const isLeaving = count < 0n;
    const run = isLeaving ? this.leaving : this.joining;
    if (run !== undefined && run.at === at && run.staked === staked && run.account === account) {
      run.count += count;
      return;
    }
    if (run !== undefined) this.apply(contract, event, run);
    const next = { account, staked, at, count };
    if (isLeaving) this.leaving = next;
    else this.joining = next;
  }

  /** Ends an event. */
  settle(contract: TokenContract, event: ChainEvent): void {
    if (this.leaving !== undefined) this.apply(contract, event, this.leaving);
    if (this.joining !== undefined) this.apply(contract, event, this.joining);
    this.leaving = this.joining = undefined;
  }

  *[Symbol.iterator](): Generator<PositionChange> {
    for (const changes of this.byContract.values()) yield* changes.values();
  }

  private apply(
    { id, rates }: TokenContract,
    { blockNumber, kind }: ChainEvent,
    { account, staked, at, count }: Run,
  ): void {
    let ofContract = this.byContract.get(id);
    if (ofContract === undefined) this.byContract.set(id, (ofContract = new Map()));
    let change = ofContract.get(account);
    if (change === undefined) {
      change = { contract: id, account, base: 0n, staked: 0n, held: 0n, block: -1, kind };
      ofContract.set(account, change);
    }
    if (this.keepsImages && change.block !== blockNumber) {
      const { contract, base, staked, held, block } = change;
      this.images.push({ block: blockNumber, contract, account, base, staked, held, isPreceded: block >= 0 });
    }
    change.base -= count * rates.of(staked).at(at);
    if (staked) change.staked += count;
    else change.held += count;
    change.block = blockNumber;
    change.kind = kind;
  }
}
