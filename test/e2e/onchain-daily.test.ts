import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OnchainStart } from '../../src/onchain/config/onchain-start.js';
import { FeastClosing } from '../../src/onchain/points/feast-closing.js';
import { PointsAnnouncements } from '../../src/onchain/points/points-announcements.js';
import { DailyPoints } from '../../src/onchain/points/daily-points.js';
import { addressOf, chainEvent, timeOf } from '../support/data/chain-rows.js';
import { FedChain } from '../support/data/fed-chain.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT = addressOf(0xbb);
const [ALICE, BOB, CAROL] = [addressOf(1), addressOf(2), addressOf(3)];

let app: TestApp;
let key: string;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

async function call(path: string, body?: object, as = app.adminKey): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
const recalculate = (day: string): Promise<{ status: number; body: Body }> =>
  call('/v1/admin/onchain/recalculate', { day });
const days = async (account: string): Promise<string[]> =>
  (await call(`/v1/points/${account}/history?to=2026-01-03`)).body.data.map(
    ({ at, points, earned, rank }: Body) => `${at} ${points} ${earned} ${rank}`,
  );

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  await app.db.pool.query('INSERT INTO onchain_days (day, accounts, drift) VALUES (current_date, 0, 0)');
  // A token earns two points a second while it is held, and one while it is staked.
  await app.db.pool.query(
    `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, origin)
     VALUES (0, 86400000000, 172800000000, '{base}', 'config')`,
  );
  const chain = await FedChain.add(app, 'base', [{ address: NFT, standard: 'batch', fromBlock: 1 }]);
  await chain.extend(300, 300, [
    chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 1, to: ALICE, startTokenId: 1n, at: timeOf(0) - 500 }),
    chainEvent({
      contract: NFT,
      kind: 'BatchBurn',
      blockNumber: 2,
      from: ALICE,
      startTokenId: 1n,
      at: timeOf(0) + 500,
    }),
    chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 110, to: BOB, startTokenId: 2n }),
    chainEvent({
      contract: NFT,
      kind: 'Stake',
      blockNumber: 110,
      logIndex: 1,
      from: BOB,
      staker: BOB,
      startTokenId: 2n,
    }),
    chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 150, to: CAROL, startTokenId: 3n }),
    chainEvent({
      contract: NFT,
      kind: 'Stake',
      blockNumber: 150,
      logIndex: 1,
      from: CAROL,
      staker: CAROL,
      startTokenId: 3n,
    }),
  ]);
});
afterAll(() => app?.close());

describe('the daily calculation', () => {
  test('divides an interval over midnight exactly, and changes nothing when it is repeated', async () => {
    expect(await recalculate('2025-12-31')).toEqual({ status: 200, body: { accounts: 1, drift: '0' } });
    expect(await recalculate('2026-01-01')).toEqual({ status: 200, body: { accounts: 3, drift: '0' } });
    expect(await days(ALICE)).toEqual(['2026-01-01T00:00:00.000Z 1 1 1', '2026-01-02T00:00:00.000Z 2 1 3']);
    expect(await days(BOB)).toEqual(['2026-01-02T00:00:00.000Z 190 190 1']);
    const versions = async () =>
      (await app.db.pool.query('SELECT xmin::text FROM onchain_points_daily ORDER BY day, account')).rows;
    const before = await versions();
    await recalculate('2025-12-31');
    await recalculate('2026-01-01');
    expect(await versions()).toEqual(before);
  });

  test('raises an alarm if a balance is not the sum of its intervals, until it is again', async () => {
    const alarms = async () => (await app.db.pool.query('SELECT code FROM onchain_alarms')).rows;
    const move = (by: number) =>
      app.db.pool.query(`UPDATE onchain_positions SET base = base + $1 WHERE account = decode($2, 'hex')`, [
        by,
        BOB.slice(2),
      ]);
    await move(86_400_000);
    expect((await recalculate('2026-01-01')).body.drift).not.toBe('0');
    expect(await alarms()).toEqual([{ code: 'points_drift' }]);
    await move(-86_400_000);
    expect((await recalculate('2026-01-01')).body.drift).toBe('0');
    expect(await alarms()).toEqual([]);
  });

  test(
    'takes a moment for tens of thousands of accounts, and drops those that are gone',
    { timeout: 120_000 },
    async () => {
      await app.db.pool.query(
        `INSERT INTO onchain_intervals SELECT 1, 1, 1000000 + n, decode(lpad(to_hex(1000000 + n), 40, '0'), 'hex'), true, 1,
         $1::bigint, 3, 0, $1::bigint + 1, 3, 1 FROM generate_series(1, 30000) n`,
        [timeOf(3)],
      );
      expect((await recalculate('2026-01-01')).body.accounts).toBeGreaterThan(30_000);
      await app.db.pool.query('DELETE FROM onchain_intervals WHERE token_id > 1000000');
      const { accounts } = (await recalculate('2026-01-01')).body;
      const { rows } = await app.db.pool.query(
        `SELECT count(*)::int AS n FROM onchain_points_daily WHERE day = '2026-01-01'`,
      );
      expect(rows).toEqual([{ n: accounts }]);
    },
  );

  test('is for admins, and for days that have ended', async () => {
    expect((await call('/v1/admin/onchain/recalculate', { day: '2026-01-01' }, key)).status).toBe(403);
    for (const day of ['2999-01-01', '2026-02-30', 'yesterday', 7]) {
      expect((await recalculate(day as string)).body).toMatchObject({ status: 400, errors: [{ pointer: '/day' }] });
    }
  });

  test('finds the days that were missed', async () => {
    await app.db.pool.query(`UPDATE onchain_days SET day = '2026-01-02' WHERE day = current_date`);
    const missing = await app.nest.get(DailyPoints).missingDays(Date.UTC(2026, 0, 5, 12), 10);
    expect(missing).toEqual(['2026-01-03', '2026-01-04']);
    await app.db.pool.query(`UPDATE onchain_days SET day = current_date WHERE day = '2026-01-02'`);
  });
});

