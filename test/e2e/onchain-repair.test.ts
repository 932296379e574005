import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topic0sOf, type Address, type Hash } from '../../src/onchain/core/index.js';
import { MockChain, type LogSpec } from '../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../support/chain/mock-rpc.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (hex: string): Hash => `0x${hex.padStart(64, '0')}`;
const mint = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word('0'), word('07'), word(token.toString(16))],
  data: '0x',
});

let app: TestApp;
let chain: MockChain;
let rpcs: MockRpc[];
let directory: string;
let writer: string;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

async function call(
  method: string,
  path: string,
  body?: object,
  key = writer,
): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
const range = (fromBlock: number, toBlock: number, name = 'mock') => ({ chain: name, fromBlock, toBlock });

beforeAll(async () => {
  chain = new MockChain({ finalityDepth: 8, startsAt: Math.floor(Date.now() / 1_000) - 120 });
  for (let block = 1; block <= 40; block += 1) chain.mine([mint(block)]);
  rpcs = await Promise.all([MockRpc.start(chain), MockRpc.start(chain)]);
  directory = await mkdtemp(join(tmpdir(), 'onchain-'));
  const contracts = [{ address: NFT, standard: 'erc721', fromBlock: 1 }];
  const endpoints = rpcs.map(({ url, wsUrl }) => ({ url, ws: wsUrl }));
  const chains = [
    { id: 'mock', pollMs: 200, forkDepth: 32, endpoints, contracts },
    { id: 'fed', endpoints: [], contracts },
  ];
  await writeFile(join(directory, 'chains.yaml'), JSON.stringify({ chains }));
  app = await createTestApp({ settings: { ONCHAIN_CONFIG: join(directory, 'chains.yaml') } });
  writer = await app.key({ role: 'writer' });
  await tokens(40);
  await waitFor(async () => (await app.db.pool.query('SELECT FROM onchain_checks')).rows.length === 2, {
    what: 'the first checks',
  });
});
afterAll(async () => {
  await app.close();
  await Promise.all(rpcs.map((rpc) => rpc.close()));
  await rm(directory, { recursive: true });
});

const tokens = (count: number) =>
  waitFor(
    async () => {
      const { rows } = await app.db.pool.query(
        `SELECT FROM onchain_tokens t JOIN onchain_contracts c ON c.id = t.contract AND c.shadow_of IS NULL`,
      );
      return rows.length === count;
    },
    { what: `${count} tokens` },
  );

