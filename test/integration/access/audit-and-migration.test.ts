import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access1790000003000 } from '../../../migrations/1790000003000-access.js';
import { Refusals } from '../../../src/access/audit/refusals.js';
import { AuditEntryEntity } from '../../../src/access/audit/audit-entry.entity.js';
import { Audit } from '../../../src/access/index.js';
import { AdminKey } from '../../../src/access/keys/admin-key.js';
import { ApiKeyEntity } from '../../../src/access/keys/api-key.entity.js';
import { UserEntity } from '../../../src/access/keys/user.entity.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { sessionUrl } from '../../../src/platform/database/connection-options.js';
import { RequestContext } from '../../../src/platform/request/request-context.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

let db: TestDatabase;
let source: DataSource;
let audit: Audit;

beforeAll(async () => {
  db = await createTestDatabase();
  const entities = [UserEntity, ApiKeyEntity, AuditEntryEntity];
  source = await new DataSource({
    type: 'postgres',
    url: sessionUrl(db.url, '-c role=rta_app'),
    entities,
    installExtensions: false,
  }).initialize();
  audit = new Audit(source.getRepository(AuditEntryEntity), new RequestContext());
});
afterAll(async () => {
  await source.destroy();
  await db.drop();
});
const entries = async (action: string) =>
  (await db.pool.query('SELECT actor, subject, detail, address FROM audit_log WHERE action = $1 ORDER BY id', [action]))
    .rows;

describe('the audit trail', () => {
  it('stores any text, with secrets masked, invalid characters replaced and long values cut', async () => {
    const key = `rta_abc_${'s'.repeat(43)}`;
    await audit.record({
      actor: `key:a\0b${key}`,
      action: 'odd',
      subject: 'x'.repeat(9_999),
      outcome: 'refused',
      detail: { deep: { key, half: '\uD800' } },
    });
    const [entry] = await entries('odd');
    expect(entry.actor).toBe('key:a\uFFFDbrta_abc_***');
    expect(entry.subject).toHaveLength(512);
    expect(entry.detail).toEqual({ deep: { key: 'rta_abc_***', half: '\uFFFD' } });
    await audit.record({
      actor: 'key:a',
      action: 'long',
      outcome: 'ok',
      detail: { rows: Array.from({ length: 5_000 }, String) },
    });
    expect(Object.keys((await entries('long'))[0].detail)).toEqual(['truncated']);
  });

  it('counts repeated refusals, or a flood from many addresses, in one entry per minute', async () => {
    const clock = new SetClock();
    const refusals = new Refusals(audit, clock);
    const note = (address: string) => refusals.note({ code: 'invalid_api_key', address, transport: 'sse' });
    for (let n = 0; n < 5; n++) await note('192.0.2.1');
    for (let n = 0; n < 1_000; n++) await note(`10.0.${n >> 8}.${n & 255}`);
    expect((await entries('access.refused')).length).toBe(51);
    clock.time += 60_000;
    await note('192.0.2.1');
    const all = await entries('access.refused');
    expect(all).toHaveLength(54);
    expect(all.map((entry) => entry.detail.repeats).filter(Boolean)).toEqual([4, 950]);
    await refusals.onApplicationShutdown();
  });

  it('does not raise an error when a refusal cannot be written', async () => {
    const broken = new Audit(source.getRepository(AuditEntryEntity), new RequestContext());
    broken.record = () => Promise.reject(new Error('disk full'));
    const refusals = new Refusals(broken, new Clock());
    const refusal = { code: 'forbidden', keyId: 'k', route: 'GET /x', address: '192.0.2.9', transport: 'rest' };
    await expect(refusals.note(refusal)).resolves.toBeUndefined();
    await refusals.onApplicationShutdown();
  });
});

