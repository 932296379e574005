import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clock } from '../../../src/platform/clock/clock.js';
import type { OperatorNotices } from '../../../src/notifications/index.js';
import { Database } from '../../../src/platform/database/database.js';
import { HealthNotices } from '../../../src/platform/health/health-notices.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { LogRetention } from '../../../src/onchain/repair/log-retention.js';
import { ChainAlarms } from '../../../src/onchain/store/chain-alarms.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

const DAY_MS = 86_400_000;

describe('the retention of logs', () => {
  let db: TestDatabase;
  let database: Database;
  let alarms: ChainAlarms;
  let retention: LogRetention;
  const notices = new HealthNotices();
  const metrics = new Metrics();

  /** Adds the partition of a day in the past with one log. */
  const storeLog = async (daysAgo: number, block: number): Promise<string> => {
    const day = new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
    const name = `onchain_logs_${day.replaceAll('-', '')}`;
    await db.pool.query(`
      SET timezone = 'UTC';
      CREATE TABLE ${name} (LIKE onchain_logs INCLUDING ALL);
      ALTER TABLE onchain_logs ATTACH PARTITION ${name} FOR VALUES FROM ('${day}') TO ('${day}'::date + 1);
      INSERT INTO onchain_logs (chain, contract, block_number, log_index, kind, block_ms, stored_at, transaction_index,
        block_hash, transaction_hash)
      VALUES (1, 1, ${block}, 0, 'Stake', 0, '${day} 12:00:00', 0, '\\x00', '\\x00')`);
    return name;
  };
  const partitions = async (): Promise<string[]> => {
    const { rows } = await db.pool.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'onchain_logs'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 4 });
    const operators = { add: async () => undefined } as unknown as OperatorNotices;
    alarms = new ChainAlarms(database, notices, operators, testLoops(), metrics);
    retention = new LogRetention(database, new Clock(), alarms, testLoops());
    alarms.onApplicationBootstrap();
    await db.pool.query(`
      INSERT INTO onchain_chains (name, settings, origin, final_number) VALUES ('base', '{}', 'config', 100);
      INSERT INTO onchain_contracts (chain, address, standard, from_block, stream, origin)
        VALUES (1, decode(repeat('bb', 20), 'hex'), 'batch', 0, 1, 'config');
      INSERT INTO onchain_streams (id, chain, block, log) VALUES (1, 1, 120, 2147483647)`);
  });
  afterAll(async () => {
    await alarms.beforeApplicationShutdown();
    await database.onApplicationShutdown();
    await db.drop();
  });

  it('drops days whose logs are all projected and final, and keeps the others with the reason', async () => {
    const done = await storeLog(20, 100);
    const notFinal = await storeLog(19, 110);
    const notProjected = await storeLog(18, 130);
    const recent = await storeLog(6, 100);
    await retention.round();
    const kept = await partitions();
    expect(kept).toEqual(expect.arrayContaining([notFinal, notProjected, recent]));
    expect(kept).not.toContain(done);
    const { rows: contracts } = await db.pool.query('SELECT dropped::text FROM onchain_contracts');
    expect(contracts).toEqual([{ dropped: '{[100,101)}' }]);
    const { rows } = await db.pool.query<{ detail: string }>('SELECT detail FROM onchain_alarms');
    expect(rows).toEqual([
      {
        detail: `Old partitions of logs are kept: ${notFinal}: not final events of base from block 110; ${notProjected}: unprocessed events of base from block 130.`,
      },
    ]);
    await waitFor(() => notices.all().some(({ name }) => name === 'onchain_all_retention'));
    expect(await metrics.registry.metrics()).toContain('onchain_alarm{chain="all",code="retention"} 1');
  });

  it('ends the alarm once the kept days could be dropped', async () => {
    await db.pool.query('UPDATE onchain_chains SET final_number = 200; UPDATE onchain_streams SET block = 200');
    await retention.round();
    await waitFor(() => notices.all().length === 0);
    expect((await partitions()).length).toBe(1 + 15);
  });

  it('has partitions for the next two weeks', async () => {
    const last = new Date(Date.now() + 13 * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
    expect(await partitions()).toContain(`onchain_logs_${last}`);
  });
});
