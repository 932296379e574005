import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { PAIRS } from '../../../src/platform/http/certificates.fixture.js';
import { createTestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

const MAIN = join(import.meta.dirname, '../../../dist/src/main.js');

/** The built product as a process, with all its output. */
class Run {
  readonly child: ChildProcess;
  output = '';

  constructor(env: Record<string, string>, args: readonly string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', HOST: '127.0.0.1', PORT: '0', SOURCE: 'none', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
  }

  /** Returns the value of a line of the start message. */
  async fact(name: string): Promise<string> {
    const form = new RegExp(`"msg":"${name}","value":"([^"]*)"`);
    return waitFor(() => form.exec(this.output)?.[1], { timeoutMs: 60_000, what: `${name} in ${this.output}` });
  }

  async end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }
}

/**
 * Returns the database logins of the product: all logins except the server's own processes, the superuser that queries,
 * and the lock.
 */
async function loginsOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; isSuper: boolean }>(
      `SELECT DISTINCT a.usename AS name, r.rolsuper AS "isSuper" FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
       WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
         AND a.application_name <> 'defi-realtime-lock'`,
    );
    expect(rows.filter(({ isSuper }) => isSuper)).toEqual([]);
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/**
 * Creates a certificate and key behind links from `folder`, like mounted secrets; returns the settings with their paths.
 */
function certificateFiles(folder: string): Record<string, string> {
  const files = { TLS_CERT: join(folder, 'tls.crt'), TLS_KEY: join(folder, 'tls.key') };
  mkdirSync(join(folder, 'mount'), { recursive: true });
  for (const file of Object.values(files)) symlinkSync(join('mount/current', file.slice(folder.length)), file);
  return files;
}

function installCertificate(folder: string, name: keyof typeof PAIRS): void {
  const pem = (what: string, text: string) => `-----BEGIN ${what}-----\n${text}\n-----END ${what}-----\n`;
  const version = join(folder, 'mount', name);
  mkdirSync(version);
  writeFileSync(join(version, 'tls.crt'), pem('CERTIFICATE', PAIRS[name].certificate));
  writeFileSync(join(version, 'tls.key'), pem('PRIVATE KEY', PAIRS[name].key));
  symlinkSync(name, `${version}.next`);
  renameSync(`${version}.next`, join(folder, 'mount/current'));
}

