import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainRegistry, type WatchedChain } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import { topic0sOf, type Address, type Hash } from '../../../src/onchain/core/index.js';
import { ChainFollower } from '../../../src/onchain/follower/chain-follower.js';
import type { FollowerListener, Reorganisation } from '../../../src/onchain/follower/listener.js';
import { EndpointPool } from '../../../src/onchain/rpc/endpoint-pool.js';
import { acquireLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore } from '../../../src/onchain/store/chain-store.js';
import { Database } from '../../../src/platform/database/database.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { MockChain, type LogSpec } from '../../support/chain/mock-rpc-chain.js';
import { FAULTS } from '../../support/chain/mock-rpc-faults.js';
import { MockRpc } from '../../support/chain/mock-rpc.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (value: number): Hash => `0x${value.toString(16).padStart(64, '0')}`;
const transfer = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word(0), word(7), word(token)],
  data: '0x',
  transaction: `transfer ${token}`,
});

let db: TestDatabase;
let database: Database;
let chain: MockChain;
let first: MockRpc;
let second: MockRpc;
let pool: EndpointPool;
let follower: ChainFollower;
let watched: WatchedChain;
let reorgs: Reorganisation[];
let alarms: string[];
const stop = new AbortController();

beforeEach(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 4 });
  chain = new MockChain({ finalityDepth: 8 });
  [first, second] = await Promise.all([MockRpc.start(chain), MockRpc.start(chain)]);
  reorgs = [];
  alarms = [];
});
afterEach(async () => {
  await pool.close();
  await Promise.all([first.close(), second.close(), database.onApplicationShutdown()]);
  await db.drop();
});

async function open(setup: Partial<ChainSetup> = {}, rpcs: readonly MockRpc[] = [first]): Promise<void> {
  const registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
  const endpoints = rpcs.map(({ url }) => ({ url }));
  const contracts = [{ address: NFT, standard: 'erc721' as const, fromBlock: 1 }];
  await registry.putChain(
    Object.assign(new ChainSetup(), { id: 'mock', chainId: 31_337, endpoints, contracts, forkDepth: 16, ...setup }),
    'config',
  );
  [watched] = (await registry.chains()) as [WatchedChain];
  pool = new EndpointPool(
    { chainId: 31_337, forkDepth: watched.forkDepth, endpoints: watched.endpoints },
    { retryMs: 1, attempts: 3 },
  );
  await restart();
}

async function restart(): Promise<void> {
  const lease = await acquireLease(database, watched.id, 'one');
  const listener: FollowerListener = {
    stored: () => Promise.resolve(),
    reorganising: (_chain, _lease, reorg) => {
      reorgs.push(reorg);
      return Promise.resolve({ rollBack: () => Promise.resolve(), announce: () => Promise.resolve() });
    },
    alarm: (_chain, code) => Promise.resolve(void alarms.push(code)),
  };
  const store = new ChainStore(database);
  follower = new ChainFollower(
    watched,
    lease!,
    { database, store, pool, listener, maxBatchQuantity: 100_000 },
    stop.signal,
  );
}

/** Runs the follower until nothing is left to do. */
async function settle(): Promise<void> {
  for (let run = 0; run < 200; run += 1) if (!(await follower.run())) return;
  throw new Error('the follower does not come to rest');
}

/** Canonical logs as `block:token`. */
async function stored(): Promise<string[]> {
  const { rows } = await db.pool.query<{ log: string }>(
    `SELECT block_number || ':' || start_token_id AS log FROM onchain_logs WHERE canonical ORDER BY block_number, log_index`,
  );
  return rows.map(({ log }) => log);
}
/** Logs that a clean reading of the chain would store. */
function truth(): string[] {
  const logs: string[] = [];
  for (let number = 1; number <= chain.head; number += 1)
    for (const { topics } of chain.block(number)!.logs) logs.push(`${number}:${Number(topics[3])}`);
  return logs;
}
async function row(): Promise<{ state: string; reason: string | null; final: number; covered: string }> {
  const { rows } = await db.pool.query(
    `SELECT h.state, h.reason, h.final_number::int AS final, c.covered::text FROM onchain_chains h JOIN onchain_contracts c ON c.chain = h.id`,
  );
  return rows[0] as { state: string; reason: string | null; final: number; covered: string };
}

