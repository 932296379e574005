import type { ClientBase } from 'pg';
import { eachInSlices } from '../../platform/loop/slices.js';

/** Interval in which an account staked or held tokens: contract, account without `0x`, staked, quantity, start, end or null. */
export type IntervalRow = [
  contract: number,
  account: string,
  staked: boolean,
  quantity: string,
  from: number,
  to: number | null,
];

const PAGE_ROWS = 5_000;

const ALL = `SELECT contract, encode(account, 'hex'), staked, quantity::text, from_ms, to_ms FROM onchain_intervals
  UNION ALL SELECT contract, encode(staker, 'hex'), true, '1', since_ms, NULL FROM onchain_tokens WHERE staker IS NOT NULL
  UNION ALL SELECT contract, encode(owner, 'hex'), false, '1', since_ms, NULL FROM onchain_tokens
    WHERE owner IS NOT NULL AND staker IS NULL
  UNION ALL SELECT contract, encode(account, 'hex'), false, quantity::text, since_ms, NULL FROM onchain_balances WHERE quantity > 0`;

/** Gives every interval of every account, those that go on too, in no order, in slices of a few milliseconds. */
export async function eachIntervalOfAll(tx: ClientBase, take: (row: IntervalRow) => void): Promise<void> {
  await tx.query(`DECLARE all_intervals NO SCROLL CURSOR FOR ${ALL}`);
  for (;;) {
    const { rows } = await tx.query<IntervalRow>({ text: `FETCH ${PAGE_ROWS} FROM all_intervals`, rowMode: 'array' });
    await eachInSlices(rows, take);
    if (rows.length < PAGE_ROWS) break;
  }
  await tx.query('CLOSE all_intervals');
}

/** Sums by account and a second key. */
export class Sums {
  readonly byAccount = new Map<string, Map<number, bigint>>();

  add(account: string, key: number, amount: bigint): void {
    let sums = this.byAccount.get(account);
    if (sums === undefined) this.byAccount.set(account, (sums = new Map()));
    sums.set(key, (sums.get(key) ?? 0n) + amount);
  }
}
