/**
 * Time from a committed price to webhooks at a local HTTP server: first one crash that fires thousands of rules at once,
 * then a steady load. Queues are in Redis; every rule has its own owner, endpoint and signing secret.
 */
import { Client } from 'pg';
import { startRedis } from '../support/servers/redis-server.js';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { insertRules, type BenchRule } from './support/notification-rules.js';
import { percentile, round } from './support/percentiles.js';
import type { Handed } from './support/webhook-sink.js';

const KEY = 'the key of the bench alone';
const STEADY_PER_S = 20;
const TARGET = { webhooks_per_s: 1_000, handed_p95_ms: 2_000 };

type Sink = ReturnType<BenchContext['startProcess']>;

export async function run(context: BenchContext): Promise<Figures> {
  const fires = context.quick ? 2_000 : 10_000;
  const steadySeconds = context.quick ? 8 : 30;
  const redis = await startRedis();
  context.atEnd(() => redis.close());
  const sink = context.startProcess('webhook-sink.ts', { listen: true });
  const { port } = await nextMessage<{ port: number }>(sink, 'listening');
  const app = await context.startApp({
    env: { REDIS_URL: redis.url, SECRETS_KEY: KEY, EGRESS_ALLOW: '127.0.0.1/32', WEBHOOK_RATE: '0' },
  });
  const client = new Client({ connectionString: app.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  context.atEnd(() => client.end());

  const steady = Array.from({ length: STEADY_PER_S * steadySeconds }, (_, n): BenchRule => ({
    token: `steady-${n}`,
    path: `/steady/${n}`,
  }));
  const crash = Array.from({ length: fires }, (_, n): BenchRule => ({ token: 'crash', path: `/crash/${n}` }));
  await client.query(`INSERT INTO token_prices (token, price) SELECT token, 200 FROM unnest($1::text[]) token`, [
    [...steady.map(({ token }) => token), 'crash'],
  ]);
  context.log(`${(steady.length + crash.length).toLocaleString('en-US')} rules, each with an endpoint of its own`);
  await insertRules(client, [...steady, ...crash], `http://127.0.0.1:${port}`, KEY);

  context.log(`steady: ${STEADY_PER_S} rules fire per second, ${steadySeconds} s`);
  const committed = await steadyLoad(client, steady);
  const usual = await taken(context, sink, steady.length);
  const lags = lagsOf(usual, (path) => committed.get(path) ?? 0);

  context.log(`crash: one commit fires ${fires.toLocaleString('en-US')} rules`);
  const crashedAt = await setPrice(client, 'crash');
  const flood = await taken(context, sink, crash.length);
  return report(context, { fires, steady: steady.length, usual, flood, lags, crashedAt });
}

/** Drops one price after the other at a fixed rate; returns the time at which each commit was acknowledged, by path. */
async function steadyLoad(client: Client, rules: readonly BenchRule[]): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  const begun = performance.now();
  for (const [index, { token, path }] of rules.entries()) {
    const wait = begun + (index / STEADY_PER_S) * 1_000 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    committed.set(path, await setPrice(client, token));
  }
  return committed;
}

async function setPrice(client: Client, token: string): Promise<number> {
  await client.query('UPDATE token_prices SET price = 50, observed_at = clock_timestamp() WHERE token = $1', [token]);
  return performance.timeOrigin + performance.now();
}

/** Waits until all due messages have arrived, or none has arrived for 20 s; returns the messages. */
async function taken(context: BenchContext, sink: Sink, due: number): Promise<Handed> {
  let last = -1;
  let changedAt = Date.now();
  for (let shownAt = Date.now(); ;) {
    const answer = nextMessage<{ count: number }>(sink, 'counted');
    sink.send({ type: 'count' });
    const { count } = await answer;
    if (count !== last) changedAt = Date.now();
    last = count;
    if (count >= due || Date.now() - changedAt > 20_000) break;
    if (Date.now() - shownAt > 2_000) {
      context.log(`  ${count.toLocaleString('en-US')} of ${due.toLocaleString('en-US')} handed over`);
      shownAt = Date.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // Repeated messages arrive late, so some time is left for them.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const handed = nextMessage<Handed>(sink, 'handed');
  sink.send({ type: 'take' });
  return handed;
}

function lagsOf(handed: Handed, committedAt: (path: string) => number): Float64Array {
  return handed.at.map((at, index) => at - committedAt(handed.paths[index] ?? '')).sort();
}

interface Measured {
  fires: number;
  steady: number;
  usual: Handed;
  flood: Handed;
  lags: Float64Array;
  crashedAt: number;
}

function report(context: BenchContext, { fires, steady, usual, flood, lags, crashedAt }: Measured): Figures {
  const floodLags = lagsOf(flood, () => crashedAt);
  const lost = fires + steady - new Set([...usual.paths, ...flood.paths]).size;
  const ids = [...usual.ids, ...flood.ids];
  const duplicated = ids.length - new Set(ids).size;
  const seconds = percentile(floodLags, 1) / 1_000;
  const figures = {
    fired: fires,
    webhooks_per_s: Math.round(flood.at.length / seconds),
    handed_p95_ms: round(percentile(lags, 0.95)),
    handed_p50_ms: round(percentile(lags, 0.5)),
    steady_per_s: STEADY_PER_S,
    crash_first_ms: Math.round(percentile(floodLags, 0)),
    crash_p50_ms: Math.round(percentile(floodLags, 0.5)),
    crash_p95_ms: Math.round(percentile(floodLags, 0.95)),
    crash_last_ms: Math.round(seconds * 1_000),
    lost,
    duplicated_ids: duplicated,
    queues: 'redis',
  };
  context.log(
    `\ncommit acknowledged → webhook received; targets: ≥ ${TARGET.webhooks_per_s} webhooks/s from the commit to the last ` +
      `of a crash, p95 < ${TARGET.handed_p95_ms} ms in steady load`,
  );
  context.table([figures]);
  return figures;
}
