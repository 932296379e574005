import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topic0sOf, type Address, type Hash } from '../../src/onchain/core/index.js';
import { MockChain, type LogSpec } from '../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../support/chain/mock-rpc.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const OWNER: Address = `0x${'07'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (hex: string): Hash => `0x${hex.padStart(64, '0')}`;
const mint = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word('0'), word(OWNER.slice(2)), word(token.toString(16))],
  data: '0x',
});

let app: TestApp;
let chain: MockChain;
let rpc: MockRpc;
let directory: string;

beforeAll(async () => {
  chain = new MockChain({ finalityDepth: 8, startsAt: Math.floor(Date.now() / 1_000) - 60 });
  for (let block = 1; block <= 20; block += 1) chain.mine([mint(block)]);
  rpc = await MockRpc.start(chain);
  directory = await mkdtemp(join(tmpdir(), 'onchain-'));
  const config = {
    chains: [
      {
        id: 'mock',
        chainId: 31_337,
        pollMs: 1_000,
        endpoints: [{ url: `${rpc.url}/SECRET`, ws: rpc.wsUrl }],
        contracts: [{ address: NFT, standard: 'erc721', fromBlock: 1 }],
      },
    ],
  };
  await writeFile(join(directory, 'chains.yaml'), JSON.stringify(config));
  app = await createTestApp({ settings: { ONCHAIN_CONFIG: join(directory, 'chains.yaml') } });
});
afterAll(async () => {
  await app.close();
  await rpc.close();
  await rm(directory, { recursive: true });
});

const tokens = async (): Promise<number[]> => {
  const { rows } = await app.db.pool.query<{ id: string }>(
    'SELECT token_id AS id FROM onchain_tokens ORDER BY token_id',
  );
  return rows.map(({ id }) => Number(id));
};
const owned = (count: number) => waitFor(async () => (await tokens()).length === count, { what: `${count} tokens` });

describe('a followed chain', () => {
  it('is read, projected and published, and its status names the endpoint without its path', async () => {
    await owned(20);
    const status = await waitFor(
      async () => {
        const { rows } = await app.db.pool.query<{ endpoints: { url: string; state: string }[]; state: string }>(
          'SELECT f.endpoints, h.state FROM onchain_followers f JOIN onchain_chains h ON h.id = f.chain',
        );
        return rows[0]?.state === 'following' ? rows[0] : undefined;
      },
      { what: 'a report' },
    );
    expect(status.endpoints).toEqual([{ url: rpc.url, state: 'in_use', height: 20 }]);
  });

  it('stores a new block at once when the endpoint announces it', async () => {
    await waitFor(() => rpc.watchers > 0, { what: 'the subscription' });
    chain.mine([mint(21)]);
    await owned(21);
    expect(await tokens()).toContain(21);
  });

  it('retracts the events of replaced blocks by their ids, and takes the state back', async () => {
    const key = await app.key();
    const before = await waitFor(
      async () => {
        const address = `${app.url}/v1/onchain/events?fromBlock=20`;
        const answer = await fetch(address, { headers: { authorization: `Bearer ${key}` } });
        const { data } = (await answer.json()) as { data: { eventId: string | null }[] };
        return data.length === 2 && data.every(({ eventId }) => eventId !== null) ? data : undefined;
      },
      { what: 'the events of the last blocks' },
    );
    chain.reorg(2, [[], [mint(40)], [mint(41)]]);
    await waitFor(async () => (await tokens()).includes(41), { what: 'the new branch' });
    expect(await tokens()).toEqual([...Array.from({ length: 19 }, (_, at) => at + 1), 40, 41]);
    const reorg = await waitFor(
      async () => {
        const { rows } = await app.db.pool.query<{ data: object }>(
          `SELECT data FROM event_log WHERE type = 'chain_reorg'`,
        );
        return rows[0]?.data;
      },
      { what: 'the announcement' },
    );
    expect(reorg).toMatchObject({
      chain: 'mock',
      depth: 2,
      retracted: before.map(({ eventId }) => eventId).reverse(),
      part: 1,
      parts: 1,
    });
  });

  it('stores blocks together that come faster than it may flush', async () => {
    const { rows: before } = await app.db.pool.query<{ head: string }>(
      'SELECT max(block_number) AS head FROM onchain_logs',
    );
    const count = (await tokens()).length;
    for (let token = 101; token <= 112; token += 1) {
      chain.mine([mint(token)]);
      await setTimeout(40);
    }
    await owned(count + 12);
    const { rows } = await app.db.pool.query<{ blocks: number; flushes: number }>(
      `SELECT count(DISTINCT block_number)::int AS blocks, count(DISTINCT stored_at)::int AS flushes FROM onchain_logs
       WHERE block_number > $1 AND canonical`,
      [before[0]?.head],
    );
    expect(rows[0]?.blocks).toBe(12);
    // Twelve blocks in half a second, and a flush every quarter of a second.
    expect(rows[0]?.flushes).toBeLessThan(7);
  });
});
