import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatPoints, type Address, type ChainEvent } from '../../../src/onchain/core/index.js';
import { PointsReads } from '../../../src/onchain/points/points-reads.js';
import { StandingsKeeper } from '../../../src/onchain/points/standings.js';
import { ACCOUNTS, blockPlans, CONTRACTS, RULES } from '../../support/data/token-history.js';
import { NaivePoints } from '../../support/oracles/naive-points.js';
import { projectionFixture, type ProjectionFixture } from '../onchain/projection-fixture.js';
import type { Row } from './naive-query.js';
import { queryParts, type QueryParts } from './query-parts.js';

const DAY_MS = 86_400_000n;

let fixture: ProjectionFixture;
let parts: QueryParts;

beforeAll(async () => {
  fixture = await projectionFixture();
  parts = await queryParts({}, fixture.test);
});
afterAll(async () => {
  await parts.close();
});

/** Stores and projects a history, with all blocks up to a share of it final; returns the events and the times. */
async function stored(plans: Parameters<ProjectionFixture['batchOf']>[0], finalShare: number) {
  await fixture.restart();
  const batch = fixture.batchOf(plans, 1, 'a', 10_000);
  const head = batch.head!;
  const final = Math.round(head.number * finalShare);
  // Times of blocks may go back; that of a position is the highest up to it.
  const timeOf = (position: number): number | null => {
    const times = batch.blocks.flatMap(({ number, at }) => (number <= position ? [at] : []));
    return times.length === 0 ? null : Math.max(...times);
  };
  const finalAt = timeOf(final);
  await fixture.database.query('UPDATE onchain_chains SET final_number = $1, final_ms = $2', [final, finalAt]);
  await fixture.store.flush(fixture.lease, batch);
  await fixture.project(final);
  await fixture.project(head.number);
  return { events: batch.events, at: timeOf(head.number)!, final, finalAt };
}

/** Points of each account in micro-points, by the naive replay of the events. */
function naivePoints(events: readonly ChainEvent[], at: number | null): bigint[] {
  if (at === null) return ACCOUNTS.map(() => 0n);
  const { points } = new NaivePoints(CONTRACTS, events).state(ACCOUNTS, at, RULES, 'test');
  return points.map((numerator) => numerator / DAY_MS);
}

const textsOf = (list: readonly bigint[] | null) => (list === null ? null : list.map(String));

function naiveRow(chain: ChainEvent, final: number): Row {
  const { blockHash, logIndex, blockNumber } = chain;
  return {
    onchain_id: `test:${blockHash}:${logIndex}`,
    chain: 'test',
    contract: chain.contract,
    kind: chain.kind,
    block_number: blockNumber,
    block_hash: blockHash,
    transaction_hash: chain.transactionHash,
    log_index: logIndex,
    timestamp: new Date(chain.at).toISOString(),
    from: chain.from,
    to: chain.to,
    staker: chain.staker,
    start_token_id: chain.startTokenId === null ? null : String(chain.startTokenId),
    quantity: chain.quantity === null ? null : String(chain.quantity),
    token_ids: textsOf(chain.tokenIds),
    quantities: textsOf(chain.quantities),
    status: blockNumber <= final ? 'final' : 'pending',
  };
}

