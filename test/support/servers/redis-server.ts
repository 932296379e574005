import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { serverPort } from './server-port.js';
import { waitFor } from '../wait-for.js';

const INSTALL = 'redis-server is not installed: apt-get install redis-server';
/** Number of characters of its log that are kept for the error if it does not start. */
const SAID_KEPT = 2_000;

/** Separate, empty redis-server for a test, on a free port. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Stops the server like an operator. `start` restarts it with its data. */
  stop(): Promise<void>;
  /** Starts the server again on the same port, after `stop` or `kill`. */
  start(): Promise<void>;
  restart(options?: { empty?: boolean }): Promise<void>;
  /** Kills the server with SIGKILL: its data is lost. */
  kill(): Promise<void>;
  /** Stops and continues the server with SIGSTOP and SIGCONT: connections stay open, but nothing answers. */
  pause(): void;
  resume(): void;
  /** Runs a command and returns its reply, like `redis-cli`. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Stops the server and removes its files. */
  close(): Promise<void>;
}

/** Starts a server; `options` are added to its command line, for example `['--cluster-enabled', 'yes']`. */
export async function startRedis(options: readonly string[] = []): Promise<TestRedis> {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error(INSTALL);
  const port = await serverPort();
  const directory = mkdtempSync(join(tmpdir(), 'redis-test-'));
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...options];
    const starting = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    server = starting;
    let said = '';
    starting.stdout.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_KEPT)));
    const name = `redis-server on port ${port}`;
    await waitFor(async () => starting.exitCode !== null || (await call('PING')) === 'PONG', { what: name });
    if (starting.exitCode !== null) throw new Error(`${name} ended with ${starting.exitCode}:\n${said}`);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = server;
    server = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill('SIGCONT');
    ending.kill(signal);
    await once(ending, 'exit');
  }

  async function call(command: string, ...args: string[]): Promise<unknown> {
    const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(command, ...args);
    } finally {
      client.disconnect();
    }
  }

  async function stop(): Promise<void> {
    if (server === undefined) return;
    await call('SAVE');
    await end('SIGTERM');
  }

  function forget(): void {
    rmSync(join(directory, 'dump.rdb'), { force: true });
  }

  async function close(): Promise<void> {
    await end('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop,
    start,
    call,
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    restart: async ({ empty = false } = {}) => {
      await stop();
      if (empty) forget();
      await start();
    },
    kill: async () => {
      await end('SIGKILL');
      forget();
    },
    close,
  };
}

const SLOTS = 16_384;
const MASTERS = 3;

/** Cluster: its methods act on all nodes, except `call`, which uses the first. */
export interface TestRedisCluster extends TestRedis {
  readonly nodes: readonly TestRedis[];
}

/** Starts a Redis Cluster of three masters; resolves when it accepts keys. */
export async function startRedisCluster(options: readonly string[] = []): Promise<TestRedisCluster> {
  const clustered = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', ...options];
  const starts = await Promise.allSettled(Array.from({ length: MASTERS }, () => startRedis(clustered)));
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const each = async (change: (node: TestRedis) => Promise<void>): Promise<void> => {
    await Promise.all(nodes.map(change));
  };
  const [first, ...others] = nodes;
  const failed = starts.find((start) => start.status === 'rejected');
  if (first === undefined || failed !== undefined) {
    await each((node) => node.close());
    throw new Error('A node of the cluster did not start.', { cause: failed?.reason });
  }

  async function isComplete(): Promise<void> {
    await waitFor(
      async () => {
        const infos = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'INFO')));
        return infos.every(
          (info) => String(info).includes('cluster_state:ok') && String(info).includes(`known_nodes:${MASTERS}`),
        );
      },
      { what: 'a cluster that is ok', timeoutMs: 20_000 },
    );
  }

  async function join(): Promise<void> {
    for (const [index, node] of nodes.entries()) {
      const [from, next] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / MASTERS));
      await node.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String((next ?? SLOTS) - 1));
      await node.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    }
    for (const node of others) await first?.call('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
    await isComplete();
  }

  const close = (): Promise<void> => each((node) => node.close());
  try {
    await join();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: first.url,
    port: first.port,
    nodes,
    call: first.call,
    stop: () => each((node) => node.stop()),
    start: async () => {
      await each((node) => node.start());
      await isComplete();
    },
    restart: async (how) => {
      await each((node) => node.restart(how));
      await isComplete();
    },
    kill: () => each((node) => node.kill()),
    pause: () => nodes.forEach((node) => node.pause()),
    resume: () => nodes.forEach((node) => node.resume()),
    close,
  };
}