describe('a follower', () => {
  it('reads final blocks by ranges, new ones by their hashes, and every block once', async () => {
    for (let block = 1; block <= 40; block += 1) chain.mine(block % 3 === 0 ? [transfer(block)] : []);
    await open();
    await settle();
    expect(await stored()).toEqual(truth());
    expect(await row()).toEqual({ state: 'following', reason: null, final: 32, covered: '{[1,41)}' });
    expect(first.calls['eth_getLogs']).toBe(9);
  });

  it('needs three calls for a block, empty or not, and one look while there is none', async () => {
    chain.mineEmpty(20);
    await open();
    await settle();
    for (const logs of [[], [transfer(1)]]) {
      const before = { ...pool.calls };
      chain.mine(logs);
      await settle();
      const calls = Object.entries(pool.calls).reduce((sum, [kind, n]) => sum + n - before[kind as 'head'], 0);
      expect(calls).toBe(3);
    }
    expect(await stored()).toEqual(['22:1']);
  });

  it.each([1, 5, 8])('replaces %i blocks by those of a new branch, with a transaction that moved', async (depth) => {
    chain.mineEmpty(20);
    for (let block = 0; block < 8; block += 1) chain.mine([transfer(block), transfer(100 + block)]);
    await open();
    await settle();
    chain.reorg(depth, [[], ...Array.from({ length: depth }, (_, block) => [transfer(200 + block), transfer(7)])]);
    await settle();
    expect(await stored()).toEqual(truth());
    expect(reorgs.map((reorg) => reorg.depth)).toEqual([depth]);
    const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM onchain_logs WHERE NOT canonical');
    expect(rows).toEqual([{ n: depth * 2 }]);
  });

  it('replaces 64 blocks at once', async () => {
    chain = new MockChain({ finalityDepth: 100 });
    for (let block = 1; block <= 120; block += 1) chain.mine([transfer(block)]);
    await first.close();
    first = await MockRpc.start(chain);
    await open({ forkDepth: 64 });
    await settle();
    chain.reorg(
      64,
      Array.from({ length: 65 }, (_, block) => [transfer(1_000 + block)]),
    );
    await settle();
    expect(await stored()).toEqual(truth());
    expect(reorgs.map((reorg) => reorg.depth)).toEqual([64]);
  });

  it('follows a reorganisation inside another one, and one back to the first branch', async () => {
    chain.mineEmpty(20);
    for (let block = 0; block < 6; block += 1) chain.mine([transfer(block)]);
    await open();
    await settle();
    for (const [depth, token] of [
      [3, 30],
      [5, 50],
      [1, 10],
      [4, 40],
    ] as const) {
      chain.reorg(
        depth,
        Array.from({ length: depth }, (_, block) => [transfer(token + block)]),
      );
      await settle();
      expect(await stored()).toEqual(truth());
    }
    expect(reorgs).toHaveLength(4);
  });

  it('replaces stored blocks that became final on another branch while it was away', async () => {
    chain.mineEmpty(20);
    for (let block = 0; block < 6; block += 1) chain.mine([transfer(block)]);
    await open();
    await settle();
    chain.reorg(4, [[transfer(50)], [], [transfer(51)], []]);
    for (let block = 0; block < 30; block += 1) chain.mine([transfer(60 + block)]);
    await restart();
    await settle();
    expect(await stored()).toEqual(truth());
    expect(await row()).toMatchObject({ state: 'following', final: 48, covered: '{[1,57)}' });
  });

  it('reaches a head that is far above the final block in steps, reading each header once', async () => {
    chain = new MockChain({ finalityDepth: 200 });
    for (let block = 1; block <= 240; block += 1) chain.mine(block % 50 === 0 ? [transfer(block)] : []);
    await first.close();
    first = await MockRpc.start(chain);
    await open();
    await settle();
    expect(await stored()).toEqual(truth());
    const headers = (first.calls['eth_getBlockByNumber'] ?? 0) + (first.calls['eth_getBlockByHash'] ?? 0);
    expect(headers).toBeLessThan(230);
  });

  it('stops at a fork below the final block and says why, and goes no further', async () => {
    chain.mineEmpty(30);
    await open();
    await settle();
    chain.reorg(
      12,
      Array.from({ length: 14 }, () => []),
    );
    await settle();
    expect((await row()).state).toBe('stopped');
    expect((await row()).reason).toContain('below the final block');
    expect(alarms).toEqual(['deep_reorg']);
    const calls = { ...first.calls };
    await settle();
    expect(first.calls).toEqual(calls);
  });

  it('takes an endpoint out, and does not stop, if another one still has the stored blocks', async () => {
    chain.mineEmpty(30);
    await open({}, [second, first]);
    await settle();
    const forked = new MockChain({ finalityDepth: 8 });
    forked.mineEmpty(20);
    forked.reorg(
      19,
      Array.from({ length: 30 }, () => []),
    );
    const wrong = await MockRpc.start(forked);
    await pool.close();
    pool = new EndpointPool(
      { chainId: 31_337, forkDepth: 16, endpoints: [{ url: wrong.url }, { url: first.url }] },
      { retryMs: 1 },
    );
    await restart();
    chain.mine([transfer(5)]);
    await settle();
    expect(await stored()).toEqual(['31:5']);
    expect((await row()).state).toBe('following');
    expect(pool.status().map(({ state }) => state)).toEqual(['out', 'in_use']);
    await wrong.close();
  });

  it('finds logs that an endpoint leaves out of a new block, by the receipts, and reads them from another', async () => {
    chain.mineEmpty(20);
    await open({}, [first, second]);
    await settle();
    first.plan(FAULTS.omitLogs(), { method: 'eth_getLogs' });
    chain.mine([transfer(1), transfer(2)]);
    await settle();
    expect(await stored()).toEqual(['21:1', '21:2']);
    expect(alarms).toEqual(['omitted_logs']);
    expect(pool.status()[0]).toMatchObject({ state: 'out', reason: 'it left out 2 logs of block 21' });
  });

  it('retracts nothing for a branch that may have logs which nobody can show', async () => {
    chain.mineEmpty(20);
    chain.mine([transfer(1)]);
    await open();
    await settle();
    first.plan(FAULTS.omitLogs(), { method: 'eth_getLogs' });
    first.plan({ error: { code: -32_601, message: 'no such method' } }, { method: 'eth_getBlockReceipts' });
    chain.reorg(1, [[transfer(2)], []]);
    await settle();
    expect(await stored()).toEqual(['21:1']);
    expect(alarms).toEqual(['suspicious_branch']);
    first.heal();
    await settle();
    expect(await stored()).toEqual(['21:2']);
  });

  it('reads ranges as short as the endpoint takes them, and from the endpoint that has the blocks', async () => {
    for (let block = 1; block <= 60; block += 1) chain.mine([transfer(block)]);
    await open({}, [first, second]);
    second.view = { lag: 50 };
    first.limits = {
      blocks: 7,
      refusal: (from, to) => ({
        code: -32_005,
        message: `Try with this block range [0x${from.toString(16)}, 0x${to.toString(16)}].`,
      }),
    };
    first.plan(FAULTS.unavailable(), { times: 1, method: 'eth_getLogs' });
    await settle();
    expect(await stored()).toEqual(truth());
  });

  it('stores what comes after each kind of fault, and nothing twice', async () => {
    chain.mineEmpty(20);
    await open({}, [first, second]);
    await settle();
    const faults = [
      FAULTS.wrongBlockHash(),
      FAULTS.duplicateLogs(),
      FAULTS.html(),
      FAULTS.cut(),
      FAULTS.wrongId(),
      FAULTS.deepJson(),
      FAULTS.tooManyRequests('0'),
      FAULTS.decimalText(),
    ];
    for (const [token, fault] of faults.entries()) {
      const end = first.plan(fault, { times: 2 });
      chain.mine([transfer(token)]);
      await settle();
      end();
    }
    expect(await stored()).toEqual(truth());
  });

  it('keeps a log that cannot be decoded as a dead letter', async () => {
    chain.mine([{ ...transfer(1), topics: [TRANSFER!, word(0), word(7)], data: '0x' }]);
    chain.mineEmpty(20);
    await open();
    await settle();
    const { rows } = await db.pool.query('SELECT block_number::int AS block, stage, code FROM onchain_dead_logs');
    expect(rows).toEqual([{ block: 1, stage: 'decode', code: 'short_data' }]);
  });
});