describe('epochs of the feast pool', () => {
  test('are shared by the time that tokens were staked in them, and pass the remainder on', async () => {
    app.nest.get(OnchainStart).feastPool = { epochSeconds: 100, budget: '10' };
    const closing = app.nest.get(FeastClosing);
    expect(await closing.close()).toBe(2);
    expect(await closing.close()).toBe(0);
    const { epochs } = (await call('/v1/points/feast-pool')).body;
    expect(epochs).toMatchObject([
      { state: 'open', budget: '10.000001', opensAt: '2026-01-01T00:05:00.000Z' },
      {
        state: 'closed',
        budget: '10.000001',
        shares: [
          { account: BOB, points: '5' },
          { account: CAROL, points: '5' },
        ],
      },
      {
        epoch: timeOf(100) / 100_000,
        opensAt: '2026-01-01T00:01:40.000Z',
        closesAt: '2026-01-01T00:03:20.000Z',
        budget: '10',
        state: 'closed',
        shares: [
          { account: BOB, points: '6.428571' },
          { account: CAROL, points: '3.571428' },
        ],
      },
    ]);
  });

  test('are listed as open while they have ended and are not final', async () => {
    await app.db.pool.query('UPDATE onchain_streams SET at_ms = at_ms + 150000');
    const { epochs } = (await call('/v1/points/feast-pool')).body;
    expect(epochs.slice(0, 3)).toMatchObject([
      { state: 'open', budget: '10', opensAt: '2026-01-01T00:06:40.000Z' },
      { state: 'open', budget: '10.000001', opensAt: '2026-01-01T00:05:00.000Z' },
      { state: 'closed' },
    ]);
    await app.db.pool.query('UPDATE onchain_streams SET at_ms = at_ms - 150000');
  });
});

describe('announcements of points', () => {
  test('name accounts that earned one percent or more, and nobody for a chain that stands still', async () => {
    expect(await app.nest.get(PointsAnnouncements).announce('accrual')).toBe(0);
    const chain = await FedChain.add(app, 'live', [{ address: NFT, standard: 'batch', fromBlock: 1 }]);
    await app.db.pool.query(
      `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, origin)
       VALUES (0, 0, 86400000000, '{live}', 'config')`,
    );
    const now = Date.now();
    await chain.extend(10, -1, [
      chainEvent({
        contract: NFT,
        kind: 'BatchMint',
        blockNumber: 5,
        to: addressOf(9),
        startTokenId: 1n,
        at: now - 100_000,
      }),
    ]);
    await app.db.pool.query('UPDATE onchain_streams SET at_ms = $1 WHERE chain = 2', [now]);
    await app.db.pool.query('UPDATE onchain_chains SET version = version + 1');
    await app.nest.get(PointsAnnouncements).announce('accrual');
    const events = await waitFor(async () => {
      const { data } = (await call('/v1/events?types=points_change&chain=live')).body;
      const own = data.filter((row: Body) => row.account === addressOf(9) && row.reason === 'accrual');
      return own.length > 0 ? own : undefined;
    });
    expect(events).toMatchObject([{ currentPoints: '100', previousPoints: expect.any(String), reason: 'accrual' }]);
    await app.db.pool.query('UPDATE onchain_streams SET at_ms = at_ms + 500 WHERE chain = 2');
    await app.db.pool.query('UPDATE onchain_chains SET version = version + 1');
    expect(await app.nest.get(PointsAnnouncements).announce('accrual')).toBe(0);
  });
});
