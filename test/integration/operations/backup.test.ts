import { existsSync, readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateDatabase } from '../../../src/platform/database/migrate-database.js';
import { BackupLab, sql } from '../../support/backup/backup-lab.js';
import { startTestCluster, type TestCluster } from '../../support/servers/test-cluster.js';
import { waitFor } from '../../support/wait-for.js';

let cluster: TestCluster;
let url: string;
let lab: BackupLab;

beforeAll(async () => {
  cluster = await startTestCluster();
  url = cluster.address('postgres');
  lab = new BackupLab(url);
  await migrateDatabase(url);
  await sql(url, 'CREATE TABLE notes (id serial PRIMARY KEY, text text)');
});
afterAll(async () => {
  await lab?.end();
  await cluster?.stop();
});

const add = (text: string, address = url): Promise<unknown> =>
  sql(address, `INSERT INTO notes (text) VALUES ('${text}')`);
const notes = async (address: string): Promise<string> =>
  (await sql<{ text: string }>(address, 'SELECT text FROM notes ORDER BY id')).map(({ text }) => text).join(' ');
const now = async (): Promise<string> => {
  const [row] = await sql<{ at: Date }>(url, 'SELECT clock_timestamp() AS at');
  await sleep(20);
  return row!.at.toISOString();
};

describe('a backup of a running server', () => {
  it('restores its end, and each moment that was archived since', async () => {
    const to = lab.path('store');
    await add('before');
    const base = await lab.run(['base', '--to', to]);
    expect(base).toMatchObject({ code: 0, err: [] });
    expect(base.out.at(-1)).toMatch(/^backup \d{8}T\d{6}Z-[\da-f]{4} complete: \d+ MB in [\d.]+ s \(\d+ MB\/s\)$/);
    await add('kept');
    const beforeMistake = await now();
    await sql(url, 'DELETE FROM notes');
    await add('mistake');
    expect(await lab.run(['wal', '--once', '--to', to])).toMatchObject({ code: 0, err: [] });
    expect(await lab.run(['verify', '--to', to])).toMatchObject({ code: 0, err: [] });

    const newest = await lab.run(['restore', '--to', to, '--into', lab.path('newest')]);
    expect(newest).toMatchObject({ code: 0, err: [] });
    expect(await notes(await lab.serve(lab.path('newest')))).toBe('mistake');

    const earlier = ['restore', '--to', to, '--into', lab.path('earlier'), '--at', beforeMistake];
    expect(await lab.run(earlier)).toMatchObject({ code: 0, err: [] });
    const restored = await lab.serve(lab.path('earlier'));
    expect(await notes(restored)).toBe('before kept');
    await add('writes go on', restored);
    expect(statSync(lab.path('earlier')).mode & 0o777).toBe(0o700);
  });

  it('records its last success for the metrics', async () => {
    const rows = await sql<{ kind: string; age: string; bytes: string }>(
      url,
      'SELECT kind, extract(epoch FROM now() - reached) AS age, bytes FROM backup_state ORDER BY kind',
    );
    expect(rows.map(({ kind }) => kind)).toEqual(['base', 'wal']);
    for (const { age } of rows) expect(Number(age)).toBeLessThan(60);
    expect(Number(rows[0]?.bytes)).toBeGreaterThan(20_000_000);
  });

  it('archives changes within seconds until a signal, over a restart of the server', async () => {
    const to = lab.path('stream');
    expect(await lab.run(['base', '--to', to])).toMatchObject({ code: 0 });
    const archive = lab.start(['wal', '--to', to]);
    await waitFor(() => archive.out.length > 0);
    await add('streamed');
    const wanted = await now();
    await cluster.end();
    await cluster.begin();
    await waitFor(() => archive.err.join().includes('the server is unavailable; trying again'));
    await waitFor(() => archive.out.includes('the server is available again'));
    // More than a segment, so that complete ones and beginnings follow each other.
    await sql(url, 'CREATE TABLE filling AS SELECT repeat(md5(n::text), 20) AS text FROM generate_series(1, 60000) n');
    await add('after the restart');
    await sleep(2_500);
    const second = await lab.run(['wal', '--once', '--to', to]);
    expect(second).toMatchObject({ code: 1, err: ['another process archives this server already'] });
    archive.stop();
    expect(await archive.ended).toMatchObject({ code: 0 });
    expect(await lab.run(['verify', '--to', to])).toMatchObject({ code: 0, err: [] });
    expect(await lab.run(['restore', '--to', to, '--into', lab.path('streamed')])).toMatchObject({ code: 0 });
    expect(await notes(await lab.serve(lab.path('streamed')))).toContain('streamed after the restart');
    const early = ['restore', '--to', to, '--into', lab.path('early'), '--at', wanted];
    expect(await lab.run(early)).toMatchObject({ code: 0 });
    expect(await notes(await lab.serve(lab.path('early')))).toMatch(/streamed$/);
  });

  it('goes on after a restore, on the new timeline, and both futures can be restored', async () => {
    const to = lab.path('timelines');
    expect(await lab.run(['base', '--to', to])).toMatchObject({ code: 0 });
    await add('common');
    const fork = await now();
    await add('first future');
    expect(await lab.run(['wal', '--once', '--to', to])).toMatchObject({ code: 0 });
    expect(await lab.run(['restore', '--to', to, '--into', lab.path('fork'), '--at', fork])).toMatchObject({ code: 0 });
    const restored = await lab.serve(lab.path('fork'));
    await add('second future', restored);
    const second = new BackupLab(restored);
    const archived = await second.run(['wal', '--once', '--to', to]);
    await second.end();
    expect(archived).toMatchObject({ code: 0 });
    expect(readdirSync(to, { recursive: true }).join()).toContain('00000002.history');

    expect(await lab.run(['verify', '--to', to])).toMatchObject({ code: 0, err: [] });
    expect(await lab.run(['restore', '--to', to, '--into', lab.path('two')])).toMatchObject({ code: 0 });
    expect(await notes(await lab.serve(lab.path('two')))).toMatch(/common second future$/);
    const one = ['restore', '--to', to, '--into', lab.path('one'), '--timeline', '1'];
    expect(await lab.run(one)).toMatchObject({ code: 0 });
    expect(await notes(await lab.serve(lab.path('one')))).toMatch(/common first future$/);
  });

  it('is removed with its part of the log when a newer one reaches the whole time kept', async () => {
    const to = lab.path('pruned');
    const keep = { BACKUP_KEEP_DAYS: '1' };
    expect(await lab.run(['base', '--to', to], keep)).toMatchObject({ code: 0 });
    expect(await lab.run(['wal', '--once', '--to', to])).toMatchObject({ code: 0 });
    // The server kept more of the log than this backup needs.
    expect(await lab.run(['prune', '--to', to], keep)).toMatchObject({ code: 0, err: [] });
    expect(await lab.run(['prune', '--to', to], keep)).toMatchObject({ code: 0, out: ['nothing to remove'] });
    const inTwoDays = Date.now() + 2 * 86_400_000;
    const second = await lab.run(['base', '--to', to], keep);
    expect(second.out.join()).not.toContain('removed');
    const pruned = await lab.run(['prune', '--to', to], keep, inTwoDays);
    expect(pruned.out.join(' ').replaceAll('\n', ' ')).toMatch(
      /^removed the backup \S+ removed \d+ segments of the log$/,
    );
    const listed = JSON.parse((await lab.run(['list', '--json', '--to', to])).out.join()) as { backups: unknown[] };
    expect(listed.backups).toHaveLength(1);
    expect(await lab.run(['verify', '--to', to])).toMatchObject({ code: 0, err: [] });
    expect(await lab.run(['restore', '--to', to, '--into', lab.path('kept')])).toMatchObject({ code: 0 });
  });
});

