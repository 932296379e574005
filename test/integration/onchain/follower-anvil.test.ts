import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChainRegistry } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import type { Address } from '../../../src/onchain/core/index.js';
import { ChainFollower } from '../../../src/onchain/follower/chain-follower.js';
import { EndpointPool } from '../../../src/onchain/rpc/endpoint-pool.js';
import { acquireLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore } from '../../../src/onchain/store/chain-store.js';
import { Database } from '../../../src/platform/database/database.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { startAnvil, type Anvil } from '../../support/chain/anvil.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

let anvil: Anvil;
let nft: Address;
let db: TestDatabase;
let database: Database;
let pool: EndpointPool;
let follower: ChainFollower;
const depths: number[] = [];

beforeAll(async () => {
  [anvil, db] = await Promise.all([startAnvil(), createTestDatabase()]);
  nft = await anvil.deploy('PointsNft');
  database = new Database({ url: db.url, poolSize: 4 });
  const registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
  const endpoints = [{ url: anvil.url }];
  const contracts = [{ address: nft, standard: 'batch' as const, fromBlock: 0 }];
  const setup = Object.assign(new ChainSetup(), { id: 'anvil', chainId: 31_337, endpoints, contracts });
  const id = await registry.putChain(setup, 'config');
  const [chain] = await registry.chains();
  pool = new EndpointPool({ chainId: 31_337, forkDepth: 128, endpoints });
  const done = (): Promise<void> => Promise.resolve();
  const listener = {
    stored: done,
    alarm: done,
    reorganising: (_chain: unknown, _lease: unknown, { depth }: { depth: number }) => {
      depths.push(depth);
      return Promise.resolve({ rollBack: done, announce: done });
    },
  };
  const lease = await acquireLease(database, id, 'one');
  const parts = { database, store: new ChainStore(database), pool, listener, maxBatchQuantity: 100_000 };
  follower = new ChainFollower(chain!, lease!, parts, new AbortController().signal);
});
afterAll(async () => {
  await Promise.all([pool.close(), database.onApplicationShutdown(), anvil.close()]);
  await db.drop();
});

async function settle(): Promise<void> {
  while (await follower.run());
}
async function stored(): Promise<string[]> {
  const { rows } = await db.pool.query<{ id: string }>(
    `SELECT '0x' || encode(block_hash, 'hex') || ':' || log_index || ':0x' || encode(transaction_hash, 'hex') AS id
     FROM onchain_logs WHERE canonical ORDER BY block_number, log_index`,
  );
  return rows.map(({ id }) => id);
}
const truth = async (): Promise<string[]> =>
  (await anvil.logs()).map((log) => `${log.blockHash}:${Number(log.logIndex)}:${log.transactionHash}`);

it('a follower of a real chain stores what its node has, also after transactions moved to other blocks', async () => {
  const [, owner] = anvil.accounts;
  for (let token = 0; token < 60; token += 10) await anvil.send('PointsNft', nft, 'mint', owner, token, 10);
  await settle();
  expect(await stored()).toEqual(await truth());
  const staked = await anvil.send('PointsNft', nft, 'stake', owner, 1);
  const moved = await anvil.send('PointsNft', nft, 'transfer', owner, owner, 0, 5);
  await settle();
  const before = await stored();
  await anvil.reorg(2, [
    { hash: moved, block: 0 },
    { hash: staked, block: 1 },
  ]);
  await anvil.mine();
  await settle();
  const after = await stored();
  expect(after).toEqual(await truth());
  expect(depths).toEqual([2]);
  expect(after.filter((log) => log.endsWith(moved))).not.toEqual(before.filter((log) => log.endsWith(moved)));
});
