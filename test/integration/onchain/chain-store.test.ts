import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/database/database.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { ChainRegistry } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import { acquireLease, LeaseLost, releaseLease, type ChainLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore, type BlockBatch } from '../../../src/onchain/store/chain-store.js';
import type { Address, ChainEvent, Hash } from '../../../src/onchain/core/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const CONTRACT: Address = `0x${'bb'.repeat(20)}`;
const hashOf = (number: number, branch = 'a'): Hash =>
  `0x${(branch + number.toString(16).padStart(4, '0')).padStart(64, '0')}`;
const header = (number: number, branch = 'a', parent = branch) => ({
  number,
  hash: hashOf(number, branch),
  parentHash: hashOf(number - 1, parent),
  at: 1_700_000_000_000 + number * 1_000,
  logsBloom: '0x' as const,
});
const mint = (blockNumber: number, logIndex: number, branch = 'a'): ChainEvent => ({
  contract: CONTRACT,
  kind: 'BatchMint',
  blockNumber,
  blockHash: hashOf(blockNumber, branch),
  transactionHash: hashOf(9_000 + blockNumber),
  transactionIndex: 0,
  logIndex,
  at: 1_700_000_000_000 + blockNumber * 1_000,
  from: null,
  to: `0x${'aa'.repeat(20)}`,
  staker: null,
  startTokenId: 2n ** 256n - 1n,
  quantity: 1n,
  tokenIds: null,
  quantities: null,
});

describe('the store of chains', () => {
  let db: TestDatabase;
  let database: Database;
  let registry: ChainRegistry;
  let store: ChainStore;
  let lease: ChainLease;
  let keys: BlockBatch['keys'];

  const batch = (numbers: readonly number[], branch = 'a', events: readonly ChainEvent[] = []): BlockBatch => ({
    blocks: numbers.map((number) => header(number, branch, number === 11 ? 'a' : branch)),
    events,
    dead: [],
    covered: { from: numbers[0] ?? 0, to: numbers.at(-1) ?? 0 },
    keys,
    head: header(numbers.at(-1) ?? 0, branch),
    final: header(8),
    source: 'rpc',
  });
  const canonical = async (): Promise<unknown[]> =>
    (
      await db.pool.query(
        `SELECT block_number::int AS block, log_index AS log, encode(block_hash, 'hex') AS hash, start_token_id AS id
         FROM onchain_logs WHERE canonical ORDER BY 1, 2`,
      )
    ).rows;

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 4 });
    registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
    store = new ChainStore(database);
    const setup = Object.assign(new ChainSetup(), {
      id: 'anvil',
      endpoints: [{ url: 'https://node.example/secret-key' }],
      contracts: [{ address: CONTRACT, standard: 'batch', fromBlock: 3 }],
    });
    const id = await registry.putChain(setup, 'config');
    const acquired = await acquireLease(database, id, 'one');
    if (acquired === undefined) throw new Error('no lease');
    lease = acquired;
    const [chain] = await registry.chains();
    keys = new Map(chain?.contracts.map((contract) => [contract.address, [contract]]));
  });
  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  it('keeps addresses of endpoints encrypted, and settings across a repeated start', async () => {
    const { rows } = await db.pool.query<{ endpoints: string }>('SELECT endpoints FROM onchain_chains');
    expect(rows[0]?.endpoints).not.toContain('secret-key');
    const [chain] = await registry.chains();
    expect(chain).toMatchObject({
      name: 'anvil',
      startBlock: 0,
      forkDepth: 128,
      endpoints: [{ url: 'https://node.example/secret-key' }],
    });
    expect(chain?.contracts).toMatchObject([
      { address: CONTRACT, standard: 'batch', fromBlock: 3, stream: 1, paused: false },
    ]);
  });

  it('stores the same block twice once, and counts the blocks from the first of the contract as covered', async () => {
    await store.flush(lease, batch([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 'a', [mint(9, 0), mint(10, 0), mint(10, 1)]));
    await store.flush(lease, batch([10], 'a', [mint(10, 0), mint(10, 1)]));
    expect(await canonical()).toMatchObject([
      { block: 9 },
      { block: 10, log: 0 },
      { block: 10, log: 1, id: `${2n ** 256n - 1n}` },
    ]);
    const { rows } = await db.pool.query('SELECT covered::text FROM onchain_contracts');
    expect(rows).toEqual([{ covered: '{[3,11)}' }]);
  });

  it('replaces a branch and returns to the first one without losing a log', async () => {
    const work = { rollBack: async () => undefined, announce: async () => undefined };
    await store.flush(lease, batch([11, 12], 'a', [mint(11, 0), mint(12, 0)]));
    await store.reorg(lease, 10, batch([11, 12, 13], 'b', [mint(12, 4, 'b')]), work);
    expect(await canonical()).toMatchObject([
      { block: 9 },
      { block: 10 },
      { block: 10 },
      { block: 12, log: 4, hash: hashOf(12, 'b').slice(2) },
    ]);
    expect((await store.headers(lease.chain, 11)).map(({ hash }) => hash)).toEqual(
      [11, 12, 13].map((n) => hashOf(n, 'b')),
    );
    await store.reorg(lease, 10, batch([11, 12, 13, 14], 'a', [mint(11, 0), mint(12, 0), mint(14, 2)]), work);
    expect(await canonical()).toMatchObject([
      { block: 9 },
      { block: 10 },
      { block: 10 },
      { block: 11, log: 0, hash: hashOf(11).slice(2) },
      { block: 12, log: 0, hash: hashOf(12).slice(2) },
      { block: 14, log: 2 },
    ]);
    const { rows } = await db.pool.query('SELECT count(*)::int AS logs FROM onchain_logs');
    expect(rows).toEqual([{ logs: 7 }]);
  });

  it('never takes the final block back', async () => {
    await store.flush(lease, { ...batch([15]), final: header(5) });
    const { rows } = await db.pool.query('SELECT final_number::int AS final FROM onchain_chains');
    expect(rows).toEqual([{ final: 8 }]);
  });

  it('lets a leader that lost the lease commit nothing', async () => {
    expect(await acquireLease(database, lease.chain, 'two')).toBeUndefined();
    await releaseLease(database, lease);
    const next = await acquireLease(database, lease.chain, 'two');
    expect(next?.epoch).toBe(lease.epoch + 1);
    await expect(store.flush(lease, batch([16], 'a', [mint(16, 0)]))).rejects.toThrow(LeaseLost);
    const { rows } = await db.pool.query('SELECT count(*)::int AS logs FROM onchain_logs WHERE block_number = 16');
    expect(rows).toEqual([{ logs: 0 }]);
  });
});
