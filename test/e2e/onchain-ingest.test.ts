import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChainRegistry } from '../../src/onchain/config/chain-registry.js';
import { ChainSetup, FinalitySetup } from '../../src/onchain/config/setup.dto.js';
import { addressOf, hashOf } from '../support/data/chain-rows.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT = addressOf(0xbb);
const [ALICE, BOB] = [addressOf(1), addressOf(2)];
/** Unix seconds of block 0: events that are older when they are read are not announced. */
const START = Math.floor(Date.now() / 1_000) - 600;

let app: TestApp;
let reader: string;
let writer: string;
let chains = 0;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

beforeAll(async () => {
  app = await createTestApp();
  [reader, writer] = await Promise.all([app.key(), app.key({ role: 'writer' })]);
});
afterAll(() => app?.close());

/** Adds a chain without endpoints; its blocks are final five blocks below the newest. */
async function addChain(endpoints: object[] = []): Promise<string> {
  const id = `fed${++chains}`;
  const setup = {
    id,
    endpoints,
    finality: Object.assign(new FinalitySetup(), { depth: 5 }),
    contracts: [{ address: NFT, standard: 'batch', fromBlock: 1 }],
  };
  await app.nest.get(ChainRegistry).putChain(Object.assign(new ChainSetup(), setup), 'config');
  return id;
}

/** Item in a shape of the source document. */
const item = (chain: string, blockNumber: number, members: object): object => ({
  chain,
  contract: NFT,
  id: 'x',
  timestamp: START + blockNumber,
  blockNumber,
  blockHash: hashOf(blockNumber),
  transactionHash: hashOf(blockNumber, 'c'),
  transactionIndex: 0,
  logIndex: '0',
  processed: false,
  ttl: 1,
  ...members,
});
const mint = (chain: string, block: number, first: number, members: object = {}): object =>
  item(chain, block, { type: 'BatchMint', startTokenId: first, quantity: '2', to: ALICE, ...members });
const stake = (chain: string, block: number, tokenId: number, members: object = {}): object =>
  item(chain, block, { type: 'Stake', tokenId, staker: ALICE, ...members });

async function post(
  items: unknown,
  { query = '', key = writer }: { query?: string; key?: string } = {},
): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}/v1/onchain/events${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(Array.isArray(items) ? { items } : items),
  });
  return { status: answer.status, body: await answer.json() };
}