describe('the command', () => {
  it.each([
    [['--help'], 0, /^Usage: defi-realtime backup <action>/],
    [[], 2, /^unknown action ; allowed: base, wal, verify, restore, list, prune/],
    [['copy'], 2, /^unknown action copy; allowed: base/],
    [['base', '--at', 'now'], 2, /^unknown argument --at; see --help$/],
    [['base', '--to'], 2, /--to/],
    [['restore', '--at', 'yesterday noon'], 2, /^--at must be a time; see --help$/],
    [['restore', '--at', '2999-01-01'], 2, /^--at must not be in the future$/],
    [['restore', '--timeline', '0'], 2, /^--timeline must be a whole number of at least 1$/],
    [['base', 'more'], 2, /more/],
    [['list'], 1, /^--to or BACKUP_TO must name the place of the backups$/],
    [['list', '--to', '/nowhere'], 1, /^there are no backups in \/nowhere$/],
    [['list', '--to', 's3://x'], 1, /^s3:\/\/x: must be s3:\/\/bucket or s3:\/\/bucket\/prefix$/],
    [['list', '--to', 's3://bucket'], 1, /^S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set/],
  ])('answers %j with exit code %i and one sentence', async (args, code, text) => {
    const call = await lab.run(args);
    expect(call.code).toBe(code);
    expect([...call.out, ...call.err].join('\n')).toMatch(text);
  });

  it('makes no backup without a key, and leaves nothing behind', async () => {
    const call = await lab.run(['base', '--to', lab.path('keyless')], { BACKUP_KEY: '' });
    expect(call).toMatchObject({ code: 1, err: [expect.stringMatching(/^BACKUP_KEY must be set/)] });
    expect(existsSync(lab.path('keyless'))).toBe(false);
  });
});
