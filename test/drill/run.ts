/**
 * `npm run test:drill [-- --full]`: a backup of 256 MB to a local S3 server that is away for 60 s, and its restore; with
 * `--full`, 10 GB. Prints the speeds, and the time for 10 GB computed from them. Fails if anything is lost.
 */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupLab, sql } from '../support/backup/backup-lab.js';
import { S3Server } from '../support/backup/s3-server.js';
import { startTestCluster } from '../support/servers/test-cluster.js';
import { waitFor } from '../support/wait-for.js';

const AWAY_MS = 60_000;
/** Longest time after which a store that is back must be in use, ms. */
const MAX_RETURN_MS = 60_000;
/** Rows of about 135 bytes. */
const ROWS = process.argv.includes('--full') ? 75_000_000 : 1_900_000;
const LATER_ROWS = 300_000;
const FULL_BYTES = 10e9;

const cluster = await startTestCluster();
const url = cluster.address('postgres');
const lab = new BackupLab(url);
mkdirSync(lab.path('s3'));
const s3 = await S3Server.start(lab.path('s3'));
try {
  await sql(
    url,
    `CREATE TABLE drill AS SELECT n, md5(n::text) || md5((n * 7)::text) || md5((n * 11)::text) AS text
       FROM generate_series(1, ${ROWS}) n`,
  );
  await timed('base', ['base', '--to', s3.place]);
  const [size] = await sql<{ bytes: string }>(url, 'SELECT sum(pg_database_size(oid)) AS bytes FROM pg_database');
  const bytes = Number(size?.bytes);
  const archive = lab.start(['wal', '--to', s3.place], s3.env);
  await waitFor(() => archive.out.length > 0);
  await s3.end();
  const away = Date.now();
  await sql(url, `INSERT INTO drill SELECT n, md5(n::text) FROM generate_series(1, ${LATER_ROWS}) n`);
  await sleep(Math.max(0, AWAY_MS - (Date.now() - away)));
  await s3.begin();
  const back = Date.now();
  await waitFor(() => archive.err.some((line) => line.endsWith('is available again')), { timeoutMs: MAX_RETURN_MS });
  console.log(`the bucket was away for ${AWAY_MS / 1_000} s and in use again ${(Date.now() - back) / 1_000} s later`);
  archive.stop();
  expectTrue((await archive.ended).code === 0, 'the archive ends with 0');
  await timed('wal', ['wal', '--once', '--to', s3.place]);
  await timed('verify', ['verify', '--to', s3.place]);
  const begun = Date.now();
  await timed('restore', ['restore', '--to', s3.place, '--into', lab.path('restored')]);
  const restored = await lab.serve(lab.path('restored'));
  const seconds = (Date.now() - begun) / 1_000;
  const [found] = await sql<{ count: string }>(restored, 'SELECT count(*) FROM drill');
  expectTrue(Number(found?.count) === ROWS + LATER_ROWS, `all ${ROWS + LATER_ROWS} rows are there`);
  const rate = bytes / seconds;
  console.log(
    `restored ${(bytes / 1e6).toFixed(0)} MB and served after ${seconds.toFixed(1)} s: ${(rate / 1e6).toFixed(0)} MB/s, ` +
      `10 GB in ${(FULL_BYTES / rate).toFixed(0)} s`,
  );
} finally {
  await s3.end();
  await lab.end();
  await cluster.stop();
}

async function timed(name: string, args: string[]): Promise<void> {
  const begun = Date.now();
  const { code, out, err } = await lab.run(args, s3.env);
  console.log(`${name}: ${((Date.now() - begun) / 1_000).toFixed(1)} s; ${out.at(-1) ?? ''}`);
  expectTrue(code === 0, `${name} ends with 0: ${err.join('; ')}`);
}

function expectTrue(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`not so: ${what}`);
}
