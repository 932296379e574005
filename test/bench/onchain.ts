/**
 * Following a chain over plain JSON-RPC, from an endpoint in its own process to tokens, intervals and points in PostgreSQL: the
 * public workload of single transfers, the workload of batches, new blocks each second up to a subscribed client, calls per
 * block, reorganisations beside few and many stored logs, the drop of old logs, and the calculation of a day. All figures include
 * the rows of the logs. Peers: Ponder on the same endpoint, and viem's decoder.
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
import { addOldLogs, addStakers, dropOldLogs } from './support/onchain-history.js';
import { viemRate } from './support/viem-rate.js';
import { ponderRate } from './support/ponder-peer.js';
import { percentile, round } from './support/percentiles.js';

const ACCOUNTS = 20_000;
const PER_BLOCK = 200;
const CHAINS = new URL('support/onchain-chains.ts', import.meta.url);

export async function run(context: BenchContext): Promise<Figures> {
  const events = context.quick ? 60_000 : 1_000_000;
  const singles = await measureBackfill(context, 'singleTransfers', 'erc721', events);
  const batches = await measureBackfill(context, 'mixedBatches', 'batch', events);
  const live = await measureLive(context, context.quick ? 10 : 60, events);
  const { ponder } = singles;
  return {
    events,
    transfer_events_per_s: round(singles.eventsPerSecond, 0),
    ...(ponder !== undefined && {
      ponder_events_per_s: round(ponder, 0),
      ratio_ponder: round(singles.eventsPerSecond / ponder),
    }),
    viem_events_per_s: round(viemRate(context.quick ? 20_000 : 100_000), 0),
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
): Promise<{ eventsPerSecond: number; tokensPerSecond: number; ponder?: number | undefined }> {
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
  const ponder =
    standard === 'erc721' ? await ponderRate(context, rpc, BENCH_CONTRACT, events, app.databaseUrl) : undefined;
  await app.stop();
  await rpc.stop();
  const [measured] = rows;
  if (measured?.events !== events) throw new Error(`${measured?.events} of ${events} events were stored`);
  const { seconds, tokens } = measured;
  context.table([{ workload: name, events, seconds: round(seconds), 'events/s': round(events / seconds, 0) }]);
  return { eventsPerSecond: events / seconds, tokensPerSecond: tokens / seconds, ponder };
}

/** Blocks each second, then calls per block, then reorganisations beside `logs` stored logs and ten times as many. */
async function measureLive(context: BenchContext, seconds: number, logs: number): Promise<Figures> {
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
  // Blocks of a fork have the numbers of earlier ones.
  const clientP95 = round(percentile(arrivals, 0.95));
  const forks = new Forks(rpc, client, block + 20);
  await addOldLogs(client, logs);
  const rollback1 = await forks.median(1);
  const rollback64 = await forks.median(64);
  await addOldLogs(client, 9 * logs);
  const rollback64Of10 = await forks.median(64);
  const large = await dropOldLogs(client);
  await addOldLogs(client, 2 * logs);
  const small = await dropOldLogs(client);
  const figures = {
    blocks_empty_rpc: calls.empty,
    blocks_full_rpc: calls.full,
    row_p95_ms: round(percentile(delays, 0.95)),
    client_p95_ms: clientP95,
    rollback1_ms: rollback1,
    rollback64_ms: rollback64,
    rollback64_10m_ms: rollback64Of10,
    rollback_ratio: round(rollback64Of10 / rollback64),
    drop_partitions_ms: round(large.ms),
    drop_partitions_ratio: round(large.ms / small.ms),
    recalc_100k_ms: await recalculated(app, client),
  };
  context.table([figures]);
  return figures;
}

/** Time of the calculation of yesterday for 100,000 accounts, ms. */
async function recalculated(app: BenchApp, client: Client): Promise<number> {
  const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  await addStakers(client, 100_000, today);
  const begun = performance.now();
  const answer = await fetch(`${app.url}/v1/admin/onchain/recalculate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ day: new Date(today - 1).toISOString().slice(0, 10) }),
  });
  const ms = performance.now() - begun;
  const { accounts, drift } = (await answer.json()) as { accounts: number; drift: string };
  if (accounts < 100_000 || drift !== '0') throw new Error(`${accounts} accounts, drift ${drift}`);
  return round(ms, 0);
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

/** Forks one after the other, each with a block more than the branch that it replaces. */
class Forks {
  private made = 0;

  constructor(
    private readonly rpc: MockRpcProcess,
    private readonly client: Client,
    private head: number,
  ) {}

  /** Median time, ms, from a fork until the new branch is read, stored and projected. */
  async median(depth: number): Promise<number> {
    const times: number[] = [];
    for (let fork = 0; fork < 5; fork += 1) {
      this.made += 1;
      const first = this.made * 1_000;
      const branch = Array.from({ length: depth + 1 }, (_, n) => [transferLog(0, 9, 2_000_000 + first + n)]);
      const begun = performance.now();
      await this.rpc.call('mock_reorg', [depth, branch]);
      this.head += 1;
      await atHead(this.client, this.head);
      times.push(performance.now() - begun);
    }
    return round(percentile(times, 0.5));
  }
}
