import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressOf, chainEvent, timeOf } from '../support/data/chain-rows.js';
import { FedChain } from '../support/data/fed-chain.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

const NFT = addressOf(0xbb);
const [ALICE, BOB, CAROL] = [addressOf(1), addressOf(2), addressOf(3)];
/** Blocks are a second apart, and a token earns a point per 100 seconds staked and half of it held. */
const RATES = { staked: 864_000_000, held: 432_000_000 };

let app: TestApp;
let key: string;
let chain: FedChain;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

async function get(path: string): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: answer.status, body: await answer.json() };
}
const points = async (account: string): Promise<Body> => (await get(`/v1/points/${account}`)).body;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  // The job of the daily calculation finds nothing to do.
  await app.db.pool.query('INSERT INTO onchain_days (day, accounts, drift) VALUES (current_date, 0, 0)');
  await app.db.pool.query(
    `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, origin)
     VALUES (0, $1, $2, '{base}', 'config'), ($3, $1::numeric * 2, $2, '{base}', 'config')`,
    [RATES.staked, RATES.held, timeOf(350)],
  );
  chain = await FedChain.add(app, 'base', [{ address: NFT, standard: 'batch', fromBlock: 1 }]);
  await chain.extend(400, 300, [
    chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 100, to: ALICE, startTokenId: 1n, quantity: 4n }),
    chainEvent({ contract: NFT, kind: 'Stake', blockNumber: 200, from: ALICE, staker: ALICE, startTokenId: 1n }),
    chainEvent({
      contract: NFT,
      kind: 'BatchTransfer',
      blockNumber: 200,
      logIndex: 1,
      from: ALICE,
      to: BOB,
      startTokenId: 2n,
      quantity: 2n,
    }),
  ]);
});
afterAll(() => app?.close());

