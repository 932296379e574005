import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runApiKeyCommand } from '../../../src/access/cli/api-key-command.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

let db: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  db = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'apikey-'));
});
afterAll(async () => {
  await db.drop();
  await rm(dataDir, { recursive: true });
});

async function run(line: string, env: Record<string, string> = { DATABASE_URL: db.url }) {
  const out: string[] = [];
  const err: string[] = [];
  const output = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  const code = await runApiKeyCommand(line.split(' '), () => parseSettings({ DATA_DIR: dataDir, ...env }), output);
  return { code, out, err: err.join('\n') };
}
const idOf = (key: string | undefined) => key?.split('_')[1] ?? '';

describe('defi-realtime apikey', () => {
  it('creates a key and prints only the key on standard output', async () => {
    const { code, out, err } = await run('create --user alice --tier pro --name desk --expires 30d');
    expect([code, out.length]).toEqual([0, 1]);
    expect(out[0]).toMatch(/^rta_[0-9a-f]{16}_[\w-]{43}$/);
    expect(err).toContain('user alice (reader, pro)');
    expect(err).not.toContain(out[0]);
  });

  it('lists, rotates and revokes keys, and writes each change to the audit log', async () => {
    const first = idOf((await run('create --user bob')).out[0]);
    const second = idOf((await run(`rotate ${first} --overlap 1h`)).out[0]);
    expect((await run(`revoke ${second}`)).code).toBe(0);
    const rows = (await run('list --user bob --json')).out.map((line) => JSON.parse(line));
    expect(rows.map((row) => [row.id, row.state])).toEqual([
      [second, 'revoked'],
      [first, 'active'],
    ]);
    const table = (await run('list --user bob')).out;
    expect(table[0]).toMatch(/^id +user +role/);
    expect(table).toHaveLength(3);
    expect((await run('list --user nobody')).out).toEqual(['no keys']);
    const trail = await db.pool.query(
      `SELECT action, subject, coalesce(detail -> 'request' ->> 'userId', detail -> 'request' ->> 'id') AS of FROM audit_log WHERE actor = 'cli' AND subject IN ($1, $2) ORDER BY id`,
      [first, second],
    );
    expect(trail.rows).toEqual([
      { action: 'api_key.create', subject: first, of: expect.any(String) },
      { action: 'api_key.rotate', subject: second, of: first },
      { action: 'api_key.revoke', subject: second, of: null },
    ]);
  });

  it('reports an unknown key or a wrong command, and audits the refusal', async () => {
    expect(await run('revoke nosuchkey')).toMatchObject({ code: 1, err: 'Key not found.' });
    const { rows } = await db.pool.query(`SELECT outcome, detail FROM audit_log WHERE subject = 'nosuchkey'`);
    expect(rows).toEqual([{ outcome: 'refused', detail: { code: 'not_found' } }]);
    expect(await run('revoke')).toMatchObject({ code: 2 });
    expect((await run('--help')).out[0]).toContain('defi-realtime apikey create');
  });

  it('finds the embedded database while the server runs, and otherwise explains how to start it', async () => {
    expect((await run('list', {})).err).toContain('start the server with `defi-realtime start`');
    await writeFile(join(dataDir, 'database.url'), 'postgres://127.0.0.1:1/x\n');
    expect((await run('list', {})).err).toContain('start the server with `defi-realtime start`');
    await writeFile(join(dataDir, 'database.url'), `${db.url}\n`);
    expect((await run('list', {})).code).toBe(0);
    const unavailable = await run('list', { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' });
    expect(unavailable.err).toContain('DATABASE_URL cannot be reached');
    expect(unavailable.err).not.toContain('hunter2');
  });
});
