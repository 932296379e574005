import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { migrateDatabase } from '../../../src/platform/database/migrate-database.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { NO_POSTGRES_15, startTestCluster, type TestCluster } from '../../support/servers/test-cluster.js';
import { openTestPool } from '../../support/servers/test-pool.js';
import { waitFor } from '../../support/wait-for.js';

if (NO_POSTGRES_15) console.warn(`Skipped: ${NO_POSTGRES_15}`);

describe.skipIf(NO_POSTGRES_15)('the application on PostgreSQL 15', () => {
  let cluster: TestCluster;
  let pool: pg.Pool;
  let app: TestApp;

  beforeAll(async () => {
    cluster = await startTestCluster('15');
    const url = cluster.address('postgres');
    await migrateDatabase(url);
    pool = openTestPool(url);
    app = await createTestApp({ db: { url, pool, drop: () => pool.end() } });
  });

  afterAll(async () => {
    await app.close();
    await pool.end();
    await cluster.stop();
  });

  it('publishes a committed change as an event', async () => {
    const { rows } = await pool.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    expect(rows[0]?.version).toMatch(/^15\./);
    await pool.query(`INSERT INTO token_prices (token, price) VALUES ('bitcoin', 100)`);
    await pool.query(`UPDATE token_prices SET price = 110 WHERE token = 'bitcoin'`);
    const key = await app.key();
    const event = await waitFor(async () => {
      const answer = await fetch(`${app.url}/v1/events?types=price_change`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const { data } = (await answer.json()) as { data: Record<string, unknown>[] };
      return data[0];
    });
    expect(event).toMatchObject({ eventType: 'price_change', token: 'bitcoin', previousPrice: 100, currentPrice: 110 });
  });
});