async function get(path: string): Promise<Body> {
  return (await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${reader}` } })).json();
}
const owners = async (chain: string): Promise<string[]> =>
  (await get(`/v1/onchain/tokens?chain=${chain}`)).data.map(
    ({ tokenId, owner, staker }: Body) => `${tokenId} ${Number(owner)}${staker === null ? '' : ' staked'}`,
  );
const kinds = async (chain: string, filter = ''): Promise<string[]> =>
  (await get(`/v1/onchain/events?chain=${chain}${filter}`)).data.map(
    (row: Body) => `${row.blockNumber} ${row.kind} ${row.status}`,
  );

describe('events that writers post', () => {
  test('become state, events of the log and points; a repetition changes nothing', async () => {
    const chain = await addChain();
    const items = [mint(chain, 10, 1), stake(chain, 12, 1), mint(chain, 20, 7, { to: BOB })];
    const first = await post(items);
    expect(first).toMatchObject({
      status: 200,
      body: { accepted: 3, rejected: [], rejectedCount: 0, cursor: expect.any(String) },
    });
    expect((await post(items)).body).toMatchObject({ accepted: 3, rejected: [] });
    expect(await kinds(chain)).toEqual(['10 BatchMint final', '12 Stake final', '20 BatchMint pending']);
    expect(await owners(chain)).toEqual(['1 1 staked', '2 1', '7 2', '8 2']);
    expect((await get(`/v1/points/${ALICE}`)).as_of.chains[chain]).toBe(20);
    const events = await waitFor(async () => {
      const { data } = await get(`/v1/onchain/events?chain=${chain}`);
      return data.every(({ eventId }: Body) => eventId !== null) ? data : undefined;
    });
    expect(events?.every(({ processed }: Body) => processed)).toBe(true);
  });

  test('are taken as lines and compressed, and each fault rejects its own item', async () => {
    const chain = await addChain();
    const lines = [
      mint(chain, 3, 1),
      mint(chain, 4, 1, { quantity: 2 ** 53 }),
      mint(chain, 4, 1, { startTokenId: `${2n ** 256n}` }),
      mint(chain, 4, 1, { type: 'Transfer' }),
      mint(chain, 4, 1, { to: undefined }),
      mint(chain, 4, 1, { quantity: 100_001 }),
      mint(chain, 4, 1, { color: 'red' }),
      mint('nowhere', 4, 1),
      mint(chain, 4, 1, { contract: BOB }),
      mint(chain, 5, 9, { timestamp: START + 5.25 }),
      '{',
    ];
    const answer = await fetch(`${app.url}/v1/onchain/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${writer}`,
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
      },
      body: gzipSync(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')),
    });
    const body = (await answer.json()) as Body;
    expect([answer.status, body.accepted, body.rejectedCount]).toEqual([200, 2, 9]);
    expect(body.rejected.map(({ index, code }: Body) => `${index} ${code}`)).toEqual([
      '1 out_of_range',
      '2 out_of_range',
      '3 unknown_value',
      '4 required',
      '5 out_of_range',
      '6 unknown_field',
      '7 unknown_chain',
      '8 unknown_contract',
      '10 invalid_type',
    ]);
    const { data } = await get(`/v1/onchain/events?chain=${chain}&fromBlock=5`);
    expect(data).toMatchObject([{ timestamp: expect.stringMatching(/\.250Z$/) }]);
  });

  test('of another block at a known height replace that block and all later ones', async () => {
    const chain = await addChain();
    await post([mint(chain, 1, 1), mint(chain, 10, 5), stake(chain, 11, 5)]);
    const forked = await post([
      mint(chain, 10, 20, { blockHash: hashOf(10, 'b') }),
      mint(chain, 11, 30, { blockHash: hashOf(11, 'b') }),
    ]);
    expect(forked.body).toMatchObject({ accepted: 2, rejected: [] });
    expect(await kinds(chain)).toEqual(['1 BatchMint final', '10 BatchMint pending', '11 BatchMint pending']);
    expect(await kinds(chain, '&status=retracted')).toEqual(['10 BatchMint retracted', '11 Stake retracted']);
    expect(await owners(chain)).toEqual(['1 1', '2 1', '20 1', '21 1', '30 1', '31 1']);
    const reorgs = await waitFor(async () => {
      const { data } = await get(`/v1/events?types=chain_reorg&chain=${chain}`);
      return data.length > 0 ? data : undefined;
    });
    expect(reorgs).toMatchObject([{ oldHead: hashOf(11), newHead: hashOf(11, 'b'), depth: 2 }]);
    expect(reorgs?.[0].retracted).toHaveLength(2);
  });

  test('that are removed are retracted with their block, and may come again', async () => {
    const chain = await addChain();
    await post([mint(chain, 1, 1), mint(chain, 10, 5)]);
    expect((await post([mint(chain, 10, 5, { removed: true })])).body).toMatchObject({ accepted: 1, rejected: [] });
    expect(await owners(chain)).toEqual(['1 1', '2 1']);
    expect((await post([mint(chain, 10, 5, { removed: true })])).body.accepted).toBe(1);
    await post([mint(chain, 10, 5)]);
    expect(await owners(chain)).toEqual(['1 1', '2 1', '5 1', '6 1']);
  });

  test('below the projected block are projected in their place, until the block is final', async () => {
    const chain = await addChain();
    await post([mint(chain, 10, 1), stake(chain, 13, 1)]);
    expect(await owners(chain)).toEqual(['1 1 staked', '2 1']);
    const transfer = { type: 'BatchTransfer', startTokenId: 1, quantity: 1, from: ALICE, to: BOB };
    expect((await post([item(chain, 12, transfer)])).body).toMatchObject({ accepted: 1, rejected: [] });
    expect(await owners(chain)).toEqual(['1 2', '2 1']);
    expect((await get(`/v1/onchain/events?chain=${chain}&type=Stake`)).data[0].error).toBe('not_owner');
    await post([mint(chain, 30, 50)]);
    expect((await post([mint(chain, 11, 60)])).body).toMatchObject({
      accepted: 0,
      rejected: [{ index: 0, code: 'out_of_order' }],
    });
    expect((await post([mint(chain, 13, 60, { blockHash: hashOf(13, 'b') })])).body.rejected).toMatchObject([
      { code: 'out_of_order' },
    ]);
  });

  test('without a block hash wait until the block is known', async () => {
    const chain = await addChain();
    const unplaced = mint(chain, 10, 1, { blockHash: undefined, logIndex: 1 });
    expect((await post([unplaced])).body).toMatchObject({ accepted: 1, rejected: [] });
    expect(await owners(chain)).toEqual([]);
    await post([mint(chain, 10, 5)]);
    expect(await owners(chain)).toEqual(['1 1', '2 1', '5 1', '6 1']);
    await post([mint(chain, 10, 7, { blockHash: undefined, logIndex: 2 })]);
    expect(await owners(chain)).toHaveLength(6);
  });

  test('in stated ranges leave gaps that stop the projection until they are filled', async () => {
    const chain = await addChain();
    await post([mint(chain, 10, 1)], { query: '?fromBlock=1&toBlock=10' });
    expect(
      (await post([mint(chain, 25, 5), mint(chain, 35, 6)], { query: '?fromBlock=21&toBlock=30' })).body,
    ).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1, code: 'out_of_range' }],
    });
    expect((await get(`/v1/onchain/gaps?chain=${chain}`)).data).toMatchObject([
      { fromBlock: 11, toBlock: 20, reason: 'missing' },
    ]);
    expect(await owners(chain)).toEqual(['1 1', '2 1']);
    expect((await post([], { query: `?fromBlock=11&toBlock=20&chain=${chain}` })).status).toBe(200);
    expect(await owners(chain)).toEqual(['1 1', '2 1', '5 1', '6 1']);
    expect((await post([], { query: '?fromBlock=5&toBlock=4' })).status).toBe(400);
    expect((await post([], { query: '?fromBlock=5' })).body).toMatchObject({ code: 'invalid_request' });
  });

  test('of a followed chain must be in a canonical block', async () => {
    const chain = await addChain([{ url: 'http://127.0.0.1:9' }]);
    expect((await post([mint(chain, 10, 1)])).body).toMatchObject({
      accepted: 0,
      rejected: [{ code: 'unknown_block' }],
    });
  });

  test('need the role writer and a right envelope', async () => {
    expect((await post([], { key: reader })).status).toBe(403);
    expect((await post({ events: [] })).status).toBe(400);
    const answer = await fetch(`${app.url}/v1/onchain/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: 'no gzip',
    });
    expect(answer.status).toBe(400);
  });

  test('sent by many at once are all taken', async () => {
    const chain = await addChain();
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => post([mint(chain, 10 + n, n * 10)])));
    expect(answers.map(({ body }) => body.rejectedCount)).toEqual([0, 0, 0, 0, 0]);
    expect(await owners(chain)).toHaveLength(10);
  });

  test('posted again after the order to rebuild make the state anew, which then replaces the old one', async () => {
    const chain = await addChain();
    const items = [mint(chain, 10, 1), stake(chain, 12, 1), mint(chain, 20, 7, { to: BOB })];
    await post(items);
    const contract = async (): Promise<Body> => {
      const answer = await fetch(`${app.url}/v1/admin/onchain/contracts`, {
        headers: { authorization: `Bearer ${app.adminKey}` },
      });
      return ((await answer.json()) as Body).data.find((row: Body) => row.chain === chain);
    };
    const before = await contract();
    await fetch(`${app.url}/v1/admin/onchain/contracts/${before.id}/reread`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ fromBlock: 1, rebuild: true }),
    });
    expect(await contract()).toMatchObject({ id: before.id, rebuilding: true });
    // The state is wrong, which only a projection from the beginning puts right.
    await app.db.pool.query('UPDATE onchain_tokens SET staker = NULL WHERE contract = $1', [before.id]);
    expect(await owners(chain)).toEqual(['1 1', '2 1', '7 2', '8 2']);
    await post(items);
    await waitFor(async () => (await contract()).id !== before.id);
    expect(await contract()).toMatchObject({ rebuilding: false });
    expect(await owners(chain)).toEqual(['1 1 staked', '2 1', '7 2', '8 2']);
    expect(await kinds(chain)).toHaveLength(3);
  });
});
