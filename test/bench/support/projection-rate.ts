import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import type { Address, ChainEvent, EventKind, Hash } from '../../../src/onchain/core/index.js';
import type { Projector as ProjectorClass } from '../../../src/onchain/projector/projector.js';
import { acquireLease } from '../../../src/onchain/store/chain-lease.js';
import type { Database as DatabaseClass } from '../../../src/platform/database/database.js';
import { startEmbeddedPostgres } from '../../../src/platform/database/embedded/embedded-postgres.js';
import { migrateDatabase } from '../../../src/platform/database/migrate-database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';

// Classes with decorators are compiled: build first.
const built = new URL('../../../dist/src/', import.meta.url).href;
const { Projector } = (await import(`${built}onchain/projector/projector.js`)) as { Projector: typeof ProjectorClass };
const { Database } = (await import(`${built}platform/database/database.js`)) as { Database: typeof DatabaseClass };

/**
 * Measures the projection alone: events in memory to tokens, intervals and positions in PostgreSQL, final blocks.
 * `node --experimental-transform-types --disable-warning=ExperimentalWarning --import ./test/support/run/typescript.mjs
 * test/bench/support/projection-rate.ts [events]`
 */
const EVENTS = Number(process.argv[2] ?? 200_000);
const EVENTS_PER_FLUSH = 10_000;
const EVENTS_PER_BLOCK = 200;
const ACCOUNTS = 20_000;

let seed = 42;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

const account = (): Address => `0x${(random(ACCOUNTS) + 1).toString(16).padStart(40, '0')}`;
const CONTRACT: Address = `0x${'c'.repeat(40)}`;
const hash = (number: number): Hash => `0x${number.toString(16).padStart(64, '0')}`;

class Chain {
  readonly events: ChainEvent[] = [];

  add(kind: EventKind, from: Address | null, to: Address | null, start: bigint, quantity: bigint): void {
    const position = this.events.length;
    const blockNumber = 1 + Math.floor(position / EVENTS_PER_BLOCK);
    const staker = kind === 'Stake' || kind === 'Unstake' ? from : null;
    this.events.push({
      contract: CONTRACT,
      kind,
      blockNumber,
      blockHash: hash(blockNumber),
      transactionHash: hash(position + 1_000_000),
      transactionIndex: position % EVENTS_PER_BLOCK,
      logIndex: position % EVENTS_PER_BLOCK,
      at: 1_700_000_000_000 + blockNumber * 2_000,
      from,
      to,
      staker,
      startTokenId: start,
      quantity,
      tokenIds: null,
      quantities: null,
    });
  }
}

/** Transfers of single tokens, after a tenth of mints. */
function singles(): ChainEvent[] {
  const chain = new Chain();
  const owners: Address[] = [];
  for (let n = 0; n < EVENTS; n++) {
    const to = account();
    if (owners.length < EVENTS / 10) {
      chain.add('Transfer', null, to, BigInt(owners.length), 1n);
      owners.push(to);
    } else {
      const token = random(owners.length);
      chain.add('Transfer', owners[token] ?? null, to, BigInt(token), 1n);
      owners[token] = to;
    }
  }
  return chain.events;
}

/** 40 % transfers of 1 to 20 tokens, 30 % mints, 20 % stakes and their ends, 10 % burns. */
function mixed(): ChainEvent[] {
  const chain = new Chain();
  const runs: { start: bigint; count: number; owner: Address }[] = [];
  const staked: { token: bigint; account: Address }[] = [];
  let next = 0n;
  for (let n = 0; n < EVENTS; n++) {
    const dice = random(10);
    const at = random(runs.length);
    const run = runs[at];
    if (dice < 3 || run === undefined) {
      const count = 1 + random(20);
      const owner = account();
      chain.add('BatchMint', null, owner, next, BigInt(count));
      runs.push({ start: next, count, owner });
      next += BigInt(count);
    } else if (dice < 7) {
      const to = account();
      chain.add('BatchTransfer', run.owner, to, run.start, BigInt(run.count));
      run.owner = to;
    } else if (dice === 7) {
      chain.add('BatchBurn', run.owner, null, run.start, BigInt(run.count));
      const last = runs.pop();
      if (last !== undefined && at < runs.length) runs[at] = last;
    } else if (n % 2 === 0) {
      chain.add('Stake', run.owner, null, run.start, 1n);
      staked.push({ token: run.start, account: run.owner });
    } else {
      const stake = staked.splice(random(staked.length), 1)[0];
      if (stake !== undefined) chain.add('Unstake', stake.account, null, stake.token, 1n);
    }
  }
  return chain.events;
}

