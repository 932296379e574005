import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { becomeWriter, writeProtocols, type ProtocolRow } from '../../../src/events/ingest/table-writer.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db?.drop());

const nothingGiven = { symbol: null, category: null, chains: null, url: null, metadata: null };

async function asWriter(work: (tx: PoolClient) => Promise<void>): Promise<void> {
  const tx = await db.pool.connect();
  try {
    await tx.query('BEGIN');
    await becomeWriter(tx);
    await work(tx);
    await tx.query('COMMIT');
  } finally {
    tx.release();
  }
}

/** Writes the second row while the transaction of the first is still open; resolves when both are written. */
async function atOnce(first: ProtocolRow, second: ProtocolRow): Promise<void> {
  let later = Promise.resolve();
  await asWriter(async (tx) => {
    await writeProtocols(tx, [first]);
    later = asWriter(async (other) => void (await writeProtocols(other, [second])));
    await waitFor(async () => {
      const { rows } = await db.pool.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows[0]?.n === 1;
    });
  });
  await later;
}

const stored = async (slug: string) =>
  (await db.pool.query('SELECT category, chains, url, metadata FROM protocols WHERE slug = $1', [slug])).rows;

it('concurrent writers of one protocol keep the fields set by each other', async () => {
  await asWriter(async (tx) => void (await writeProtocols(tx, [{ ...nothingGiven, slug: 'aave', name: 'Aave' }])));
  await atOnce(
    { ...nothingGiven, slug: 'aave', name: 'Aave', category: 'Lending', chains: ['base'], metadata: { audits: 2 } },
    { ...nothingGiven, slug: 'aave', name: 'Aave', url: 'https://aave.example' },
  );
  expect(await stored('aave')).toEqual([
    { category: 'Lending', chains: ['base'], url: 'https://aave.example', metadata: { audits: 2 } },
  ]);
});

it('concurrent writers of one new protocol keep the fields set by each other', async () => {
  await atOnce(
    { ...nothingGiven, slug: 'lido', name: 'Lido', category: 'Staking', chains: ['ethereum'], metadata: { audits: 1 } },
    { ...nothingGiven, slug: 'lido', name: 'Lido', url: 'https://lido.example' },
  );
  expect(await stored('lido')).toEqual([
    { category: 'Staking', chains: ['ethereum'], url: 'https://lido.example', metadata: { audits: 1 } },
  ]);
});

it('writing a protocol with unchanged values does not touch its row', async () => {
  const row = { ...nothingGiven, slug: 'curve', name: 'Curve', category: 'Dexs' };
  await asWriter(async (tx) => void (await writeProtocols(tx, [row])));
  const { rows: before } = await db.pool.query(`SELECT xmin::text, updated_at FROM protocols WHERE slug = 'curve'`);
  await asWriter(async (tx) => void (await writeProtocols(tx, [{ ...row, category: null }])));
  const { rows: after } = await db.pool.query(`SELECT xmin::text, updated_at FROM protocols WHERE slug = 'curve'`);
  expect(after).toEqual(before);
});

it('metadata from before its limit of levels is kept, and does not prevent the other rows of the statement', async () => {
  await db.pool.query(`BEGIN; SET LOCAL session_replication_role = replica;
    INSERT INTO protocols (slug, name, metadata) VALUES ('deep', 'Deep', jsonb_build_object('own', '${'['.repeat(50)}${']'.repeat(50)}'::jsonb));
    COMMIT`);
  const given = (slug: string): ProtocolRow => ({ ...nothingGiven, slug, name: 'New', metadata: { logo: 'l' } });
  await asWriter(async (tx) => void (await writeProtocols(tx, [given('deep'), given('flat')], ['logo'])));
  const { rows } = await db.pool.query<{ name: string }>(
    `SELECT name, metadata ? 'logo' AS merged, metadata ? 'own' AS kept FROM protocols WHERE name = 'New' ORDER BY slug`,
  );
  expect(rows).toEqual([
    { name: 'New', merged: false, kept: true },
    { name: 'New', merged: true, kept: false },
  ]);
});
