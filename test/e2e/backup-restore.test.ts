import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, expect, it } from 'vitest';
import { connect, type Client, type StreamMessage } from '../../src/client/index.js';
import { BACKUP_KEY } from '../support/backup/backup-lab.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { AppProcess } from '../support/servers/app-process.js';
import { serverPort } from '../support/servers/server-port.js';
import { waitFor } from '../support/wait-for.js';

const MAIN = join(import.meta.dirname, '../../dist/src/main.js');
const home = mkdtempSync(join(tmpdir(), 'backup-e2e-'));
const data = join(home, 'data');
const env = { DATA_DIR: data, BACKUP_TO: join(home, 'backups'), BACKUP_KEY };
let app: AppProcess | undefined;
let client: Client | undefined;

afterAll(async () => {
  client?.close();
  await app?.end('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

const backup = (...args: string[]) =>
  promisify(execFile)(process.execPath, [MAIN, 'backup', ...args], { env: { PATH: process.env['PATH'], ...env } });

async function price(value: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: readFileSync(join(data, 'database.url'), 'utf8').trim() });
  await new MarketWriter(pool).price('0xbackup', value);
  await pool.end();
}

it('after a loss and a restore, old cursors are refused by epoch and clients come back by themselves', async () => {
  app = new AppProcess(await serverPort(), env);
  await app.start();
  const key = readFileSync(join(data, 'admin.key'), 'utf8').trim();
  const secrets = readFileSync(join(data, 'secrets.key'), 'utf8');
  await price(1);
  const messages: StreamMessage[] = [];
  const arrived = (value: number) => () =>
    messages.some((message) => message.eventType === 'price_change' && message.currentPrice === value);
  client = connect({ url: app.url, auth: key });
  client.subscribe({ tokens: ['0xbackup'], snapshot: true }, (message) => {
    messages.push(message);
  });
  await waitFor(() => messages.some(({ eventType }) => eventType === 'snapshot'));
  expect((await backup('base')).stdout).toMatch(/backup \S+ complete/);
  await price(2);
  await waitFor(arrived(2));
  await backup('wal', '--once');
  await price(3);
  await waitFor(arrived(3));

  await app.end('SIGKILL');
  renameSync(data, join(home, 'lost'));
  messages.length = 0;
  expect((await backup('restore')).stdout).toMatch(/restored into /);
  expect(readFileSync(join(data, 'secrets.key'), 'utf8')).toBe(secrets);
  await app.start();

  await waitFor(() => messages.some((message) => message.eventType === 'gap' && message.reason === 'epoch'), {
    timeoutMs: 40_000,
  });
  await waitFor(() => messages.some(({ eventType }) => eventType === 'snapshot'));
  expect(JSON.stringify(messages)).not.toMatch(/"(?:currentPrice|price)":3\b/);
  await price(4);
  await waitFor(arrived(4));
}, 180_000);