/** Amounts of a fungible token. */
function amounts(): ChainEvent[] {
  const chain = new Chain();
  for (let n = 0; n < EVENTS; n++)
    chain.add('Transfer', n % 10 === 0 ? null : account(), account(), 0n, BigInt(1 + random(1e9)));
  return chain.events;
}

const LOADS = { singles: ['erc721', singles], mixed: ['batch', mixed], amounts: ['erc20', amounts] } as const;

async function measure(database: DatabaseClass, name: keyof typeof LOADS, id: number): Promise<void> {
  const [standard, make] = LOADS[name];
  const events = make();
  const head = events.at(-1)?.blockNumber ?? 0;
  const {
    rows: [chain],
  } = await database.pool.query<{ id: number }>(
    `INSERT INTO onchain_chains (name, settings, origin, final_number, final_published) VALUES ($1, '{}', 'rest', $2, $2) RETURNING id`,
    [name, head],
  );
  const chainId = chain?.id ?? 0;
  await database.query(
    `INSERT INTO onchain_contracts (id, chain, address, standard, from_block, stream, origin, covered)
     OVERRIDING SYSTEM VALUE VALUES ($1, $2, decode($3, 'hex'), $4, 1, $1, 'rest', '{[0,1000000)}')`,
    [id, chainId, CONTRACT.slice(2), standard],
  );
  await database.query('INSERT INTO onchain_streams (id, chain, block, log) VALUES ($1, $2, 0, 2147483647)', [
    id,
    chainId,
  ]);
  const projector = new Projector(
    database,
    { now: Date.now, elapsed: performance.now.bind(performance) },
    parseSettings({ DATABASE_URL: database.url, SECRETS_KEY: 'a key that only benches use' }),
  );
  const lease = await acquireLease(database, chainId, 'bench');
  if (lease === undefined) throw new Error('no lease');
  const [cpu, ofServer] = [process.cpuUsage(), serverCpuSeconds()];
  const begun = performance.now();
  for (let from = 0; from < events.length; from += EVENTS_PER_FLUSH) {
    const some = events.slice(from, from + EVENTS_PER_FLUSH);
    const [fromBlock, toBlock] = [some[0]?.blockNumber ?? 0, some.at(-1)?.blockNumber ?? 0];
    await projector.project(lease, id, toBlock, { fromBlock, toBlock, events: some, storedAt: Date.now() });
  }
  const seconds = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuOfServer = serverCpuSeconds() - ofServer;
  const rows = async (table: string): Promise<number> =>
    (await database.one<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE contract = $1`, [id]))?.n ?? 0;
  const tokens = events.reduce((sum, { quantity }) => sum + (standard === 'batch' ? Number(quantity) : 1), 0);
  console.log({
    name,
    events: events.length,
    seconds: Number(seconds.toFixed(2)),
    eventsPerSecond: Math.round(events.length / seconds),
    tokensPerSecond: Math.round(tokens / seconds),
    cpuMicrosecondsPerEvent: Math.round((user + system) / events.length),
    serverCpuMicrosecondsPerEvent: Math.round((cpuOfServer * 1e6) / events.length),
    tokens: await rows('onchain_tokens'),
    intervals: await rows('onchain_intervals'),
    positions: await rows('onchain_positions'),
  });
}

/** Processor time of all processes of the server under test, seconds: on a busy machine it says more than elapsed time. */
function serverCpuSeconds(): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      if (pid === postmaster || fields[1] === postmaster) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // The process has ended.
    }
  }
  return ticks / 100;
}

Logger.overrideLogger(false);
const directory = mkdtempSync(join(tmpdir(), 'projection-rate-'));
const server = await startEmbeddedPostgres(directory, (error) => {
  throw error;
});
const postmaster = readFileSync(globSync(join(directory, '**/postmaster.pid'))[0] ?? '', 'utf8').split('\n')[0] ?? '';
try {
  await migrateDatabase(server.url);
  const database = new Database({ url: server.url, poolSize: 6 });
  await measure(database, 'singles', 1);
  await measure(database, 'mixed', 2);
  await measure(database, 'amounts', 3);
  await database.onApplicationShutdown();
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
