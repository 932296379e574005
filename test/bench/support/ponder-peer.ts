import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { serverPort } from '../../support/servers/server-port.js';
import type { MockRpcProcess } from '../../support/chain/mock-rpc-process.js';
import type { BenchContext } from './bench-context.js';

const VERSION = '0.16.10';
/** Kept between runs: an installation takes a minute. */
const FOLDER = join(tmpdir(), `defi-realtime-ponder-${VERSION}`);
const INSTALL_MS = 300_000;
/** Longest time that the peer indexes, ms. */
const RUN_MS = 60_000;
const QUICK_RUN_MS = 20_000;

/** Project that does what the product does for an ERC-721: owners, numbers of tokens, and points as a linear function of time. */
const FILES = {
  'package.json': JSON.stringify({
    name: 'peer',
    private: true,
    type: 'module',
    dependencies: { ponder: VERSION, viem: '2', hono: '4' },
  }),
  'ponder.config.ts': `import { createConfig } from 'ponder';
const indexed = (name: string, type: string) => ({ name, type, indexed: true });
export default createConfig({
  database: { kind: 'postgres', connectionString: process.env.DATABASE_URL },
  chains: { bench: { id: 31337, rpc: process.env.RPC_URL, pollingInterval: 1000 } },
  contracts: { Nft: { chain: 'bench', address: process.env.CONTRACT, startBlock: 0, abi: [{ type: 'event', name: 'Transfer',
    inputs: [indexed('from', 'address'), indexed('to', 'address'), indexed('tokenId', 'uint256')] }] } },
});
`,
  'ponder.schema.ts': `import { onchainTable } from 'ponder';
export const token = onchainTable('token', (t) => ({ id: t.bigint().primaryKey(), owner: t.hex().notNull(), since: t.bigint().notNull() }));
export const account = onchainTable('account', (t) => ({ address: t.hex().primaryKey(), held: t.bigint().notNull(), base: t.bigint().notNull() }));
`,
  'src/index.ts': `import { ponder } from 'ponder:registry';
import { account, token } from 'ponder:schema';
const NOBODY = '0x0000000000000000000000000000000000000000';
ponder.on('Nft:Transfer', async ({ event, context: { db } }) => {
  const { from, to, tokenId } = event.args;
  const at = event.block.timestamp;
  const change = (address, by) => db.insert(account).values({ address, held: by, base: -by * at })
    .onConflictDoUpdate((row) => ({ held: row.held + by, base: row.base - by * at }));
  if (from !== NOBODY) await change(from, -1n);
  if (to !== NOBODY) await change(to, 1n);
  await db.insert(token).values({ id: tokenId, owner: to, since: at }).onConflictDoUpdate({ owner: to, since: at });
});
`,
  'src/api/index.ts': `import { Hono } from 'hono';
export default new Hono();
`,
} as const;

/**
 * Returns the events a second that Ponder indexes of a chain of single transfers, from its first call for logs, within a
 * minute; undefined if it cannot be installed.
 */
export async function ponderRate(
  context: BenchContext,
  rpc: MockRpcProcess,
  contract: string,
  events: number,
  databaseUrl: string,
): Promise<number | undefined> {
  if (!(await install(context))) return undefined;
  context.noteVersion('ponder', VERSION);
  const database = await emptyDatabase(databaseUrl);
  const port = await serverPort();
  const child = spawn(
    process.execPath,
    ['node_modules/ponder/dist/esm/bin/ponder.js', 'start', '--port', String(port)],
    {
      cwd: FOLDER,
      stdio: 'ignore',
      detached: true,
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: database,
        DATABASE_SCHEMA: 'peer',
        RPC_URL: rpc.url,
        CONTRACT: contract,
        PONDER_TELEMETRY_DISABLED: 'true',
      },
    },
  );
  context.atEnd(async () => void child.kill('SIGKILL'));
  try {
    return await measured(rpc, port, events, context.quick ? QUICK_RUN_MS : RUN_MS, () => child.exitCode !== null);
  } finally {
    child.kill('SIGKILL');
  }
}

async function install(context: BenchContext): Promise<boolean> {
  if (existsSync(join(FOLDER, 'installed'))) return true;
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(FOLDER, name)), { recursive: true });
    writeFileSync(join(FOLDER, name), text);
  }
  context.log(`installing ponder ${VERSION}`);
  try {
    const options = { cwd: FOLDER, timeout: INSTALL_MS };
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], options);
  } catch (error) {
    context.log(`ponder cannot be installed, its figure is left out: ${String(error).split('\n')[0]}`);
    return false;
  }
  writeFileSync(join(FOLDER, 'installed'), '');
  return true;
}

async function emptyDatabase(databaseUrl: string): Promise<string> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE DATABASE ponder_peer');
  await client.end();
  const address = new URL(databaseUrl);
  address.pathname = '/ponder_peer';
  return address.href;
}

async function measured(
  rpc: MockRpcProcess,
  port: number,
  events: number,
  runMs: number,
  hasEnded: () => boolean,
): Promise<number | undefined> {
  const before = await logCalls(rpc);
  const startedBy = performance.now() + RUN_MS;
  while ((await logCalls(rpc)) === before) {
    if (hasEnded() || performance.now() > startedBy) return undefined;
    await sleep(20);
  }
  const begun = performance.now();
  // The last blocks are not final: it reads them one by one, later.
  const goal = events * 0.9;
  for (;;) {
    const indexed = await indexedEvents(port);
    const seconds = (performance.now() - begun) / 1_000;
    if (indexed >= goal || seconds * 1_000 > runMs) return indexed / seconds;
    if (hasEnded()) return undefined;
    await sleep(100);
  }
}

async function logCalls(rpc: MockRpcProcess): Promise<number> {
  return ((await rpc.call('mock_calls', [])) as Record<string, number>)['eth_getLogs'] ?? 0;
}

async function indexedEvents(port: number): Promise<number> {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  );
  return Number(/^ponder_indexing_completed_events\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}
