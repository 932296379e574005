import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BackupLab, sql } from '../../support/backup/backup-lab.js';
import { S3Server } from '../../support/backup/s3-server.js';
import { startTestCluster, type TestCluster } from '../../support/servers/test-cluster.js';
import { waitFor } from '../../support/wait-for.js';

let cluster: TestCluster;
let url: string;
let lab: BackupLab;
let s3: S3Server;

beforeAll(async () => {
  cluster = await startTestCluster();
  url = cluster.address('postgres');
  lab = new BackupLab(url);
  mkdirSync(lab.path('s3'));
  s3 = await S3Server.start(lab.path('s3'));
  await sql(url, 'CREATE TABLE notes (text text)');
});
afterAll(async () => {
  await s3?.end();
  await lab?.end();
  await cluster?.stop();
});

it('a bucket that goes away in between loses nothing: the archive catches up, and all is restored', async () => {
  const to = ['--to', s3.place];
  expect(await lab.run(['base', ...to], s3.env)).toMatchObject({ code: 0 });
  const archive = lab.start(['wal', ...to], s3.env);
  await waitFor(() => archive.out.length > 0);
  await s3.end();
  await sql(url, 'INSERT INTO notes SELECT repeat(md5(n::text), 20) FROM generate_series(1, 60000) n');
  await waitFor(() => archive.err.some((line) => / unavailable; .*; trying again$/.test(line)));
  await sleep(1_000);
  await s3.begin();
  await waitFor(() => archive.err.some((line) => line.endsWith(' is available again')), { timeoutMs: 40_000 });
  await sql(url, "INSERT INTO notes VALUES ('last')");
  await sleep(2_500);
  archive.stop();
  expect(await archive.ended).toMatchObject({ code: 0 });
  expect(await lab.run(['verify', ...to], s3.env)).toMatchObject({ code: 0, err: [] });
  expect(await lab.run(['restore', ...to, '--into', lab.path('restored')], s3.env)).toMatchObject({ code: 0 });
  const [found] = await sql<{ count: string }>(await lab.serve(lab.path('restored')), 'SELECT count(*) FROM notes');
  expect(found).toEqual({ count: '60001' });
});

it.each([
  [{ S3_SECRET_ACCESS_KEY: 'wrong' }, 's3://backups', /^s3:\/\/backups is refused: it does not accept the credentials/],
  [{}, 's3://another-bucket', /^s3:\/\/another-bucket is refused: there is no such bucket$/],
  [{ S3_ENDPOINT: 'http://127.0.0.1:9' }, 's3://backups', /^s3:\/\/backups unavailable; /],
])('with %j, %s is refused in one sentence', async (env, place, text) => {
  const call = await lab.run(['base', '--to', place], { ...s3.env, ...env });
  expect(call.code).toBe(1);
  expect(call.err.at(-1)).toMatch(text);
  expect(call.err.join('\n')).not.toContain('wrong');
});
