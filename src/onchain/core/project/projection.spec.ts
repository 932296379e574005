import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NaivePoints, type ComparedState } from '../../../../test/support/oracles/naive-points.js';
import { ACCOUNTS, blockPlans, CONTRACTS, eventsOf, RULES } from '../../../../test/support/data/token-history.js';
import type { ChainEvent } from '../model/chain-event.js';
import { PointRates } from '../points/rates.js';
import { HotRows } from './hot-rows.js';
import { batchLength, keysOf, tokensIn } from './keys.js';
import { Projection } from './projection.js';
import type { BalanceRow, Interval, TokenRow } from './rows.js';
import { StreamModel } from './stream-model.js';

const model = new StreamModel('test', CONTRACTS, new PointRates(RULES));

/** Tables of the projection in memory, with what a rollback does to them. */
class Tables {
  tokens = new Map<string, TokenRow>();
  balances = new Map<string, BalanceRow>();
  intervals: Interval[] = [];
  positions = new Map<string, { base: bigint; staked: bigint; held: bigint }>();
  errors: string[] = [];
  private images: { table: 'tokens' | 'balances' | 'positions'; key: string; block: number; row: unknown }[] = [];
  private hot = new HotRows();

  project(events: readonly ChainEvent[], keepsImages: boolean): void {
    const missing = run(keysOf(model, events, this.hot));
    for (const { contract, first, count } of missing.tokens) {
      for (let at = 0n; at < count; at++) {
        this.hot.token(contract, first + at)!.row = this.tokens.get(`${contract}/${first + at}`) ?? null;
      }
    }
    for (const slot of missing.balances) {
      slot.row = this.balances.get(`${slot.contract}/${slot.account}/${slot.tokenId}`) ?? null;
    }
    const projection = new Projection(model, this.hot, keepsImages);
    for (const event of events) run(projection.apply(event));
    this.commit(projection);
  }

  private commit(projection: Projection): void {
    for (const { block, contract, tokenId, row } of projection.tokensBefore) {
      this.keep('tokens', block, `${contract}/${tokenId}`, row);
    }
    for (const { block, contract, account, tokenId, row } of projection.balancesBefore) {
      this.keep('balances', block, `${contract}/${account}/${tokenId}`, row);
    }
    for (const image of projection.positions.images) {
      const key = `${image.contract}/${image.account}`;
      const stored = this.positions.get(key);
      const { base = 0n, staked = 0n, held = 0n } = stored ?? {};
      const row = { base: base + image.base, staked: staked + image.staked, held: held + image.held };
      this.keep('positions', image.block, key, stored === undefined && !image.isPreceded ? null : row);
    }
    for (const { contract, tokenId, row } of projection.tokens) this.tokens.set(`${contract}/${tokenId}`, row!);
    for (const slot of projection.balances) {
      this.balances.set(`${slot.contract}/${slot.account}/${slot.tokenId}`, slot.row!);
    }
    for (const change of projection.positions) {
      const key = `${change.contract}/${change.account}`;
      const { base, staked, held } = this.positions.get(key) ?? { base: 0n, staked: 0n, held: 0n };
      this.positions.set(key, { base: base + change.base, staked: staked + change.staked, held: held + change.held });
    }
    this.intervals.push(...projection.intervals);
    this.errors.push(...projection.errors.map(({ event, error }) => `${event.blockNumber}:${event.logIndex} ${error}`));
  }

  private keep(table: 'tokens' | 'balances' | 'positions', block: number, key: string, row: unknown): void {
    if (this.images.some((one) => one.table === table && one.block === block && one.key === key)) return;
    this.images.push({ table, block, key, row });
  }

  rollBack(toBlock: number): void {
    const undone = this.images.filter(({ block }) => block > toBlock).sort((a, b) => b.block - a.block);
    for (const { table, key, row } of undone) {
      if (row === null) this[table].delete(key);
      else (this[table] as Map<string, unknown>).set(key, row);
    }
    this.images = this.images.filter(({ block }) => block <= toBlock);
    this.intervals = this.intervals.filter((one) => one.toBlock <= toBlock);
    this.errors = this.errors.filter((text) => Number.parseInt(text, 10) <= toBlock);
    this.hot.forget(model.ids);
  }

  numerator(account: string, at: number): bigint {
    let sum = 0n;
    for (const [key, { base, staked, held }] of this.positions) {
      const [contract, owner] = key.split('/');
      if (owner !== account) continue;
      const { rates } = model.byId(Number(contract))!;
      sum += base + staked * rates.staked.at(at) + held * rates.held.at(at);
    }
    return sum;
  }
}

