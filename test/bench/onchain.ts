/**
 * Following a chain over plain JSON-RPC, from an endpoint in its own process to tokens, intervals and points in PostgreSQL: the
 * public workload of single transfers, the workload of batches, new blocks each second up to a subscribed client, calls per
 * block, and reorganisations. All figures include the rows of the logs.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { WebSocket } from 'ws';
import { startMockRpcProcess, type MockRpcProcess } from '../support/chain/mock-rpc-process.js';
import { waitFor } from '../support/wait-for.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import type { BenchApp } from './support/bench-app.js';
import { BENCH_CONTRACT, RECENT_BLOCKS, transferLog, type BenchChain } from './support/onchain-chains.js';
import { percentile, round } from './support/percentiles.js';

const ACCOUNTS = 20_000;
const PER_BLOCK = 200;
const CHAINS = new URL('support/onchain-chains.ts', import.meta.url);

export async function run(context: BenchContext): Promise<Figures> {
  const events = context.quick ? 60_000 : 1_000_000;
  const singles = await measureBackfill(context, 'singleTransfers', 'erc721', events);
  const batches = await measureBackfill(context, 'mixedBatches', 'batch', events);
  const live = await measureLive(context, context.quick ? 10 : 60);
  return {
    events,
    transfer_events_per_s: round(singles.eventsPerSecond, 0),
    events_per_s: round(batches.eventsPerSecond, 0),
    tokens_per_s: round(batches.tokensPerSecond, 0),
    includes_log_rows: true,
    ...live,
  };
}

/** Starts the app on a chain of an endpoint in its own process. */
async function follow(
  context: BenchContext,
  name: string,
  standard: string,
  input: BenchChain,
  finality = 8,
): Promise<{ app: BenchApp; rpc: MockRpcProcess; client: Client }> {
  const rpc = await startMockRpcProcess({ module: CHAINS, name, input });
  context.atEnd(() => rpc.stop());
  const folder = mkdtempSync(join(tmpdir(), 'onchain-bench-'));
  context.atEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'chains.json');
  // JSON is YAML.
  const chain = {
    id: 'bench',
    chainId: 31_337,
    pollMs: 100,
    finality: { tag: 'finalized', depth: finality },
    endpoints: [{ url: rpc.url, ws: rpc.wsUrl }],
    contracts: [{ address: BENCH_CONTRACT, standard, fromBlock: 0 }],
  };
  writeFileSync(file, JSON.stringify({ chains: [chain] }));
  const app = await context.startApp({ env: { ONCHAIN_CONFIG: file, SOURCE: 'none' } });
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  context.atEnd(() => client.end());
  return { app, rpc, client };
}

async function measureBackfill(
  context: BenchContext,
  name: string,
  standard: string,
  events: number,
): Promise<{ eventsPerSecond: number; tokensPerSecond: number }> {
  context.log(`${name}: ${events.toLocaleString('en-US')} events`);
  const input = { events, perBlock: PER_BLOCK, accounts: ACCOUNTS, startsAt: 1_600_000_000 };
  const { client, rpc, app } = await follow(context, name, standard, input);
  const last = Math.ceil(events / PER_BLOCK);
  await waitFor(
    async () => {
      const { rows } = await client.query<{ done: boolean }>('SELECT block >= $1 AS done FROM onchain_streams', [last]);
      return rows[0]?.done === true;
    },
    { timeoutMs: 600_000, everyMs: 250, what: 'the end of the backfill' },
  );
  const { rows } = await client.query<{ seconds: number; events: number; tokens: number }>(
    // From the first stored range, as the start of the process is no part of the rate.
    `SELECT extract(epoch FROM (SELECT max(at) FROM onchain_projections WHERE block <= $1) - min(stored_at))::float8 AS seconds,
       count(*)::int AS events, coalesce(sum(quantity), 0)::float8 AS tokens FROM onchain_logs`,
    [last],
  );
  await client.end();
  await app.stop();
  await rpc.stop();
  const [measured] = rows;
  if (measured?.events !== events) throw new Error(`${measured?.events} of ${events} events were stored`);
  const { seconds, tokens } = measured;
  context.table([{ workload: name, events, seconds: round(seconds), 'events/s': round(events / seconds, 0) }]);
  return { eventsPerSecond: events / seconds, tokensPerSecond: tokens / seconds };
}

