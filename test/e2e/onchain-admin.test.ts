import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressOf, chainEvent, hashOf } from '../support/data/chain-rows.js';
import { FedChain } from '../support/data/fed-chain.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

const [NFT, STAKING, ALICE] = [addressOf(0xbb), addressOf(0xcc), addressOf(1)];

let app: TestApp;
let writer: string;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

async function call(
  method: string,
  path: string,
  body?: object,
  key = app.adminKey,
): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}
const admin = (method: string, path: string, body?: object) => call(method, `/v1/admin/onchain/${path}`, body);

beforeAll(async () => {
  app = await createTestApp();
  writer = await app.key({ role: 'writer' });
});
afterAll(() => app?.close());

describe('chains and contracts over HTTP', () => {
  test('are added by admins, once, and addresses with keys are in no answer and no audit entry', async () => {
    const body = {
      id: 'Some Chain',
      startBlock: 7,
      endpoints: [{ url: 'http://127.0.0.1:9/secret-key' }],
      contracts: [{ address: NFT, standard: 'erc721' }],
    };
    expect(await admin('POST', 'chains', body)).toEqual({ status: 201, body: { id: 'some-chain' } });
    expect(await admin('POST', 'chains', body)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const audit = await call('GET', '/v1/admin/audit?limit=5');
    expect(JSON.stringify(audit.body)).toContain('onchain_chain.create');
    expect(JSON.stringify([audit.body, (await call('GET', '/v1/onchain/status')).body])).not.toContain('secret-key');
    expect((await call('POST', '/v1/admin/onchain/chains', body, writer)).status).toBe(403);
    expect(await admin('POST', 'chains', { id: 'x', endpoints: [{ url: 'ftp://x' }] })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/endpoints/0/url' }] },
    });
  });

  test('are paused, removed in the order of their dependence, and listed', async () => {
    await admin('POST', 'chains', { id: 'two', endpoints: [], contracts: [] });
    const added = await admin('POST', 'contracts', {
      chain: 'two',
      address: STAKING,
      standard: 'batch',
      token: NFT,
      fromBlock: 3,
    });
    expect(added).toMatchObject({
      status: 201,
      body: {
        chain: 'two',
        address: STAKING,
        standard: 'batch',
        fromBlock: 3,
        token: NFT,
        paused: false,
        origin: 'rest',
        rebuilding: false,
      },
    });
    expect((await admin('POST', 'contracts', { chain: 'two', address: STAKING, standard: 'batch' })).status).toBe(409);
    expect((await admin('POST', 'contracts', { chain: 'three', address: STAKING, standard: 'batch' })).status).toBe(
      404,
    );
    const { data } = (await admin('GET', 'contracts')).body;
    const ofTwo = data.filter(({ chain }: Body) => chain === 'two');
    expect(ofTwo.map(({ address }: Body) => address).toSorted()).toEqual([NFT, STAKING]);
    const token = ofTwo.find(({ address }: Body) => address === NFT);
    expect((await admin('PATCH', `contracts/${token.id}`, { paused: true })).body).toMatchObject({ paused: true });
    expect((await admin('PATCH', `contracts/${token.id}`, { paused: 'yes' })).status).toBe(400);
    expect((await admin('DELETE', `contracts/${token.id}`)).status).toBe(409);
    expect((await admin('DELETE', `contracts/${added.body.id}`)).status).toBe(204);
    expect((await admin('DELETE', `contracts/${token.id}`)).status).toBe(204);
    expect((await admin('DELETE', `contracts/${token.id}`)).status).toBe(404);
  });

  test('that are removed take their tokens and points with them; a block range can be read again', async () => {
    const chain = await FedChain.add(app, 'three', [{ address: NFT, standard: 'batch', fromBlock: 1 }]);
    await chain.extend(20, 10, [
      chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 5, to: ALICE, startTokenId: 1n, quantity: 3n }),
    ]);
    const { data } = (await admin('GET', 'contracts')).body;
    const { id } = data.find((row: Body) => row.chain === 'three');
    expect((await admin('POST', `contracts/${id}/reread`, { fromBlock: 15 })).status).toBe(202);
    expect((await call('GET', '/v1/onchain/gaps?chain=three')).body.data).toMatchObject([
      { fromBlock: 15, toBlock: 20 },
    ]);
    expect((await admin('POST', `contracts/${id}/reread`, { fromBlock: 1, rebuild: true })).body).toMatchObject({
      rebuilding: true,
    });
    expect((await admin('POST', `contracts/${id}/reread`, { fromBlock: 1, rebuild: true })).status).toBe(409);
    expect((await call('GET', `/v1/points/${ALICE}`)).body.heldTokens).toBe('3');
    const { rows } = await app.db.pool.query('DELETE FROM onchain_contracts WHERE shadow_of IS NOT NULL RETURNING id');
    expect(rows).toHaveLength(1);
    expect((await admin('DELETE', `contracts/${id}`)).status).toBe(204);
    expect((await call('GET', `/v1/points/${ALICE}`)).body).toMatchObject({ heldTokens: '0', points: '0' });
    expect((await call('GET', '/v1/onchain/tokens?chain=three')).body.data).toEqual([]);
  });
});

