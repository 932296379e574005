import pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { Readiness } from '../../../src/platform/health/readiness.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { createTestDatabase } from '../../support/servers/test-database.js';

describe('/health/ready', () => {
  let app: TestApp;

  afterEach(() => app.close());

  async function ready(): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${app.url}/health/ready`);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  it('returns `ok` without a key, and lists database, migrations and draining', async () => {
    app = await createTestApp();
    expect(await ready()).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        details: { database: { status: 'up' }, migrations: { status: 'up' }, draining: { status: 'up' } },
      },
    });
  });

  it('returns 503 while the process drains, although `/health/live` returns 200', async () => {
    app = await createTestApp();
    app.nest.get(Readiness).beginDrain();
    expect(await ready()).toMatchObject({
      status: 503,
      body: { status: 'error', error: { draining: { status: 'down' } } },
    });
    expect((await fetch(`${app.url}/health/live`)).status).toBe(200);
  });

  it('returns 503 while a migration is pending', async () => {
    const db = await createTestDatabase();
    const { rows } = await db.pool.query('DELETE FROM schema_migrations WHERE id = 1 RETURNING *');
    app = await createTestApp({ db });
    expect(await ready()).toMatchObject({
      status: 503,
      body: { error: { migrations: { status: 'down', message: expect.stringContaining('defi-realtime migrate') } } },
    });
    await db.pool.query(
      'INSERT INTO schema_migrations SELECT * FROM jsonb_populate_record(NULL::schema_migrations, $1)',
      [JSON.stringify(rows[0])],
    );
    expect((await ready()).status).toBe(200);
    await app.close();
    await db.drop();
    app = await createTestApp();
  });

  it('returns 503 with `retry-after` while the database is unavailable, and recovers', async () => {
    app = await createTestApp();
    const name = new URL(app.db.url).pathname.slice(1);
    await onCluster(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await onCluster(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
    const answer = await fetch(`${app.url}/health/ready`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ error: { database: { status: 'down' } } });
    await onCluster(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await expect.poll(async () => (await ready()).status, { timeout: 20_000 }).toBe(200);
  });
});

async function onCluster(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('clusterUrl') });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