describe('the tables of access control', () => {
  it('deny the application role to change the secret or owner of a key, or to delete a key', async () => {
    for (const statement of [
      `UPDATE api_keys SET secret_hash = '\\x00'`,
      `UPDATE api_keys SET user_id = 'x'`,
      'DELETE FROM api_keys',
      'DELETE FROM users',
      'TRUNCATE users',
    ]) {
      await expect(source.query(statement)).rejects.toThrow('permission denied');
    }
  });

  it.each([
    ['a short hash', `'k1', '\\x00', 'u', 'reader', 'free', '{}', NULL`],
    ['an unknown role', `'k2', sha256(''), 'u', 'root', 'free', '{}', NULL`],
    ['an unknown tier', `'k3', sha256(''), 'u', 'reader', 'gold', '{}', NULL`],
    ['an unknown user', `'k4', sha256(''), 'nobody', 'reader', 'free', '{}', NULL`],
    ['a limit that is not a number', `'k5', sha256(''), 'u', 'reader', 'free', '{"messages": "many"}', NULL`],
    ['an id that contains `_`', `'k_6', sha256(''), 'u', 'reader', 'free', '{}', NULL`],
    ['an unknown transport', `'k7', sha256(''), 'u', 'reader', 'free', '{}', '{pigeon}'`],
  ])('refuse a key with %s', async (_, values) => {
    await db.pool.query(`INSERT INTO users (id) VALUES ('u') ON CONFLICT DO NOTHING`);
    const insert = `INSERT INTO api_keys (id, secret_hash, user_id, role, tier, limits, transports, created_by) VALUES (${values}, 'test')`;
    await expect(db.pool.query(insert)).rejects.toThrow(/constraint/);
  });

  it('exist again after the migration was reverted and applied again', async () => {
    const own = await createTestDatabase();
    const owner = await new DataSource({ type: 'postgres', url: own.url, installExtensions: false }).initialize();
    const runner = owner.createQueryRunner();
    await new Access1790000003000().down(runner);
    await new Access1790000003000().up(runner);
    expect(await runner.hasTable('api_keys')).toBe(true);
    await runner.release();
    await owner.destroy();
    await own.drop();
  });
});

describe('the first admin key', () => {
  it('is created once in `DATA_DIR`, readable only by its owner, and anew after a revocation', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'admin-key-'));
    const start = async () => {
      const admin = new AdminKey(parseSettings({ DATA_DIR: dataDir }), source);
      await admin.onModuleInit();
      return admin;
    };
    const first = await start();
    const file = join(dataDir, 'admin.key');
    expect(first).toMatchObject({ adminKeyFile: file, newAdminKey: (await readFile(file, 'utf8')).trim() });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await start()).newAdminKey).toBeUndefined();
    await db.pool.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [first.newAdminKey!.split('_')[1]]);
    expect((await start()).newAdminKey).not.toBe(first.newAdminKey);
    await rm(dataDir, { recursive: true });
  });

  it('from `BOOTSTRAP_ADMIN_KEY` regains role and tier at a restart, but never gets another secret', async () => {
    const start = async (key: string) =>
      new AdminKey(parseSettings({ DATABASE_URL: db.url, BOOTSTRAP_ADMIN_KEY: key }), source).onModuleInit();
    await start('rta_boot_short');
    await db.pool.query(`UPDATE api_keys SET role = 'reader', revoked_at = now() WHERE id = 'boot'`);
    await start('rta_boot_short');
    const { rows } = await db.pool.query(
      `SELECT role, tier, revoked_at IS NULL AS alive FROM api_keys WHERE id = 'boot'`,
    );
    expect(rows).toEqual([{ role: 'admin', tier: 'enterprise', alive: false }]);
    await expect(start('rta_boot_other')).rejects.toThrow('another secret');
    await expect(start(`rta_boot_${'x'.repeat(200)}`)).rejects.toThrow('128');
    await new AdminKey(parseSettings({ DATABASE_URL: db.url }), source).onModuleInit();
  });
});