/** Returns the name in the certificate that a new connection receives, or the code of the error. */
const certificateAt = (address: string, options: ConnectionOptions = {}): Promise<string> =>
  new Promise((resolve) => {
    const port = Number(new URL(address).port);
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

/**
 * Time limit, ms: a start with an empty directory takes less than 2 s on an idle machine, but these tests run beside
 * other suites.
 */
const START_TIMEOUT_MS = 120_000;

describe('the process', { timeout: START_TIMEOUT_MS }, () => {
  const root = mkdtempSync(join(tmpdir(), 'start-'));
  const runs: Run[] = [];
  let blocker: Server | undefined;

  function run(env: Record<string, string> = {}, args: readonly string[] = []): Run {
    const started = new Run(env, args);
    runs.push(started);
    return started;
  }

  afterEach(async () => {
    for (const { child } of runs.splice(0)) {
      if (child.exitCode === null) child.kill('SIGKILL');
    }
    blocker?.close();
  });

  afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

  it('starts without settings, prints the console URL, and stops with code 0 on SIGTERM', async () => {
    const home = join(root, 'fresh');
    const first = run({ DATA_DIR: home });
    const console = await first.fact('Console');
    const key = /#key=(rta_\w+_[\w-]+)$/.exec(console)?.[1] ?? '';
    expect(readFileSync(join(home, 'admin.key'), 'utf8').trim()).toBe(key);
    const ready = await fetch(new URL('/health/ready', console));
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ok' }]);
    // Longer than the minute for which balancers keep connections open.
    expect(ready.headers.get('keep-alive')).toBe('timeout=75');
    expect(first.output.match(/Web Push is off: it needs MAIL_FROM[^"]*/g)).toHaveLength(1);
    first.child.kill('SIGTERM');
    expect(await first.end()).toBe(0);
    expect(existsSync(join(home, 'postgres/postmaster.pid'))).toBe(false);

    const second = run({ DATA_DIR: home });
    expect(await second.fact('Console')).not.toContain('#key');
    second.child.kill('SIGINT');
    expect(await second.end()).toBe(0);
    // Warnings are permitted, for example about a busy machine, but no errors.
    expect(second.output).not.toMatch(/"level":"(?:error|fatal)"/);
  });

  it('uses a role without superuser rights, and refuses a second process on the database', async () => {
    const home = join(root, 'shared');
    mkdirSync(home, { mode: 0o755 });
    const first = run({ DATA_DIR: home });
    const console = await first.fact('Console');
    const key = /#key=(.*)$/.exec(console)?.[1] ?? '';
    const sameDirectory = run({ DATA_DIR: home });
    expect(await sameDirectory.end()).toBe(1);
    expect(sameDirectory.output).toMatch(/^Cannot start: Process \d+ already uses .*\n$/);
    const url = readFileSync(join(home, 'database.url'), 'utf8').trim();
    expect(await loginsOf(url)).toEqual(['defi_server']);
    const answer = await fetch(new URL('/v1/query/advanced', console), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ dataset: 'tvl' }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([200, { data: [] }]);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    const sameDatabase = run({
      DATABASE_URL: url,
      SECRETS_KEY: 'a key of at least 16 characters',
      DATA_DIR: join(root, 'unused'),
    });
    expect(await sameDatabase.end()).toBe(1);
    expect(sameDatabase.output).toMatch(/^Cannot start: Another process already works on this database;.*\n$/);
  });

  it('ends open event streams at SIGTERM instead of waiting for them', async () => {
    const started = run({ DATA_DIR: join(root, 'streams') });
    const console = await started.fact('Console');
    const key = /#key=(.*)$/.exec(console)?.[1] ?? '';
    const stream = await fetch(new URL(`/v1/stream?channels=events:tvl&apiKey=${key}`, console));
    expect(stream.status).toBe(200);
    started.child.kill('SIGTERM');
    await stream.text().catch(() => undefined);
    expect(await started.end()).toBe(0);
    expect(started.output.replaceAll(`#key=${key}`, '')).not.toContain(key);
  });

  it('refuses to start with invalid settings, and lists all of them', async () => {
    const bad = run({ PORT: 'eighty', FLUSH_MS: '-1', ROLE: 'gateway' });
    expect(await bad.end()).toBe(1);
    expect(bad.output).toBe(
      [
        'Cannot start: The settings are not valid:',
        '  PORT=eighty: expected a whole number from 0 to 65535',
        '  FLUSH_MS=-1: expected a number from 0 to 1000',
        '  ROLE=gateway: several processes share their work through Redis, so REDIS_URL must be set',
        '',
      ].join('\n'),
    );
  });

  it('reports a data directory that cannot be created', async () => {
    const nowhere = run({ DATA_DIR: '/proc/x' });
    expect([await nowhere.end(), nowhere.output]).toEqual([
      1,
      'Cannot start: DATA_DIR=/proc/x must be a directory that this process can create and write (ENOENT).\n',
    ]);
  });

  it('refuses an unknown argument in every command', async () => {
    const slips = [[], ['start'], ['migrate'], ['apikey'], ['probe'], ['sla'], ['secrets']].map((command) =>
      run({ DATA_DIR: join(root, 'slip') }, [...command, '--hlep']),
    );
    for (const slip of slips) {
      expect([await slip.end(), slip.output]).toEqual([2, 'unknown argument --hlep; see --help\n']);
    }
    expect(existsSync(join(root, 'slip'))).toBe(false);
  });

  it('reports a port that is taken by another program', async () => {
    blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const late = run({ DATA_DIR: join(root, 'late'), PORT: String(port) });
    expect(await late.end()).toBe(1);
    expect(late.output).toContain(`Cannot start: Port ${port} is taken by another program`);
  });

  it('requires migrations and `SECRETS_KEY`, serves TLS 1.3, and reloads certificates on SIGHUP', async () => {
    const db = await createTestDatabase({ empty: true });
    const env = { DATABASE_URL: db.url, SECRETS_KEY: 'a key that only tests use' };
    const early = run(env);
    expect(await early.end()).toBe(1);
    expect(early.output).toMatch(/^Cannot start: The database lacks \d+ migrations .*defi-realtime migrate/);
    const migrated = run(env, ['migrate']);
    expect([await migrated.end(), migrated.output]).toEqual([0, expect.stringMatching(/^Applied Capture\d+, /)]);
    const again = run(env, ['migrate']);
    expect([await again.end(), again.output]).toEqual([0, 'The schema is up to date.\n']);
    const keyless = run({ DATABASE_URL: db.url, DATA_DIR: join(root, 'external') });
    expect(await keyless.end()).toBe(1);
    expect(keyless.output).toMatch(/Cannot start: SECRETS_KEY must be set .*openssl rand -base64 32/);
    const certificates = join(root, 'certificates');
    const tls = certificateFiles(certificates);
    installCertificate(certificates, 'one');
    const ready = run({ ...env, ...tls, DATA_DIR: join(root, 'external') });
    const console = await ready.fact('Console');
    expect(await certificateAt(console)).toBe('one.example');
    const address = { HOST: new URL(console).hostname, PORT: new URL(console).port };
    expect(await run({ ...env, ...tls, ...address }, ['probe']).end()).toBe(0);
    const overHttp = run({ ...env, ...address }, ['probe']);
    expect([await overHttp.end(), overHttp.output]).toEqual([1, expect.stringMatching(/.+\n/)]);
    expect(await certificateAt(console, { maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION|ECONNRESET/);
    installCertificate(certificates, 'two');
    ready.child.kill('SIGHUP');
    await waitFor(async () => (await certificateAt(console)) === 'two.example', { what: ready.output });
    ready.child.kill('SIGTERM');
    expect(await ready.end()).toBe(0);
    await db.drop();
  });

  it('lists its commands with `--help`, and refuses one that it does not have', async () => {
    const help = run({}, ['--help']);
    expect([await help.end(), help.output]).toEqual([
      0,
      expect.stringMatching(/^Usage: defi-realtime <command>\n\n {2}start {4}run the service;.*\n {2}migrate /),
    ]);
    const unknown = run({}, ['strat', '--help']);
    expect([await unknown.end(), unknown.output]).toEqual([
      2,
      expect.stringMatching(/^unknown command strat; allowed: start, migrate, apikey, probe.*\n$/),
    ]);
  });

  it.each([
    ['start', 'DATABASE_URL  (URL; default: unset)'],
    ['migrate', 'DATABASE_URL=postgres://… defi-realtime migrate'],
    ['apikey', 'defi-realtime apikey create --user alice'],
    ['probe', 'exit code 0: /health/live answers 200'],
    ['sla', 'Usage: defi-realtime sla --from <time>'],
    ['secrets', 'defi-realtime secrets [--dir /run/secrets]'],
  ])('explains the command %s with `--help`', async (command, text) => {
    const help = run({}, [command, '--help']);
    expect([await help.end(), help.output]).toEqual([0, expect.stringContaining(text)]);
  });
});