function run<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

function stateOf(tables: Tables, at: number): ComparedState {
  return {
    tokens: [...tables.tokens]
      .map(([key, { owner, ownerSince, staker }]) => `${key} ${owner} ${ownerSince} ${staker}`)
      .sort(),
    balances: [...tables.balances].map(([key, { quantity }]) => `${key} ${quantity}`).sort(),
    closed: tables.intervals
      .map((one) =>
        [one.contract, one.tokenId, one.account, one.staked, one.quantity, one.from, one.fromBlock, one.fromLog]
          .concat([one.to, one.toBlock, one.toLog])
          .join(' '),
      )
      .sort(),
    open: [
      ...[...tables.tokens].flatMap(([key, row]) =>
        (row.staker ?? row.owner) === null
          ? []
          : [`${key} ${row.staker ?? row.owner} ${row.staker !== null} ${row.since} ${row.sinceBlock} ${row.sinceLog}`],
      ),
      ...[...tables.balances].flatMap(([key, row]) =>
        row.quantity === 0n ? [] : [`${key} false ${row.since} ${row.sinceBlock} ${row.sinceLog}`],
      ),
    ].sort(),
    points: ACCOUNTS.map((account) => tables.numerator(account, at)),
    errors: tables.errors,
  };
}

describe('the projection', () => {
  it('equals a naive replay, however the events are split into batches', () => {
    fc.assert(
      fc.property(blockPlans, fc.array(fc.integer({ min: 1, max: 12 })), fc.nat(2_000), (plans, cuts, later) => {
        const events = eventsOf(plans);
        const tables = new Tables();
        for (let from = 0, batch = 0; from < events.length; batch++) {
          const length = batchLength(events, from, cuts[batch] ?? 20);
          tables.project(events.slice(from, from + length), batch % 2 === 0);
          from += length;
        }
        const at = 13_000 + later;
        expect(stateOf(tables, at)).toEqual(new NaivePoints(CONTRACTS, events).state(ACCOUNTS, at, RULES, 'test'));
      }),
      { numRuns: 300 },
    );
  });

  it('goes back to any block, and on from there on another branch, as if the first had never been', () => {
    const forks = fc.array(fc.tuple(fc.nat(20), blockPlans), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(blockPlans, forks, fc.integer({ min: 1, max: 9 }), (plans, branches, cut) => {
        const tables = new Tables();
        let chain = eventsOf(plans);
        const forward = (events: readonly ChainEvent[]): void => {
          for (let from = 0; from < events.length; from += cut) tables.project(events.slice(from, from + cut), true);
        };
        forward(chain);
        branches.forEach(([depth, branch], number) => {
          const to = Math.max(0, (chain.at(-1)?.blockNumber ?? 0) - depth);
          tables.rollBack(to);
          const next = eventsOf(branch, to + 1, `b${number}`, 10_500);
          forward(next);
          chain = [...chain.filter(({ blockNumber }) => blockNumber <= to), ...next];
        });
        expect(stateOf(tables, 15_000)).toEqual(
          new NaivePoints(CONTRACTS, chain).state(ACCOUNTS, 15_000, RULES, 'test'),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('takes a large event in steps, and loads it alone', () => {
    const [event] = eventsOf([{ after: 0, transactions: [[{ ...MINT, quantity: 100_000n }, MINT]] }]);
    const hot = new HotRows();
    expect(tokensIn(event!)).toBe(100_000);
    expect(batchLength([event!, event!], 0, 20_000)).toBe(1);
    const loading = keysOf(model, [event!], hot);
    let steps = 0;
    let missing;
    for (let step = loading.next(); (missing = step.value), !step.done; step = loading.next()) steps += 1;
    expect(steps).toBeGreaterThan(500);
    expect(missing).toMatchObject({ tokens: [{ contract: 1, first: 0n, count: 100_000 }], balances: [] });
    const projection = new Projection(model, hot, false);
    expect([...projection.apply(event!)].length).toBeGreaterThan(1_000);
    expect([...projection.positions]).toMatchObject([{ held: 100_000n, base: -100_000n * 7n * 10_000n }]);
  });
});

const MINT = {
  contract: CONTRACTS[0]!.address,
  kind: 'BatchMint',
  from: null,
  to: ACCOUNTS[0]!,
  staker: null,
  startTokenId: 0n,
  quantity: 1n,
  tokenIds: null,
  quantities: null,
} as const;
