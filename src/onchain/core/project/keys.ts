import type { ChainEvent } from '../model/chain-event.js';
import type { HotRows } from './hot-rows.js';
import type { BalanceSlot } from './rows.js';
import type { StreamModel, TokenContract } from './stream-model.js';

/** Tokens of a contract with ids in a row. */
export interface TokenRange {
  readonly contract: number;
  readonly first: bigint;
  count: number;
}

/** Rows to load before events can be projected. */
export interface MissingRows {
  readonly tokens: TokenRange[];
  readonly balances: BalanceSlot[];
}

/** Tokens between two steps: a step takes a part of a millisecond. */
export const TOKENS_PER_STEP = 128;

/** Number of rows that an event changes, at most. */
export function tokensIn({ kind, quantity, tokenIds }: ChainEvent): number {
  if (tokenIds !== null) return 2 * tokenIds.length;
  return kind.startsWith('Batch') || kind === 'ConsecutiveTransfer' ? Number(quantity ?? 0n) : 1;
}

/** Number of the first events that change `maxTokens` rows together; at least one, and one alone may change more. */
export function batchLength(events: readonly ChainEvent[], from: number, maxTokens: number): number {
  let tokens = 0;
  for (let at = from; at < events.length; at++) {
    const event = events[at];
    if (event !== undefined) tokens += tokensIn(event);
    if (tokens > maxTokens) return Math.max(1, at - from);
  }
  return events.length - from;
}

/** Adds places for all rows that the events need, and returns those that must be loaded; yields between steps. */
export function* keysOf(model: StreamModel, events: readonly ChainEvent[], hot: HotRows): Generator<void, MissingRows> {
  const missing: MissingRows = { tokens: [], balances: [] };
  let work = 0;
  for (const event of events) {
    const contract = model.contractOf(event);
    if (contract === undefined) continue;
    const count = event.tokenIds?.length ?? (contract.isFungible ? 1 : tokensIn(event));
    for (let at = 0; at < count; at++) {
      if (contract.isFungible) addBalances(missing, contract, event, at, hot);
      else addToken(missing, contract, event.startTokenId ?? 0n, at, hot);
      if (++work % TOKENS_PER_STEP === 0) yield;
    }
  }
  return missing;
}

function addToken({ tokens }: MissingRows, { id }: TokenContract, first: bigint, after: number, hot: HotRows): void {
  if (hot.token(id, first, after) !== undefined) return;
  const tokenId = first + BigInt(after);
  hot.addToken(id, tokenId);
  const last = tokens.at(-1);
  if (last !== undefined && last.contract === id && last.first + BigInt(last.count) === tokenId) last.count += 1;
  else tokens.push({ contract: id, first: tokenId, count: 1 });
}

function addBalances(missing: MissingRows, { id }: TokenContract, event: ChainEvent, at: number, hot: HotRows): void {
  const tokenId = event.tokenIds?.[at] ?? event.startTokenId ?? 0n;
  for (const account of [event.from, event.to]) {
    if (account === null || hot.balance(id, account, tokenId) !== undefined) continue;
    missing.balances.push(hot.addBalance(id, account, tokenId));
  }
}