describe('points over HTTP', () => {
  test('are those of the newest projected block, with the part that is final', async () => {
    // 4 held for 100 s, 1 held for 200 s, 1 staked for 150 s at 1 and 50 s at 2 points per 100 s.
    expect(await points(ALICE)).toEqual({
      account: ALICE,
      points: '5.5',
      pending: '2',
      final: '3.5',
      rank: 1,
      stakedTokens: '1',
      heldTokens: '1',
      as_of: { cursor: expect.stringMatching(/^\d+$/), at: '2026-01-01T00:06:40.000Z', chains: { base: 400 } },
    });
    expect(await points(BOB)).toMatchObject({ points: '2', pending: '1', final: '1', rank: 2, heldTokens: '2' });
    expect(await points(CAROL)).toMatchObject({ points: '0', pending: '0', final: '0', rank: null, stakedTokens: '0' });
  });

  test('of an account with capital letters are found, and a malformed account is refused', async () => {
    expect((await points(`0x${'0'.repeat(39)}1`)).points).toBe('5.5');
    const { status, body } = await get('/v1/points/alice');
    expect([status, body.code, body.errors[0].pointer]).toEqual([
      400,
      'invalid_request',
      expect.stringContaining('account'),
    ]);
    expect((await get(`/v1/points/${ALICE}?color=red`)).status).toBe(400);
    expect((await fetch(`${app.url}/v1/points/${ALICE}`)).status).toBe(401);
  });

  test('are ranked on the leaderboard, page by page, in the state of the account', async () => {
    const first = (await get('/v1/points/leaderboard?limit=1')).body;
    expect(first.data).toEqual([{ rank: 1, account: ALICE, points: '5.5', pending: '2', final: '3.5' }]);
    const second = (await get(`/v1/points/leaderboard?limit=1&cursor=${first.page.next_cursor}`)).body;
    expect(second.data).toMatchObject([{ rank: 2, account: BOB }]);
    expect(second.page).toEqual({ next_cursor: null, has_more: false });
    expect(second.as_of).toEqual((await points(ALICE)).as_of);
    expect((await get('/v1/points/leaderboard?chain=ethereum')).body.data).toEqual([]);
    expect((await get('/v1/points/leaderboard?chain=base')).body.data).toHaveLength(2);
  });

  test('are explained by intervals and rates whose sum is the balance', async () => {
    const { body } = await get(`/v1/points/${ALICE}/explain`);
    expect(body).toMatchObject({ account: ALICE, at: '2026-01-01T00:06:40.000Z', balance: '5.5', adjustments: [] });
    const sum = body.intervals.reduce((total: bigint, row: Body) => total + BigInt(row.numerator), 0n);
    expect(sum / 86_400_000n).toBe(5_500_000n);
    expect(body.intervals.filter((row: Body) => row.kind === 'staked')).toMatchObject([
      {
        chain: 'base',
        contract: NFT,
        tokenId: '1',
        from: '2026-01-01T00:03:20.000Z',
        to: '2026-01-01T00:05:50.000Z',
        points: '1.5',
      },
      { tokenId: '1', from: '2026-01-01T00:05:50.000Z', to: '2026-01-01T00:06:40.000Z', points: '1' },
    ]);
    const past = (await get(`/v1/points/${ALICE}/explain?at=${timeOf(150)}`)).body;
    expect(past).toMatchObject({ at: '2026-01-01T00:02:30.000Z', balance: '1' });
    const ahead = (await get(`/v1/points/${ALICE}/explain?at=2999-01-01`)).body;
    expect(ahead).toMatchObject({ at: '2026-01-01T00:06:40.000Z', balance: '5.5' });
    expect((await get(`/v1/points/${ALICE}/explain?at=yesterday`)).status).toBe(400);
    expect((await get(`/v1/points/${CAROL}/explain`)).body).toMatchObject({ balance: '0', intervals: [] });
  });

  test('of the skipped log of an account have an adjustment with its reason', async () => {
    await app.db.pool.query(
      `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail, payload,
         created_ms, resolution, skip_reason, resolved_ms)
       VALUES (1, 1, 1, 5, '\\x01', 0, 'decode', 'too_large', 'x', $1, 0, 'skipped', 'spam of the contract', $2)`,
      [JSON.stringify({ topics: [`0x${CAROL.slice(2).padStart(64, '0')}`] }), timeOf(60)],
    );
    const { body } = await get(`/v1/points/${CAROL}/explain`);
    expect(body.adjustments).toEqual([{ at: '2026-01-01T00:01:00.000Z', reason: 'spam of the contract', points: '0' }]);
    expect((await get(`/v1/points/${BOB}/explain`)).body.adjustments).toEqual([]);
  });

  test('have a history of days whose last row is the present', async () => {
    await app.db.pool.query(
      `INSERT INTO onchain_points_daily (day, account, points, earned, rank)
       VALUES ('2025-12-30', decode($1, 'hex'), 1500000, 1500000, 3), ('2025-12-31', decode($1, 'hex'), 2500000, 1000000, 2)`,
      [ALICE.slice(2)],
    );
    const days = [
      { at: '2025-12-31T00:00:00.000Z', points: '1.5', earned: '1.5', rank: 3 },
      { at: '2026-01-01T00:00:00.000Z', points: '2.5', earned: '1', rank: 2 },
    ];
    const now = { at: '2026-01-01T00:06:40.000Z', points: '5.5', earned: '3', rank: 1 };
    expect((await get(`/v1/points/${ALICE}/history`)).body.data).toEqual([...days, now]);
    expect((await get(`/v1/points/${ALICE}/history?to=2025-12-31`)).body.data).toEqual(days.slice(0, 1));
    expect((await get(`/v1/points/${ALICE}/history?from=2026-01-01`)).body.data).toEqual([days[1], now]);
    expect((await get(`/v1/points/${ALICE}/history?from=2026-01-02`)).body.data).toEqual([now]);
    expect((await get(`/v1/points/${ALICE}/history?from=soon`)).status).toBe(400);
  });

  test('have rules with versions, and a feast pool with an open epoch', async () => {
    const rules = (await get('/v1/points/rules')).body;
    expect(rules.data[0]).toEqual({
      version: 1,
      validFrom: '1970-01-01T00:00:00.000Z',
      stakedPerTokenPerDay: '1',
      heldPerTokenPerDay: '0',
      chains: [],
      contracts: [],
      origin: 'built_in',
    });
    expect(rules.data.slice(2)).toMatchObject([{ stakedPerTokenPerDay: '864' }, { stakedPerTokenPerDay: '1728' }]);
    const { epochs } = (await get('/v1/points/feast-pool')).body;
    expect(epochs).toMatchObject([{ budget: '0', state: 'open', shares: [] }]);
    expect(Date.parse(epochs[0].closesAt) - Date.parse(epochs[0].opensAt)).toBe(604_800_000);
  });

  test('of replaced blocks are taken back, and the cursor of the state changes', async () => {
    const before = await points(BOB);
    await chain.fork(350, 410, 'b', [
      chainEvent({ contract: NFT, kind: 'BatchBurn', blockNumber: 360, from: BOB, startTokenId: 2n, quantity: 2n }),
    ]);
    const after = await points(BOB);
    expect(after).toMatchObject({ points: '1.6', pending: '0.6', final: '1', heldTokens: '0' });
    expect(after.as_of.chains).toEqual({ base: 410 });
    expect(Number(after.as_of.cursor)).toBeGreaterThan(Number(before.as_of.cursor));
    expect((await get(`/v1/points/${BOB}/explain`)).body.balance).toBe('1.6');
  });

  test('follow a rule of the past at once, also in blocks that are not final, and a dry run says so before', async () => {
    const add = async (body: object, as = app.adminKey): Promise<{ status: number; body: Body }> => {
      const answer = await fetch(`${app.url}/v1/points/rules`, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: await answer.json() };
    };
    const rule = {
      validFrom: new Date(timeOf(150)).toISOString(),
      stakedPerTokenPerDay: '0',
      heldPerTokenPerDay: '864',
      chains: ['base'],
    };
    const before = (await points(ALICE)).points;
    const dry = await add({ ...rule, dryRun: true });
    expect(dry).toMatchObject({
      status: 200,
      body: { total: 2, accounts: [{ account: ALICE, before }, { account: BOB }] },
    });
    expect((await points(ALICE)).points).toBe(before);
    expect(await add(rule)).toMatchObject({
      status: 201,
      body: { version: 5, heldPerTokenPerDay: '864', origin: 'rest' },
    });
    const after = await points(ALICE);
    expect(after.points).toBe(dry.body.accounts[0].after);
    expect((await get(`/v1/points/${ALICE}/explain`)).body.balance).toBe(after.points);
    expect((await points(BOB)).points).toBe(dry.body.accounts[1].after);
    expect((await get(`/v1/points/${BOB}/explain`)).body.balance).toBe(dry.body.accounts[1].after);
    expect(Number(after.as_of.cursor)).toBeGreaterThan(0);
    expect((await add({ ...rule, validFrom: '2999-01-01T00:00:00Z' })).status).toBe(201);
    expect((await points(ALICE)).points).toBe(after.points);
    expect((await add(rule, key)).status).toBe(403);
    expect((await add({ ...rule, heldPerTokenPerDay: '-1' })).status).toBe(400);
  });
});
