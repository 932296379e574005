import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../../src/platform/database/embedded/embedded-postgres.js';
import { readPostmaster } from '../../../src/platform/database/embedded/postmaster-file.js';
import { isAlive } from '../../../src/platform/database/embedded/process-identity.js';
import { waitFor } from '../../support/wait-for.js';

const OWNER = join(import.meta.dirname, 'embedded-owner.mjs');

describe('the embedded PostgreSQL', () => {
  const root = mkdtempSync(join(tmpdir(), 'embedded-'));
  const prepared = join(root, 'prepared');
  const owners: ChildProcess[] = [];
  let tests = 0;
  let home: string;

  /** Database directory as a clean stop leaves it, with a row in `notes`: created once, copied for each test. */
  beforeAll(async () => {
    const database = await startEmbeddedPostgres(prepared);
    await query(database.url, `CREATE TABLE notes AS SELECT 'kept' AS note`);
    await database.stop();
  });

  beforeEach(() => {
    home = join(root, `test-${(tests += 1)}`);
    cpSync(prepared, home, { recursive: true });
  });

  afterEach(() => {
    for (const owner of owners.splice(0)) owner.kill('SIGKILL');
  });

  afterAll(async () => {
    await waitFor(() => serversIn(root).length === 0, { what: 'the end of all servers' });
    rmSync(root, { recursive: true, force: true });
  });

  /** Starts another process that owns `directory`; resolves with its output when it has started. */
  async function owner(directory = home): Promise<{ process: ChildProcess; said: string }> {
    const child = spawn(process.execPath, [OWNER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    owners.push(child);
    const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [Buffer];
    return { process: child, said: line.toString().trim() };
  }

  function serverOf(directory: string): number {
    return readPostmaster(join(directory, 'postgres'))?.pid ?? Number.NaN;
  }

  function serversIn(directory: string): number[] {
    return Array.from({ length: tests }, (_, index) => serverOf(join(directory, `test-${index + 1}`))).filter(isAlive);
  }

  /** Expects the row in `notes`, which shows that this is the same database. */
  async function expectUsable(url: string): Promise<void> {
    expect(await query(url, 'SELECT note FROM notes')).toEqual([{ note: 'kept' }]);
  }

  it('keeps its URL between starts, in a file that only its owner can read', async () => {
    const database = await startEmbeddedPostgres(home);
    await expectUsable(database.url);
    expect(readFileSync(join(home, 'database.url'), 'utf8')).toBe(`${database.url}\n`);
    expect(statSync(join(home, 'database.url')).mode & 0o777).toBe(0o600);
    await database.stop();
    const again = await startEmbeddedPostgres(home);
    expect(again.url).toBe(database.url);
    await again.stop();
  });

  it('refuses a wrong password', async () => {
    const database = await startEmbeddedPostgres(home);
    const wrong = new URL(database.url);
    wrong.password = 'guessed';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    await database.stop();
  });

  it('refuses a second process on the same directory, naming the first process', async () => {
    const first = await owner();
    await expect(startEmbeddedPostgres(home)).rejects.toThrow(`Process ${first.process.pid} already uses ${home}`);
    await expectUsable(first.said);
  });

  it('stops when its owner is killed with SIGKILL, and restarts with all committed data', async () => {
    const killed = await owner();
    await query(killed.said, 'CREATE TABLE committed (id int)');
    const server = serverOf(home);
    killed.process.kill('SIGKILL');
    await waitFor(() => !isAlive(server), { what: 'the end of the server' });
    const database = await startEmbeddedPostgres(home);
    await expectUsable(database.url);
    expect(await query(database.url, 'SELECT * FROM committed')).toEqual([]);
    await database.stop();
  });

  it('stops an orphaned server at the next start, after owner and watcher were killed', async () => {
    const killed = await owner();
    const orphan = serverOf(home);
    killed.process.kill('SIGSTOP');
    // Some of the server's own workers end in the meantime and then have no command.
    const watchers = descendants(killed.process.pid ?? 0).filter((pid) => /^(?!.*postgres:? )./.test(commandOf(pid)));
    expect(watchers).not.toEqual([]);
    for (const pid of watchers) process.kill(pid, 'SIGKILL');
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');
    expect(isAlive(orphan)).toBe(true);
    const database = await startEmbeddedPostgres(home);
    expect(isAlive(orphan)).toBe(false);
    await expectUsable(database.url);
    await database.stop();
  });

  it('starts despite a stale pid file, even if the pid belongs to another process', async () => {
    const killed = await owner();
    const server = serverOf(home);
    killed.process.kill('SIGSTOP');
    process.kill(server, 'SIGKILL');
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');
    await waitFor(() => !isAlive(server));
    const file = join(home, 'postgres/postmaster.pid');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid)));
    const database = await startEmbeddedPostgres(home);
    await expectUsable(database.url);
    await database.stop();
  });

  it('is restarted on the same URL when only the server is killed', async () => {
    const database = await startEmbeddedPostgres(home);
    const server = serverOf(home);
    process.kill(server, 'SIGKILL');
    await waitFor(() => serverOf(home) !== server && serverOf(home) > 0);
    await waitFor(() => query(database.url, 'SELECT 1'));
    await expectUsable(database.url);
    await database.stop();
  });

  it('gets a new password when `database.url` is lost', async () => {
    rmSync(join(home, 'database.url'));
    const database = await startEmbeddedPostgres(home);
    await expectUsable(database.url);
    await database.stop();
  });

  it('starts from scratch after an interrupted initialisation', async () => {
    const fresh = join(root, `test-${(tests += 1)}`);
    mkdirSync(join(fresh, 'postgres.new'), { recursive: true });
    writeFileSync(join(fresh, 'postgres.new/half'), 'written');
    const database = await startEmbeddedPostgres(fresh);
    expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.stop();
  });

  it('works in a directory that only its owner may enter, even as root', async () => {
    const closed = join(root, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o700);
    cpSync(prepared, join(closed, 'data'), { recursive: true });
    const database = await startEmbeddedPostgres(join(closed, 'data'));
    await expectUsable(database.url);
    await database.stop();
  });

  it.skipIf(process.getuid?.() !== 0)('runs as user `nobody` if root cannot create user namespaces', async () => {
    const fresh = join(root, `test-${(tests += 1)}`);
    const path = process.env['PATH'];
    const shellOnly = join(root, 'bin');
    mkdirSync(shellOnly, { recursive: true });
    symlinkSync('/bin/sh', join(shellOnly, 'sh'));
    process.env['PATH'] = shellOnly;
    try {
      await expect(startEmbeddedPostgres(fresh)).rejects.toThrow(/user nobody cannot enter .*: start as another user/);
      chmodSync(root, 0o755);
      const database = await startEmbeddedPostgres(fresh);
      expect(statSync(join(fresh, 'postgres')).uid).toBe(65_534);
      expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await database.stop();
    } finally {
      process.env['PATH'] = path;
      chmodSync(root, 0o700);
    }
  });

  it('refuses files of another major version, and explains what to do', async () => {
    writeFileSync(join(home, 'postgres/PG_VERSION'), '12\n');
    await expect(startEmbeddedPostgres(home)).rejects.toThrow(/written by PostgreSQL 12 .* dump it/);
    expect(statSync(join(home, 'owner.json'), { throwIfNoEntry: false })).toBeUndefined();
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

/**
 * Returns a file of /proc about a process; empty if the process has ended, which a server's worker may do at any moment.
 */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function descendants(pid: number): number[] {
  const children = readProcess(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function commandOf(pid: number): string {
  return readProcess(pid, 'cmdline').replaceAll('\0', ' ');
}