describe('dead logs over HTTP', () => {
  test('stop their contract until they are retried or skipped with a reason', async () => {
    const contract = addressOf(0xdd);
    const chain = await FedChain.add(app, 'four', [{ address: contract, standard: 'erc721', fromBlock: 1 }]);
    const topics = [
      '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
      ...['0', '1', '7'].map((n) => `0x${n.padStart(64, '0')}`),
    ];
    const raw = (logIndex: number, good: boolean): object => ({
      address: contract,
      topics: good ? topics : topics.filter((_, at) => at % 2 === 0),
      data: '0x',
      blockNumber: '0x5',
      blockHash: hashOf(5),
      transactionHash: hashOf(5, 'c'),
      transactionIndex: '0x0',
      logIndex: `0x${logIndex}`,
    });
    await app.db.pool.query(
      `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail, payload, created_ms)
       SELECT c.chain, c.stream, c.id, 5, decode($2, 'hex'), n - 1, 'decode', 'topic_count', 'x', p, 0
       FROM onchain_contracts c, unnest($3::jsonb[]) WITH ORDINALITY AS r (p, n) WHERE c.address = decode($1, 'hex')`,
      [contract.slice(2), hashOf(5).slice(2), [raw(0, true), raw(1, false)].map((each) => JSON.stringify(each))],
    );
    await chain.extend(10, -1);
    const list = (await admin('GET', 'dead-logs?chain=four')).body.data;
    expect(list).toMatchObject([
      {
        chain: 'four',
        contract,
        blockNumber: 5,
        logIndex: 0,
        stage: 'decode',
        code: 'topic_count',
        payload: { logIndex: '0x0' },
      },
      { logIndex: 1 },
    ]);
    expect((await call('GET', '/v1/onchain/status')).body.data.find((row: Body) => row.chain === 'four')).toMatchObject(
      {
        projected: { number: 5 },
        reason: expect.stringContaining('block 5'),
      },
    );
    expect((await admin('POST', `dead-logs/${list[0].id}/retry`)).status).toBe(204);
    expect(await admin('POST', `dead-logs/${list[1].id}/retry`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    expect((await admin('POST', `dead-logs/${list[1].id}/skip`, { reason: ' ' })).status).toBe(400);
    expect((await admin('POST', `dead-logs/${list[1].id}/skip`, { reason: 'an old form of the event' })).status).toBe(
      204,
    );
    expect((await admin('POST', `dead-logs/${list[1].id}/skip`, { reason: 'again' })).status).toBe(404);
    await chain.extend(12, -1);
    expect((await admin('GET', 'dead-logs?chain=four')).body.data).toEqual([]);
    const { data } = (await call('GET', '/v1/onchain/tokens?chain=four')).body;
    expect(data).toMatchObject([{ contract, tokenId: '7', owner: ALICE }]);
    expect((await call('GET', `/v1/points/${ALICE}/explain`)).body.adjustments).toMatchObject([
      { reason: 'an old form of the event', points: '0' },
    ]);
  });
});
