import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  migrateDatabase,
  migrationSource,
  pendingMigrations,
  unmigrated,
} from '../../../src/platform/database/migrate-database.js';
import { StorageBudgets1790000013200 } from '../../../migrations/1790000013200-storage-budgets.js';
import { MoveTypes1790000018000 } from '../../../migrations/1790000018000-move-types.js';
import { InstanceNames1790000021000 } from '../../../migrations/1790000021000-instance-names.js';
import { BoundedRows1790000024000 } from '../../../migrations/1790000024000-bounded-rows.js';
import { migrations } from '../../../migrations/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

/**
 * SQL for a wildcard rule's firings about three names, two of which differ only in spelling, and for the message about
 * the first.
 */
function firings(slug: string, chain: string): string {
  return `
INSERT INTO alert_instances (rule_id, instance_key, leaves, phase, since, told)
  SELECT rule_id, given.* FROM alert_rules, (VALUES ('protocol=${slug}', 1, 'firing', '2026-01-01Z'::timestamptz, true),
    ('protocol=curve-dex', 1, 'firing', '2026-01-02Z', false), ('protocol=${slug},chain=${chain}', 1, 'firing', '2026-01-01Z', true),
    ('token=solana:EPjF', 1, 'firing', '2026-01-01Z', true)) given;
INSERT INTO deliveries (id, user_id, channel, target, type, data, priority, collapse_key, state, next_attempt_at, due_at, expires_at)
  SELECT gen_random_uuid(), 'u', 'webhook', 'x', 'alert.fired', '{}', 'normal', rule_id || ' protocol=${slug}', 'delivered',
    now(), now(), now() FROM alert_rules;`;
}

/**
 * Rows from before names had one spelling: pairs that differ only in spelling; the newer observation has the other
 * spelling.
 */
const TWINS = `
INSERT INTO protocols (slug, name, chains, updated_at) VALUES ('Curve-DEX', 'Old', '{ethereum,base}', '2026-01-01Z'),
  ('curve-dex', 'Curve', '{rsk,ethereum}', '2026-01-02Z');
INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at) VALUES ('Curve-DEX', 'ethereum', 100, '2026-01-02Z'),
  ('curve-dex', 'ethereum', 90, '2026-01-01Z'), ('curve-dex', 'rootstock', 70, '2026-01-01Z'),
  ('Curve-DEX', 'rsk', 30, '2026-01-02Z'), ('curve-dex', 'binance-borrowed', 5, '2026-01-02Z');
UPDATE protocol_tvl SET tvl = 130, observed_at = '2026-01-03Z' WHERE protocol = 'Curve-DEX' AND chain = 'ethereum';
INSERT INTO token_prices (token, price, observed_at) VALUES ('hyperliquid:0xab', 3, '2026-01-02Z'),
  ('hyperliquid-l1:0xab', 2, '2026-01-01Z'), ('solana:epj', 4, '2026-01-01Z');
INSERT INTO change_thresholds VALUES ('tvl', 'Curve-DEX', 0.4), ('tvl', 'curve-dex', 0.5);
INSERT INTO published_values (metric, subject, chain, value, seq, observed_at, source, confidence) VALUES
  ('tvl', 'Curve-DEX', 'ethereum', 130, 1, '2026-01-03Z', 'x', 1), ('tvl', 'curve-dex', 'ethereum', 90, 2, '2026-01-01Z', 'x', 1),
  ('price', 'hyperliquid:0xab', '', 3, 2, '2026-01-03Z', 'x', 1);
INSERT INTO metric_series (metric, subject, chain) VALUES ('tvl', 'Curve-DEX', 'ethereum'), ('tvl', 'curve-dex', 'ethereum'),
  ('tvl', 'curve-dex', 'rootstock'), ('tvl', 'Curve-DEX', 'rsk');
INSERT INTO metric_points (series_id, at, value)
  SELECT s.id, now() - given.age * interval '1 minute', given.value FROM (VALUES ('Curve-DEX', 'ethereum', 30, 100),
    ('curve-dex', 'ethereum', 20, 110), ('Curve-DEX', 'ethereum', 10, 130), ('curve-dex', 'rootstock', 30, 70),
    ('Curve-DEX', 'rsk', 20, 30)) AS given (subject, chain, age, value) JOIN metric_series s USING (subject, chain);
INSERT INTO metric_daily (series_id, samples, bucket, open, high, low, close, sum, opened_at, closed_at)
  SELECT id, CASE subject WHEN 'curve-dex' THEN 2 ELSE 3 END, '2025-01-01Z', 2, CASE subject WHEN 'curve-dex' THEN 9 ELSE 3 END,
    CASE subject WHEN 'curve-dex' THEN 2 ELSE 1 END, 2, 5, '2025-01-01Z', '2025-01-01Z' FROM metric_series WHERE chain = 'ethereum';
INSERT INTO event_log (seq, epoch, type, source, confidence, tags, observed_at, captured_at, logged_at, protocol)
  SELECT n, 'e', 'tvl_change', 'x', 1, '{}', now(), now(), now(), 'Curve-DEX' FROM generate_series(1, 2) n;
INSERT INTO log_readers (name, epoch, seq) VALUES ('history', 'e', 1);
INSERT INTO alert_rules (user_id, name, conditions, where_tree) VALUES ('u', 'n',
  '[{"metric": "tvl", "chain": "rsk", "protocol": "Curve-DEX", "threshold": 1}]',
  '{"and": [{"not": {"token": "hyperliquid:0xab", "metric": "price"}}]}');
${firings('Curve-DEX', 'rsk')}`;
const POINTS = `SELECT subject, chain, array_agg(value ORDER BY at) FROM metric_points JOIN metric_series ON id = series_id
  GROUP BY 1, 2 ORDER BY 1, 2`;

