import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChainRegistry } from '../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../src/onchain/config/setup.dto.js';
import { topic0sOf, type Address, type Hash } from '../../src/onchain/core/index.js';
import { Database } from '../../src/platform/database/database.js';
import { SecretBox } from '../../src/platform/secrets/secret-box.js';
import { MockChain, type LogSpec } from '../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../support/chain/mock-rpc.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

const KILLS = process.env['TEST_LONG'] ? 30 : 4;
/** Time within which another process follows a chain after a kill, ms. */
const TAKEOVER_MS = 2_000;
const KEY = 'a key that only tests use';
const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (value: number): Hash => `0x${value.toString(16).padStart(64, '0')}`;
const mint = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word(0), word(7), word(token)],
  data: '0x',
});

let db: TestDatabase;
let chain: MockChain;
let rpc: MockRpc;
const followers = new Map<number, ChildProcess>();

async function start(): Promise<void> {
  const main = join(import.meta.dirname, 'follower-process.mjs');
  const child = spawn(process.execPath, [main, JSON.stringify({ url: db.url, key: KEY })], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  await once(child.stdout!, 'data');
  followers.set(child.pid!, child);
}

async function kill(pid: number): Promise<void> {
  const child = followers.get(pid)!;
  followers.delete(pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

beforeAll(async () => {
  db = await createTestDatabase();
  chain = new MockChain();
  rpc = await MockRpc.start(chain);
  const database = new Database({ url: db.url, poolSize: 1 });
  const setup = Object.assign(new ChainSetup(), {
    id: 'mock',
    pollMs: 50,
    endpoints: [{ url: rpc.url }],
    contracts: [{ address: NFT, standard: 'erc721', fromBlock: 1 }],
  });
  await new ChainRegistry(database, new SecretBox([KEY])).putChain(setup, 'config');
  await database.onApplicationShutdown();
  await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all([...followers.keys()].map(kill));
  await rpc.close();
  await db.drop();
});

/** Id of the process that leads; undefined if none does. */
async function leader(): Promise<number | undefined> {
  const { rows } = await db.pool.query<{ leader: string | null }>('SELECT leader FROM onchain_chains');
  return [...followers.keys()].find((pid) => rows[0]?.leader?.includes(`:${pid}:`));
}
async function column(sql: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ value: string }>(sql);
  return rows.map(({ value }) => value);
}
const stored = (): Promise<string[]> =>
  column(`SELECT block_number || ':' || start_token_id AS value FROM onchain_logs WHERE canonical
    ORDER BY block_number, log_index`);
const owned = (): Promise<string[]> =>
  column('SELECT token_id::text AS value FROM onchain_tokens WHERE owner IS NOT NULL ORDER BY token_id');

test(`another process follows a chain within 2 s of each of ${KILLS} kills, and no block is lost or projected twice`, async () => {
  let token = 0;
  const mining = setInterval(() => {
    if (token % 9 === 8) chain.reorg(2, [[mint((token += 1))], []]);
    chain.mine([mint((token += 1))]);
  }, 40);
  for (let each = 0; each < KILLS; each += 1) {
    const before = (await stored()).length;
    await waitFor(async () => (await stored()).length > before + 3, { what: 'more logs' });
    const pid = await waitFor(leader, { what: 'a leader' });
    await kill(pid);
    const killed = performance.now();
    await waitFor(leader, { what: 'another leader' });
    expect(performance.now() - killed).toBeLessThan(TAKEOVER_MS);
    await start();
  }
  clearInterval(mining);
  const truth = Array.from({ length: chain.head }, (_, below) => chain.block(below + 1)!).flatMap(({ number, logs }) =>
    logs.map(({ topics }) => ({ log: `${number}:${Number(topics[3])}`, token: Number(topics[3]) })),
  );
  await waitFor(async () => (await stored()).at(-1) === truth.at(-1)?.log, { what: 'the last log' });
  expect(await stored()).toEqual(truth.map(({ log }) => log));
  const tokens = truth.map((each) => each.token).sort((a, b) => a - b);
  await waitFor(async () => (await owned()).length === tokens.length, { what: 'all tokens' });
  expect((await owned()).map(Number)).toEqual(tokens);
});
