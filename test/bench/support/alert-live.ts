/**
 * In the running app: time from the acknowledged commit until the transition that it causes can be read, with 1,000
 * events a second.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { BenchApp } from './bench-app.js';
import { nextMessage, type BenchContext } from './bench-context.js';
import { keysOf, type Key } from './latency-load.js';
import type { WriterReport, WriterRound, WriterTask } from './latency-writer.js';
import { percentile, round } from './percentiles.js';

const RATE = 1_000;
const BATCH = 5;
const KEYS = 1_000;
/** Every tenth key has a rule that fires at every second change of the key. */
const WATCHED_EVERY = 10;
const BASELINE = 1_000_000;
const POLL_MS = 2;
/** Numbers are assigned before commits, so a lower number may become visible later. */
const LOOK_BACK = 1_000;

export interface LiveFigures {
  readonly live_events_per_s: number;
  readonly live_transitions: number;
  readonly live_lost: number;
  readonly live_transition_p50_ms: number;
  readonly live_transition_p99_ms: number;
}

export async function measureLive(context: BenchContext): Promise<LiveFigures> {
  const passes = context.quick ? 8 : 30;
  const unlimited = 'free=0,pro=0,enterprise=0';
  const app = await context.startApp({ env: { LIMIT_ALERT_RULES: unlimited } });
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  context.atEnd(() => client.end());
  const keys = keysOf(KEYS);
  await insertBaselines(client, keys);
  for (const [n, key] of keys.entries()) if (n % WATCHED_EVERY === 0) await createRule(app, key);
  await pause(3_000);

  context.log(`live: ${RATE} changes/s, ${KEYS / WATCHED_EVERY} rules that fire with every other change of their key`);
  const task: WriterTask = { databaseUrl: app.databaseUrl, rate: RATE, batch: BATCH, keys };
  const writer = context.startProcess('latency-writer.ts', task);
  await nextMessage(writer, 'ready');
  const values = Float64Array.from({ length: passes * KEYS }, (_, n) => BASELINE * (isUp(n) ? 1.05 : 1));
  const due = Array.from(values.keys()).filter((n) => isUp(n) && (n % KEYS) % WATCHED_EVERY === 0);
  const seenAt = new Map<number, number>();
  const written = nextMessage<WriterReport>(writer, 'written');
  writer.send({ type: 'round', first: 0, values } satisfies WriterRound);
  await watch(client, keys, seenAt, due.length, (passes * KEYS * 1_000) / RATE + 15_000);
  const { acknowledgedAt } = await written;
  const lags = Float64Array.from(
    due.flatMap((n) => {
      const seen = seenAt.get(n);
      return seen === undefined ? [] : [seen - (acknowledgedAt[n] ?? 0)];
    }),
  ).sort();
  return {
    live_events_per_s: RATE,
    live_transitions: lags.length,
    live_lost: due.length - lags.length,
    live_transition_p50_ms: round(percentile(lags, 0.5)),
    live_transition_p99_ms: round(percentile(lags, 0.99)),
  };
}

/** Whether the change moves its key up: all keys move up in one pass over the keys, and down in the next. */
function isUp(change: number): boolean {
  return Math.floor(change / KEYS) % 2 === 0;
}

/** Records when each transition can first be read: the n-th transition of a rule belongs to the n-th rise of its key. */
async function watch(
  client: Client,
  keys: readonly Key[],
  seenAt: Map<number, number>,
  due: number,
  longestMs: number,
): Promise<void> {
  const indexOf = new Map(keys.map(({ protocol }, index) => [protocol, index]));
  let newest = 0;
  for (const end = Date.now() + longestMs; seenAt.size < due && Date.now() < end; await pause(POLL_MS)) {
    const { rows } = await client.query<{ position: string; seq: string; protocol: string }>({
      name: 'watch',
      text: `SELECT position, seq, alert->>'protocol' AS protocol FROM alert_transitions WHERE position > $1`,
      values: [Math.max(0, newest - LOOK_BACK)],
    });
    const now = performance.timeOrigin + performance.now();
    for (const { position, seq, protocol } of rows) {
      newest = Math.max(newest, Number(position));
      const change = (Number(seq) - 1) * 2 * KEYS + (indexOf.get(protocol) ?? NaN);
      if (!seenAt.has(change)) seenAt.set(change, now);
    }
  }
}

async function createRule(app: BenchApp, { protocol, chain }: Key): Promise<void> {
  const response = await fetch(`${app.url}/v1/alerts/rules`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${app.adminKey}` },
    body: JSON.stringify({
      name: `Rise of ${protocol}`,
      conditions: [{ protocol, chain, metric: 'tvl', operator: 'gt', threshold: BASELINE * 1.02 }],
      actions: [],
      mode: 'crossing',
      throttleMinutes: 0,
    }),
  });
  if (response.status !== 201) throw new Error(`creating a rule: ${response.status} ${await response.text()}`);
}

async function insertBaselines(client: Client, keys: readonly Key[]): Promise<void> {
  const columns = [keys.map(({ protocol }) => protocol), keys.map(({ chain }) => chain)];
  await client.query(
    `INSERT INTO protocols (slug, name, category, chains)
     SELECT slug, 'Protocol ' || slug, 'Dexs', ARRAY[chain] FROM unnest($1::text[], $2::text[]) k(slug, chain)`,
    columns,
  );
  await client.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT *, $3::float8 FROM unnest($1::text[], $2::text[])`,
    [...columns, BASELINE],
  );
}