describe('the dataset points', () => {
  it('has the points of a naive replay, pending and final, for any history', async () => {
    await fc.assert(
      fc.asyncProperty(blockPlans, fc.double({ min: 0, max: 1, noNaN: true }), async (plans, share) => {
        const { events, at, final, finalAt } = await stored(plans, share);
        const rows = await parts.all({ dataset: 'points', limit: 2 });
        const now = naivePoints(events, at);
        const settled = naivePoints(
          events.filter(({ blockNumber }) => blockNumber <= final),
          finalAt,
        );
        for (const row of rows) {
          const place = ACCOUNTS.findIndex((account) => account === row['account']);
          const [points = 0n, sure = 0n] = [now[place], settled[place]];
          expect([row['points'], row['pending'], row['final']]).toEqual(
            [points, points - sure, sure].map(formatPoints),
          );
        }
        const shown = new Set(rows.map(({ account }) => account));
        expect(ACCOUNTS.filter((account, place) => !shown.has(account) && now[place] !== 0n)).toEqual([]);
        expect(rows.map(({ rank }) => rank)).toEqual(rows.map((_, place) => place + 1));
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 200 : 15 },
    );
  }, 120_000);

  it('agrees with the leaderboard at one cursor, also in its ranks and staked tokens', async () => {
    const [plans] = fc.sample(blockPlans, { numRuns: 1, seed: 7 });
    await stored(plans!, 0.5);
    const { rows, state } = await parts.run({ dataset: 'points' });
    const reads = new PointsReads(fixture.database, new StandingsKeeper(fixture.database), fixture.clock);
    const board = await reads.leaderboard({ limit: 100, cursor: undefined, chain: undefined });
    const accounts = await Promise.all(board.data.map(({ account }) => reads.account(account as Address)));
    expect(rows.length).toBeGreaterThan(0);
    expect(state).toEqual(board.as_of);
    expect(rows.slice()).toEqual(
      board.data.map(({ rank, account, points, pending, final }, place) => ({
        rank,
        account,
        points,
        pending,
        final,
        staked_tokens: accounts[place]?.stakedTokens,
      })),
    );
  });

  it('adds, compares and sorts numbers beyond 2^53 exactly', async () => {
    await fixture.restart();
    const huge = 10n ** 40n + 1n;
    await fixture.database.query('UPDATE onchain_streams SET at_ms = 0');
    for (const [account, staked, base] of [
      ['aa', huge, 0n],
      ['bb', 2n, 10n ** 40n * 1_000_000n * DAY_MS],
      ['cc', 1n, 9n * 1_000_000n * DAY_MS + DAY_MS],
    ] as const) {
      await fixture.database.query('INSERT INTO onchain_positions VALUES ($1, 1, $2, $3, 0)', [
        `\\x${account.repeat(20)}`,
        String(base),
        String(staked),
      ]);
    }
    const accountOf = (name: string): string => `0x${name.repeat(20)}`;
    const ask = async (body: object) => (await parts.run({ dataset: 'points', ...body })).rows.slice();
    const field = 'staked_tokens';
    expect(await ask({ aggregations: [{ field, operation: 'sum' }] })).toEqual([
      { sum_staked_tokens: String(huge + 3n) },
    ]);
    expect(
      await ask({
        aggregations: [
          { field: 'points', operation: 'max', group_by: 'account', as: 'most' },
          { field: 'points', operation: 'count_distinct', group_by: 'account', as: 'n' },
        ],
        having: { field: 'most', op: 'gte', value: '9.000001' },
      }),
    ).toEqual([
      { account: accountOf('bb'), most: String(10n ** 40n), n: 1 },
      { account: accountOf('cc'), most: '9.000001', n: 1 },
    ]);
    const accounts = async (where: object, sort?: object) =>
      (await ask({ where, sort })).map(({ account }) => String(account).slice(2, 4));
    expect(await accounts({ field, op: 'eq', value: String(huge) })).toEqual(['aa']);
    expect(await accounts({ field, op: 'gt', value: String(huge - 2n) })).toEqual(['aa']);
    expect(await accounts({ field, op: 'between', value: [1, '10'] })).toEqual(['bb', 'cc']);
    expect(await accounts({ field, op: 'gte', value: 1 }, { field, order: 'desc' })).toEqual(['aa', 'bb', 'cc']);
    expect(await accounts({ field: 'account', op: 'in', value: [accountOf('CC')] })).toEqual(['cc']);
    expect(await accounts({ field: 'points', op: 'lt', value: 9.000001 })).toEqual(['aa']);
  });

  it('refuses a number that JSON has rounded, and texts that are no numbers', () => {
    const field = 'points';
    for (const value of [2 ** 53, '1e3', 'NaN', '0x10', '', '1.', ' 1', null, true]) {
      expect(() => parts.run({ dataset: 'points', where: { field, op: 'gt', value } })).toThrow('decimal text');
    }
    expect(() => parts.run({ dataset: 'points', time: { from: 'now-1d' } })).toThrow('has no history');
  });
});

describe('the dataset onchain', () => {
  it('has all events with the members of onchain_event, page by page', async () => {
    await fc.assert(
      fc.asyncProperty(blockPlans, fc.double({ min: 0, max: 1, noNaN: true }), async (plans, share) => {
        const { events, final } = await stored(plans, share);
        const expected = events.map((event) => naiveRow(event, final));
        const byPlace = (a: Row, b: Row) =>
          Number(a['block_number']) - Number(b['block_number']) || Number(a['log_index']) - Number(b['log_index']);
        const rows = await parts.all({ dataset: 'onchain', limit: 7 });
        expect([...rows].sort(byPlace)).toEqual([...expected].sort(byPlace));
        const times = rows.map(({ timestamp }) => String(timestamp));
        expect(times).toEqual([...times].sort().reverse());
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 200 : 12 },
    );
  }, 120_000);

  it('selects by time of the block, counts by kind and adds quantities exactly', async () => {
    const [plans] = fc.sample(blockPlans, { numRuns: 1, seed: 11 });
    const { events } = await stored(plans!, 1);
    const [from, to] = [events[0]!.at + 1, events.at(-1)!.at];
    const inside = events.filter(({ at }) => at >= from && at < to);
    const kinds = [...new Set(inside.map(({ kind }) => kind))].sort();
    const rows = await parts.all({
      dataset: 'onchain',
      time: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
      aggregations: [
        { operation: 'count', group_by: 'kind' },
        { operation: 'sum', field: 'quantity', group_by: 'kind' },
      ],
      sort: { field: 'kind' },
    });
    expect(inside.length).toBeGreaterThan(0);
    expect(rows).toEqual(
      kinds.map((kind) => {
        const some = inside.filter((event) => event.kind === kind);
        const sized = some.flatMap(({ quantity }) => quantity ?? []);
        const sum = sized.length === 0 ? null : String(sized.reduce((total, quantity) => total + quantity, 0n));
        return { kind, count: some.length, sum_quantity: sum };
      }),
    );
  });

  it('shows retracted events only to a query that asks for their status', async () => {
    const [plans] = fc.sample(blockPlans, { numRuns: 1, seed: 11 });
    const { events } = await stored(plans!, 0);
    await fixture.database.query('UPDATE onchain_logs SET canonical = false WHERE log_index = 0');
    const count = async (where?: object) => {
      const [row] = (
        await parts.run({ dataset: 'onchain', where, aggregations: [{ operation: 'count' }] })
      ).rows.slice();
      return row?.['count'];
    };
    const retracted = events.filter(({ logIndex }) => logIndex === 0).length;
    expect(retracted).toBeGreaterThan(0);
    expect(await count()).toBe(events.length - retracted);
    expect(await count({ field: 'status', op: 'eq', value: 'retracted' })).toBe(retracted);
  });
});