/** Blocks each second, then calls per block, then reorganisations. */
async function measureLive(context: BenchContext, seconds: number): Promise<Figures> {
  context.log(`new blocks for ${seconds} s`);
  const startsAt = Math.floor(Date.now() / 1000) - RECENT_BLOCKS;
  const input = { events: 0, perBlock: 0, accounts: ACCOUNTS, startsAt };
  const { app, rpc, client } = await follow(context, 'recentBlocks', 'erc721', input, 128);
  const reader = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${app.adminKey}`);
  context.atEnd(async () => reader.terminate());
  await once(reader, 'open');
  reader.send(JSON.stringify({ type: 'subscribe', channels: ['onchain'] }));
  await once(reader, 'message');
  await atHead(client, RECENT_BLOCKS);

  const minedAt = new Map<number, number>();
  const arrivals: number[] = [];
  reader.on('message', (text: Buffer) => {
    const at = Date.now();
    const message = JSON.parse(text.toString()) as { type: string; data?: { blockNumber?: number } };
    const mined = minedAt.get(message.data?.blockNumber ?? -1);
    if (message.type === 'onchain_event' && mined !== undefined) arrivals.push(at - mined);
  });
  let block = RECENT_BLOCKS;
  for (let second = 0; second < seconds; second++) {
    block += 1;
    minedAt.set(block, Date.now());
    await rpc.call('mock_mine', [[[transferLog(0, 1 + second, block), transferLog(1 + second, 2 + second, block)]]]);
    await sleep(1_000);
  }
  await atHead(client, block);
  await waitFor(() => arrivals.length >= 2 * seconds, { what: 'all events at the client' });
  const { rows } = await client.query<{ block: number; at: number }>(
    'SELECT block::int, extract(epoch FROM at)::float8 * 1000 AS at FROM onchain_projections WHERE block > 200',
  );
  const delays = rows.flatMap(({ block: number, at }) =>
    minedAt.has(number) ? [at - (minedAt.get(number) ?? at)] : [],
  );
  const calls = await callsPerBlock(rpc, client, block);
  block += 20;
  const rollback1 = await reorganised(rpc, client, 1, block);
  const rollback64 = await reorganised(rpc, client, 64, block + 1);
  const figures = {
    blocks_empty_rpc: calls.empty,
    blocks_full_rpc: calls.full,
    row_p95_ms: round(percentile(delays, 0.95)),
    client_p95_ms: round(percentile(arrivals, 0.95)),
    reorg1_ms: rollback1,
    reorg64_ms: rollback64,
  };
  context.table([figures]);
  return figures;
}

async function atHead(client: Client, block: number, hash?: string): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await client.query<{ done: boolean }>(
        `SELECT s.block >= $1 AND h.head_number = $1 AND ($2::text IS NULL OR encode(s.block_hash, 'hex') = $2) AS done
         FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain`,
        [block, hash?.slice(2) ?? null],
      );
      return rows[0]?.done === true;
    },
    { everyMs: 5, timeoutMs: 60_000, what: `the projection of block ${block}` },
  );
}

/** Calls for a new block without and with events; looks that find no new block are not counted. */
async function callsPerBlock(
  rpc: MockRpcProcess,
  client: Client,
  head: number,
): Promise<{ empty: number; full: number }> {
  const total = async (): Promise<number> => {
    const calls = (await rpc.call('mock_calls', [])) as Record<string, number>;
    return Object.entries(calls).reduce((sum, [method, count]) => sum + (method.startsWith('eth_') ? count : 0), 0);
  };
  const idle = async (ms: number): Promise<number> => {
    const before = await total();
    await sleep(ms);
    return (await total()) - before;
  };
  const measure = async (blocks: readonly object[][], from: number): Promise<number> => {
    const looks = await idle(1_000);
    const before = await total();
    for (const [position, logs] of blocks.entries()) {
      await rpc.call('mock_mine', [[logs]]);
      await atHead(client, from + position + 1);
      await sleep(1_000);
    }
    return round((await total()) - before - looks * blocks.length) / blocks.length;
  };
  const empty = await measure(
    Array.from({ length: 10 }, () => []),
    head,
  );
  const full = await measure(
    Array.from({ length: 10 }, (_, n) => [transferLog(0, 5, 1_000_000 + n)]),
    head + 10,
  );
  return { empty: round(empty), full: round(full) };
}

/** Time from a fork until the new branch is read, stored and projected, ms. */
async function reorganised(rpc: MockRpcProcess, client: Client, depth: number, head: number): Promise<number> {
  const branch = Array.from({ length: depth + 1 }, (_, n) => [transferLog(0, 9, 2_000_000 + depth * 1_000 + n)]);
  const begun = performance.now();
  await rpc.call('mock_reorg', [depth, branch]);
  await atHead(client, head + 1);
  return round(performance.now() - begun);
}