describe('ranges of blocks over HTTP', () => {
  it('are verified by digests, and logs that are missing are stored', async () => {
    const equal = await call('POST', '/v1/onchain/verify', range(1, 50));
    expect(equal).toEqual({
      status: 200,
      body: {
        ranges: [
          { from: 1, to: 40, ours: expect.stringMatching(/^[0-9a-f]{64}$/), theirs: expect.any(String), equal: true },
        ],
        differences: 0,
        healed: 0,
      },
    });
    const [{ ours, theirs }] = equal.body.ranges;
    expect(ours).toBe(theirs);
    await app.db.pool.query('DELETE FROM onchain_logs WHERE block_number IN (4, 5)');
    const { body } = await call('POST', '/v1/onchain/verify', range(1, 40));
    expect(body).toMatchObject({ ranges: [{ equal: false, theirs }], differences: 2, healed: 2 });
    await waitFor(
      async () => (await app.db.pool.query('SELECT FROM onchain_contracts WHERE shadow_of > 0')).rows.length === 0,
      {
        what: 'the end of the rebuild',
      },
    );
    await tokens(40);
    expect((await call('POST', '/v1/onchain/verify', range(1, 40))).body.ranges).toMatchObject([
      { equal: true, theirs },
    ]);
  });

  it('are read again in the background, and the answer says how far', async () => {
    await app.db.pool.query('DELETE FROM onchain_logs WHERE block_number = 7');
    const { status, body } = await call('POST', '/v1/onchain/replay', range(3, 10));
    expect([status, body]).toMatchObject([
      202,
      { chain: 'mock', fromBlock: 3, toBlock: 10, state: 'running', healed: 0 },
    ]);
    const done = await waitFor(
      async () => {
        const answer = await call('GET', `/v1/onchain/replay/${body.id}`);
        return answer.body.state === 'done' ? answer.body : undefined;
      },
      { what: 'the end of the replay' },
    );
    expect(done).toMatchObject({ nextBlock: 11, healed: 1, reason: null });
    await tokens(40);
  });

  it('are read again when a writer posts an event of them that is not stored', async () => {
    await app.db.pool.query('DELETE FROM onchain_logs WHERE block_number = 9');
    const block = chain.block(9)!;
    const [log] = JSON.parse(`[${block.logsJson({ addresses: undefined, topics: undefined }).toString()}]`) as Body[];
    const item = {
      chain: 'mock',
      contract: NFT,
      type: 'BatchMint',
      blockNumber: 9,
      blockHash: block.hash,
      transactionHash: log.transactionHash,
      logIndex: 0,
      timestamp: block.at,
      to: `0x${'7'.padStart(40, '0')}`,
      startTokenId: '9',
      quantity: 1,
    };
    expect(await call('POST', '/v1/onchain/events', { items: [item] })).toMatchObject({
      status: 200,
      body: { accepted: 1, rejected: [] },
    });
    await tokens(40);
  });

  it('are refused with a reason: too long, above the newest block, of a chain that writers feed, by readers', async () => {
    const verify = (body: object, key?: string) => call('POST', '/v1/onchain/verify', body, key);
    expect(await verify(range(5, 4))).toMatchObject({ status: 400, body: { errors: [{ pointer: '/toBlock' }] } });
    expect(await verify(range(41, 50))).toMatchObject({ status: 400, body: { errors: [{ pointer: '/fromBlock' }] } });
    expect(await verify(range(0, 1, 'none'))).toMatchObject({ status: 404, body: { detail: 'chain none not found' } });
    expect(await verify(range(0, 1, 'fed'))).toMatchObject({ status: 409 });
    expect((await verify(range(1, 2), await app.key())).status).toBe(403);
    expect((await call('GET', '/v1/onchain/replay/999999')).status).toBe(404);
    await app.db.pool.query(`UPDATE onchain_chains SET head_number = 20000 WHERE name = 'mock'`);
    expect(await verify(range(1, 20_000))).toMatchObject({ status: 422, body: { code: 'limit_exceeded' } });
    await app.db.pool.query(`UPDATE onchain_chains SET head_number = 40 WHERE name = 'mock'`);
  });
});

describe('a chain that a deep fork stopped', () => {
  it('is rewound by an admin, who sees first what is undone; the retracted events are named and the new branch is followed', async () => {
    const rewind = (body: object, key = app.adminKey, name = 'mock') =>
      call('POST', `/v1/admin/onchain/chains/${name}/rewind`, body, key);
    expect((await rewind({ toBlock: 25 })).status).toBe(400);
    expect((await rewind({ toBlock: 25, dryRun: true, confirm: true })).status).toBe(400);
    expect((await rewind({ toBlock: 25, confirm: true }, writer)).status).toBe(403);
    expect(await rewind({ toBlock: 25, confirm: true })).toMatchObject({ status: 409 });
    expect((await rewind({ toBlock: 25, dryRun: true }, app.adminKey, 'none')).status).toBe(404);
    for (let token = 41; token <= 44; token += 1) chain.mine([mint(token)]);
    await tokens(44);
    chain.reorg(
      14,
      Array.from({ length: 16 }, (_, at) => [mint(100 + at)]),
    );
    const state = async (): Promise<Body> => {
      const { body } = await call('GET', '/v1/onchain/status');
      return body.data.find((row: Body) => row.chain === 'mock');
    };
    await waitFor(async () => (await state()).state === 'stopped', { what: 'the stop' });
    expect((await state()).reason).toContain('rewind the chain to go on');
    const effect = { status: 200, body: { blocks: 14, events: 14, accounts: 1 } };
    expect(await rewind({ toBlock: 30, dryRun: true })).toEqual(effect);
    expect(await rewind({ toBlock: 30, confirm: true })).toEqual(effect);
    await waitFor(async () => (await state()).state === 'following', { what: 'the new branch' });
    await tokens(46);
    const { rows } = await app.db.pool.query<{ retracted: string[] }>(
      `SELECT data -> 'retracted' AS retracted FROM event_log WHERE type = 'chain_reorg' AND chain = 'mock'`,
    );
    expect(rows.map(({ retracted }) => retracted.length)).toEqual([14]);
    const audit = await call('GET', '/v1/admin/audit?limit=5', undefined, app.adminKey);
    expect(JSON.stringify(audit.body)).toContain('onchain_chain.rewind');
    const { rows: alarms } = await app.db.pool.query(`SELECT code FROM onchain_alarms WHERE code = 'deep_reorg'`);
    expect(alarms).toEqual([]);
  });
});
