import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packClient } from '../../src/client/pack.mjs';
import { serverPort } from '../support/servers/server-port.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** Time limit of a test, ms: three starts of the server's program, and the compiler, take long on a busy machine. */
const TIMEOUT_MS = 180_000;
const ROOT = join(import.meta.dirname, '../..');
const ADMIN = `rta_packadmin_${'k'.repeat(43)}`;
const run = promisify(execFile);
let folder: string;
let server: string;
let application: string;
let db: TestDatabase;
let port: number;
const processes: ChildProcess[] = [];

/** Packs a folder as npm publishes it, and unpacks it into a project. Returns the package's folder. */
async function install(source: string, project: string, name: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder, source]);
  const [packed] = JSON.parse(stdout) as [{ filename: string }];
  const target = join(project, 'node_modules', name);
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', join(folder, packed.filename), '--strip-components=1', '-C', target]);
  return target;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packages-'));
  application = join(folder, 'application');
  server = await install(ROOT, join(folder, 'server'), 'defi-realtime');
  // Its dependencies, which npm would install.
  await symlink(join(ROOT, 'node_modules'), join(server, 'node_modules'));
  await packClient(join(folder, 'client'));
  await install(join(folder, 'client'), application, 'defi-realtime-client');
  db = await createTestDatabase();
  port = await serverPort();
});
afterAll(async () => {
  for (const child of processes.filter(({ exitCode }) => exitCode === null)) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await db?.drop();
  await rm(folder, { recursive: true, force: true });
});

const commandOf = async (): Promise<string> => {
  const { bin } = JSON.parse(await readFile(join(server, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  return join(server, bin['defi-realtime'] ?? '');
};
const settings = () => ({
  PATH: process.env['PATH'] ?? '',
  DATABASE_URL: db.url,
  HOST: '127.0.0.1',
  PORT: String(port),
  SOURCE: 'none',
  LOG_LEVEL: 'warn',
  BOOTSTRAP_ADMIN_KEY: ADMIN,
  SECRETS_KEY: 'a key that only this test uses',
});

it(
  'the packed server says what it can do, migrates, starts, and serves console and client',
  async () => {
    const command = await commandOf();
    const call = async (...args: string[]) =>
      (await run(process.execPath, [command, ...args], { env: settings() })).stdout;
    expect(await call('--help')).toContain('run the pending database migrations');
    await call('migrate');
    expect(await call('apikey', '--help')).toContain('apikey');
    const child = spawn(process.execPath, [command, 'start'], { env: settings(), stdio: 'ignore' });
    processes.push(child);
    const url = `http://127.0.0.1:${port}`;
    await waitFor(async () => (await fetch(`${url}/health/ready`)).ok, { timeoutMs: 90_000, everyMs: 100 });
    const { version } = JSON.parse(await readFile(join(server, 'package.json'), 'utf8')) as { version: string };
    expect((await fetch(`${url}/client/${version}/shared.js`)).status).toBe(200);
    expect((await fetch(`${url}/`)).status).toBe(200);
  },
  TIMEOUT_MS,
);

const PROGRAM = `
import { connect, type Client, type StreamMessage } from 'defi-realtime-client';
import { live, type LiveStore } from 'defi-realtime-client/live';
import { connectShared } from 'defi-realtime-client/shared';

const [url = '', auth = ''] = process.argv.slice(2);
const client: Client = connect({ url, auth });
const store: LiveStore<{ readonly _key: string }> | undefined = undefined;
for await (const message of client.subscribe({ tokens: ['packed'], snapshot: true })) {
  const seen: StreamMessage = message;
  if (seen.eventType === 'snapshot') console.log('snapshot');
  if (seen.eventType === 'price_change') {
    console.log(seen.token, seen.currentPrice, typeof live, typeof connectShared, store);
    break;
  }
}
client.close();
`;
/** Mistakes that must not compile. */
const MISTAKES = [
  `client.subscribe({ token: ['packed'] });`,
  `client.subscribe({ channels: ['event:prices'] });`,
  `client.subscribe({}, (message) => message.eventType === 'price_chang');`,
  `connectShared({ url, auth: () => auth });`,
];

it(
  'a program compiles against the packed client and gets events with it',
  async () => {
    const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const types = join(ROOT, 'node_modules/@types');
    const mistakes = MISTAKES.map((line) => `// @ts-expect-error a mistake\n${line}\n`).join('');
    await writeFile(join(application, 'package.json'), '{"type": "module"}');
    await writeFile(join(application, 'program.ts'), PROGRAM);
    await writeFile(join(application, 'mistakes.ts'), PROGRAM + mistakes);
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--typeRoots', types];
    const compiled = await run(process.execPath, [compiler, ...options, 'program.ts', 'mistakes.ts'], {
      cwd: application,
    }).catch((error: { stdout: string }) => error);
    expect(compiled.stdout).toBe('');
    const price = (value: number) =>
      db.pool.query(
        `INSERT INTO token_prices (token, price) VALUES ('packed', $1) ON CONFLICT (token) DO UPDATE SET price = $1`,
        [value],
      );
    await price(1);
    const program = spawn(process.execPath, ['program.js', `http://127.0.0.1:${port}`, ADMIN], { cwd: application });
    processes.push(program);
    let output = '';
    for (const stream of [program.stdout, program.stderr]) stream.on('data', (text) => (output += String(text)));
    await waitFor(() => output.includes('snapshot'));
    await price(2);
    await waitFor(() => program.exitCode !== null);
    expect(output).toBe('snapshot\npacked 2 function function undefined\n');
    expect(program.exitCode).toBe(0);
  },
  TIMEOUT_MS,
);
