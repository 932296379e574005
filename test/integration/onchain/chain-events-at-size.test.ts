import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/database/database.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { ChainRegistry } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import { ChainEvents } from '../../../src/onchain/lookups/chain-events.js';
import { eventsStatement } from '../../../src/onchain/lookups/chain-events-statement.js';
import { chainScopes } from '../../../src/onchain/lookups/watched-scopes.js';
import type { ChainEventsQuery } from '../../../src/onchain/lookups/chain-events.dto.js';
import { addressOf, fillLogs } from '../../support/data/chain-rows.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const IS_LONG = process.env['TEST_LONG'] === '1';
const ROWS = IS_LONG ? 1_000_000 : 100_000;
const MAX_P95_MS = 20;
const SAMPLES = 30;
/** Blocks that a page of 100 rows may read; the table has 30,000 of a million rows. */
const MAX_BLOCKS = 1_200;
const NFT = addressOf(0xbb);

interface Explained {
  Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number };
  'Execution Time': number;
  'Planning Time': number;
}
const EMPTY: Explained = {
  Plan: { 'Shared Hit Blocks': Infinity, 'Shared Read Blocks': 0 },
  'Execution Time': 0,
  'Planning Time': 0,
};

describe(`on-chain events among ${ROWS.toLocaleString('en')} stored ones`, () => {
  let db: TestDatabase;
  let database: Database;
  let events: ChainEvents;
  let last: number;

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 4 });
    const registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
    await registry.putChain(
      Object.assign(new ChainSetup(), {
        id: 'ethereum',
        contracts: [
          { address: NFT, standard: 'batch', fromBlock: 0 },
          { address: addressOf(0xcc), standard: 'batch', fromBlock: 0 },
        ],
      }),
      'config',
    );
    events = new ChainEvents(database);
    last = await fillLogs(db.pool, 1, 1, ROWS);
    await db.pool.query('UPDATE onchain_chains SET head_number = $1, final_number = $1::bigint - 64', [last]);
    // The second contract's stream stands far behind the first.
    await db.pool.query(
      'UPDATE onchain_streams SET block = CASE id WHEN 1 THEN $1::bigint - 2 ELSE 0 END, log = 2147483647',
      [last],
    );
    await db.pool.query(
      `INSERT INTO onchain_projections (stream, block, log) SELECT 1, n, 2147483647 FROM generate_series(0, $1::int) n`,
      [last],
    );
  }, 300_000);
  afterAll(async () => {
    await database?.onApplicationShutdown();
    await db?.drop();
  });

  const account = (at: number): string => addressOf((at * 10) % 1_000);
  const queries: Record<string, (at: number) => Partial<ChainEventsQuery>> = {
    'without a filter': () => ({}),
    'from a block': (at) => ({ fromBlock: Math.floor((last * at) / SAMPLES) }),
    'of a contract': (at) => ({ contract: NFT, fromBlock: at }),
    'of a type': () => ({ type: 'BatchTransfer' }),
    'of a type that there is not': () => ({ type: 'BatchMint' }),
    'of a staker': (at) => ({ staker: account(at) as ChainEventsQuery['staker'] }),
    'of a token': (at) => ({ tokenId: String(at * 991) }),
    'of the token that every tenth event has': () => ({ tokenId: '1000000' }),
    'of a token and a type': (at) => ({ tokenId: String(at * 991), type: 'Stake' }),
    'of a staker, type and range': (at) => ({ staker: account(at) as never, type: 'Stake', fromBlock: at * 100 }),
    'that are processed': (at) => ({ processed: true, fromBlock: at * 10 }),
    'that are not processed': () => ({ processed: false }),
    'that are pending': () => ({ status: 'pending' }),
    'that are retracted': () => ({ status: 'retracted' }),
  };

  /** Runs the statement of a page, and returns what it took, and its plan. */
  async function explained(
    query: ChainEventsQuery,
  ): Promise<{ blocks: number; ms: number; planningMs: number; plan: string }> {
    const [scope] = await chainScopes(database, query);
    if (scope === undefined) throw new Error('no chain');
    const { text, values } = eventsStatement(query, scope, undefined, 101);
    const [row] = await database.query<{ 'QUERY PLAN': [Explained] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
      values,
    );
    const [{ Plan: plan, 'Execution Time': ms, 'Planning Time': planningMs }] = row?.['QUERY PLAN'] ?? [EMPTY];
    const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    return { blocks, ms, planningMs, plan: JSON.stringify(plan) };
  }

  it.each(Object.keys(queries))('are found without reading all of them %s', async (name) => {
    const found = await explained({ limit: 100, ...queries[name]?.(7) });
    if (IS_LONG) {
      const [ms, planningMs] = [found.ms.toFixed(1), found.planningMs.toFixed(1)];
      process.stdout.write(`events ${name}: ${found.blocks} blocks, ${ms} ms, planning ${planningMs} ms\n`);
    }
    expect(found.blocks < MAX_BLOCKS || found.plan).toBe(true);
  });

  it.skipIf(!IS_LONG).each(Object.keys(queries))('are found within 20 ms by 95 of 100 requests %s', async (name) => {
    const times: number[] = [];
    for (let at = 0; at < SAMPLES; at++) {
      const begun = performance.now();
      await events.list({ limit: 100, ...queries[name]?.(at) });
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    const p95 = times[Math.floor(SAMPLES * 0.95)] ?? 0;
    process.stdout.write(`events ${name}: p50 ${times[SAMPLES / 2]?.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms\n`);
    expect(p95).toBeLessThan(MAX_P95_MS);
  });

  it('partitions that are created later have the same indexes, and so have those of the event log', async () => {
    const indexesOf = async (table: string): Promise<string[]> => {
      const { rows } = await db.pool.query<{ def: string }>(
        `SELECT regexp_replace(indexdef, '^.*USING ', '') AS def FROM pg_indexes WHERE tablename = $1 ORDER BY 1`,
        [table],
      );
      return rows.map(({ def }) => def);
    };
    await db.pool.query(`SELECT prepare_onchain_logs(now() + interval '20 days')`);
    const { rows } = await db.pool.query<{ name: string; parent: string }>(
      `SELECT inhrelid::regclass::text AS name, inhparent::regclass::text AS parent FROM pg_inherits
       WHERE inhparent IN ('onchain_logs'::regclass, 'event_log'::regclass)`,
    );
    for (const { name, parent } of rows.filter(({ name }) => name !== 'event_log_default')) {
      expect(await indexesOf(name)).toEqual(expect.arrayContaining(await indexesOf(parent)));
    }
  });
});