describe('the migrations', () => {
  let db: TestDatabase;

  beforeEach(async () => {
    db = await createTestDatabase({ empty: true });
  });

  afterEach(() => db.drop());

  /** Returns every object that a migration can create, as comparable texts. */
  async function schema(): Promise<string[]> {
    const { rows } = await db.pool.query<{ what: string }>(`
      SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS what
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT SIMILAR TO '%_[0-9]+'
      UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT SIMILAR TO '%_[0-9]+'
      UNION ALL SELECT format('function %s %s', oid::regprocedure, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
      ORDER BY 1`);
    return rows.map((row) => row.what);
  }

  it('leave nothing behind when reverted, and create the same schema again', async () => {
    const empty = await schema();
    await migrateDatabase(db.url);
    const complete = await schema();
    expect(complete.length).toBeGreaterThan(empty.length + 50);
    const source = await migrationSource(db.url).initialize();
    for (const _ of migrations) await source.undoLastMigration();
    await source.destroy();
    expect((await schema()).filter((what) => !what.includes('schema_migrations'))).toEqual(empty);
    await migrateDatabase(db.url);
    expect(await schema()).toEqual(complete);
  });

  it('run once when several processes start at the same time', async () => {
    const ran = await Promise.all([migrateDatabase(db.url), migrateDatabase(db.url), migrateDatabase(db.url)]);
    expect(ran.map((names) => names.length).sort((a, b) => a - b)).toEqual([0, 0, migrations.length]);
  });

  it('are listed by name while they are pending', async () => {
    expect(await unmigrated(db.url)).toEqual(migrations.map((migration) => migration.name));
    await migrateDatabase(db.url);
    expect(await unmigrated(db.url)).toEqual([]);
  });

  it('convert stored names to one spelling, merge duplicates, and can be reverted and repeated', async () => {
    const upTo = async (newest: string): Promise<DataSource> => {
      const { options } = migrationSource(db.url);
      const chosen = migrations.filter(({ name }) => name.slice(-13) <= newest);
      const source = await new DataSource({ ...options, migrations: chosen }).initialize();
      await source.runMigrations();
      return source;
    };
    await (await upTo('1790000008000')).destroy();
    await db.pool.query(TWINS);
    const rows = async (sql: string) => (await db.pool.query({ text: sql, rowMode: 'array' })).rows;
    const joined = async () => {
      expect(await rows('SELECT protocol, chain, tvl, published_value FROM protocol_tvl ORDER BY 1, 2')).toEqual([
        ['curve-dex', 'bsc-borrowed', 5, 5],
        ['curve-dex', 'ethereum', 130, 130],
        ['curve-dex', 'rootstock', 30, 30],
      ]);
      expect(await rows('SELECT token, chain, price FROM token_prices ORDER BY 1')).toEqual([
        ['hyperliquid-l1:0xab', 'hyperliquid-l1', 3],
        ['solana:epj', 'solana', 4],
      ]);
      expect(await rows('SELECT slug, name, chains FROM protocols')).toEqual([
        ['curve-dex', 'Curve', ['rootstock', 'ethereum', 'base']],
      ]);
      expect(await rows('SELECT subject, min_change_ratio FROM change_thresholds WHERE subject <> $$*$$')).toEqual([
        ['curve-dex', 0.5],
      ]);
      expect(await rows('SELECT metric, subject, chain, value FROM published_values ORDER BY 1, 2, 3')).toEqual([
        ['price', 'hyperliquid-l1:0xab', '', 3],
        ['tvl', 'curve-dex', 'ethereum', 130],
      ]);
      expect(await rows(POINTS)).toEqual([
        ['curve-dex', 'ethereum', [100, 110, 130]],
        ['curve-dex', 'rootstock', [70, 30]],
      ]);
      expect(
        await rows('SELECT subject, high, low, samples FROM metric_daily JOIN metric_series ON id = series_id'),
      ).toEqual([['curve-dex', 9, 1, 5]]);
      expect(await rows('SELECT DISTINCT protocol FROM change_outbox WHERE protocol IS NOT NULL')).toEqual([
        ['curve-dex'],
      ]);
      expect(await rows('SELECT protocol FROM event_log ORDER BY seq')).toEqual([['Curve-DEX'], ['curve-dex']]);
      expect(await rows('SELECT conditions, where_tree FROM alert_rules')).toEqual([
        [
          [{ metric: 'tvl', chain: 'rootstock', protocol: 'curve-dex', threshold: 1 }],
          { and: [{ not: { token: 'hyperliquid-l1:0xab', metric: 'price' } }] },
        ],
      ]);
    };
    const firingsJoined = async () => {
      expect(await rows('SELECT instance_key, told FROM alert_instances ORDER BY 1')).toEqual([
        ['protocol=curve-dex', true],
        ['protocol=curve-dex,chain=rootstock', true],
        ['token=solana:EPjF', true],
      ]);
      expect(await rows(`SELECT replace(collapse_key, rule_id::text, 'rule') FROM deliveries, alert_rules`)).toEqual([
        ['rule protocol=curve-dex'],
      ]);
    };
    const source = await upTo('1790000009000');
    await joined();
    await firingsJoined();
    await db.pool.query(`DELETE FROM alert_instances; DELETE FROM deliveries; ${firings('Curve-DEX', 'rsk')}`);
    const runner = source.createQueryRunner();
    await new InstanceNames1790000021000().up(runner);
    await runner.release();
    await firingsJoined();
    expect(await rows('SELECT count(*)::int FROM alert_rule_edits')).toEqual([[1]]);
    await source.undoLastMigration();
    await joined();
    await source.runMigrations();
    await joined();
    await db.pool.query(`INSERT INTO token_prices (token, price) VALUES ('solana:EPj', 5), ('solana:EPJ', 6)`);
    await source.undoLastMigration();
    expect(await rows(`SELECT token FROM token_prices WHERE token ILIKE 'solana:%'`)).toEqual([['solana:epj']]);
    await source.destroy();
  });

  it('convert Move type names (Sui) to lower case when reverted', async () => {
    await migrateDatabase(db.url);
    await db.pool.query(`
      INSERT INTO token_prices (token, price, observed_at) VALUES ('sui:0x2::sui::SUI', 2, '2026-01-02Z'),
        ('sui:0x2::sui::sui', 1, '2026-01-01Z'), ('sui:0x2::a::B', 3, '2026-01-01Z'), ('solana:EPjF', 4, '2026-01-01Z');
      INSERT INTO alert_rules (user_id, name, conditions)
        VALUES ('u', 'n', '[{"metric": "price", "token": "sui:0x2::sui::SUI", "threshold": 1}]')`);
    const source = await migrationSource(db.url).initialize();
    const runner = source.createQueryRunner();
    await new MoveTypes1790000018000().down(runner);
    const { rows } = await db.pool.query('SELECT token, price FROM token_prices ORDER BY price');
    expect(rows.map(({ token, price }) => [token, price])).toEqual([
      ['sui:0x2::sui::sui', 2],
      ['sui:0x2::a::b', 3],
      ['solana:EPjF', 4],
    ]);
    const rules = await db.pool.query(`SELECT conditions -> 0 ->> 'token' AS token FROM alert_rules`);
    expect(rules.rows).toEqual([{ token: 'sui:0x2::sui::sui' }]);
    await new MoveTypes1790000018000().up(runner);
    await source.destroy();
  });

  it('count the bytes stored per user before the migration', async () => {
    await migrateDatabase(db.url);
    await db.pool.query(`
      INSERT INTO alert_transitions (id, user_id, rule_id, rule_version, instance_key, seq, state, reason, at, alert, outcome)
      SELECT gen_random_uuid(), 'ann', gen_random_uuid(), 1, '', n, 'fired', 'first_fire', now(), '{"a":1}', '{}'
      FROM generate_series(1, 3) n;
      INSERT INTO deliveries (id, user_id, channel, target, type, data, priority, collapse_key, state, next_attempt_at, due_at,
        expires_at)
      SELECT gen_random_uuid(), who, 'email', 'a@example.com', type, '{"b":2}', 'normal', 'k', 'delivered', now(), now(), now()
      FROM (VALUES ('ann', 'alert.fired'), ('ben', 'test'), ('ben', 'target.confirm')) made (who, type);
      INSERT INTO delivery_attempts (delivery_id, n, trigger, started_at, duration_ms, outcome, response_head)
      SELECT id, 1, 'auto', now(), 1, 'delivered', repeat('x', 300) FROM deliveries WHERE user_id = 'ann'`);
    const source = await migrationSource(db.url).initialize();
    const runner = source.createQueryRunner();
    await new StorageBudgets1790000013200().down(runner);
    await new StorageBudgets1790000013200().up(runner);
    await source.destroy();
    const { rows } = await db.pool.query('SELECT user_id, bytes::int FROM user_storage ORDER BY 1');
    const history = 3 * (500 + '{"a": 1}{}'.length);
    expect(rows).toEqual([
      { user_id: 'ann', bytes: history + 1_000 + '{"b": 2}'.length + 500 },
      { user_id: 'ben', bytes: 1_000 + '{"b": 2}'.length },
    ]);
  });

  it('keep rows from before the limits of metadata, lists and times, and make them fit where an update would fail', async () => {
    await migrateDatabase(db.url);
    const source = await migrationSource(db.url).initialize();
    const runner = source.createQueryRunner();
    await new BoundedRows1790000024000().down(runner);
    await db.pool.query(`
      INSERT INTO protocols (slug, name, chains, metadata, updated_at) VALUES ('old', 'Old', '{{ethereum,base},{bsc,linea}}',
        (repeat('{"a":', 9000) || '1' || repeat('}', 9000))::jsonb, 'infinity');
      INSERT INTO protocol_tvl (protocol, chain, tvl, tags) VALUES ('old', 'bsc', 1, '{{a,b},{c,d}}');
      INSERT INTO token_prices (token, price, tags) VALUES ('old', 1, '{{a},{b}}')`);
    const metadata = async () => (await db.pool.query('SELECT metadata::text FROM protocols')).rows;
    const before = await metadata();
    await new BoundedRows1790000024000().up(runner);
    await source.destroy();
    expect(await metadata()).toEqual(before);
    const { rows } = await db.pool
      .query<object>(`SELECT chains, p.updated_at <= now() AS past, t.tags, r.tags AS of_price
      FROM protocols p, protocol_tvl t, token_prices r`);
    expect(rows).toEqual([
      { chains: ['ethereum', 'base', 'bsc', 'linea'], past: true, tags: ['a', 'b', 'c', 'd'], of_price: ['a', 'b'] },
    ]);
    await db.pool.query(`UPDATE protocols SET name = 'New'; UPDATE protocols SET metadata = '{"status": "live"}'`);
    const events = await db.pool
      .query(`SELECT data #>> '{changes,0,field}' AS field, data #> '{changes,0,previousValue}' AS was
      FROM change_outbox WHERE type = 'protocol_update' ORDER BY id DESC LIMIT 2`);
    expect(events.rows).toEqual([
      { field: 'metadata', was: { omitted: 'too_deep' } },
      { field: 'name', was: 'Old' },
    ]);
  });

  it('can be listed by the application role', async () => {
    await migrateDatabase(db.url);
    const client = await db.pool.connect();
    await client.query('SET ROLE rta_app');
    const pending = await pendingMigrations(async (text) => (await client.query<{ name: string }>(text)).rows);
    client.release(true);
    expect(pending).toEqual([]);
  });
});
