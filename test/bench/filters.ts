/**
 * 10,000 clients, each with a filter that no other client has, over 3,000 protocols: cost of an event for the server with
 * all of them connected, cost of only finding its receivers, and cost of testing every filter in turn.
 */
import { Client } from 'pg';
import { insertBaselines } from './support/baselines.js';
import type { BenchApp } from './support/bench-app.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import { CpuMeter } from './support/cpu-meter.js';
import { distinctFilters, type DistinctFilter } from './support/distinct-filters.js';
import { dueDeliveries } from './support/latency-check.js';
import { keysOf, valuesOf, type Key } from './support/latency-load.js';
import { timeMatching } from './support/match-cost.js';
import { NaiveDeadBand } from './support/naive-dead-band.js';
import { median, percentile, round } from './support/percentiles.js';
import { RawLoad } from './support/raw-load.js';
import { settledKb } from './support/resident-memory.js';

const CLIENTS = 10_000;
const KEYS = 3_000;
const BASELINE = 1_000_000;
/** Number of commits per round; each changes all keys. */
const COMMITS = 5;
const SETTLE_SECONDS = 3;
/** Number of subscriptions per second while the time of each is measured. */
const SUBSCRIBE_RATE = 500;

interface RoundFigures {
  readonly seconds: number;
  readonly deliveries: number;
  readonly due: number;
  readonly serverSeconds: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const rounds = context.quick ? 1 : 5;
  const measured = context.quick ? 1_000 : 3_000;
  const app = await context.startApp();
  const keys = keysOf(KEYS);
  await insertBaselines(app.databaseUrl, keys, BASELINE);
  const filters = distinctFilters(CLIENTS, keys);
  const bodies = filters.map(({ subscribe }) => subscribe);
  const load = await RawLoad.start(context, {
    port: app.port,
    dialect: { name: 'socketio', apiKeys: [app.adminKey], bodies },
  });
  const emptyKb = await settledKb(app.pid, SETTLE_SECONDS);
  context.log(`${CLIENTS} clients subscribe, the last ${measured} of them at ${SUBSCRIBE_RATE}/s`);
  await load.open(CLIENTS - measured);
  const { answerMs } = await load.open(measured, { atOnce: measured, perSecond: SUBSCRIBE_RATE });
  const groups = await distinctFiltersOf(app);
  const kbPerClient = ((await settledKb(app.pid, SETTLE_SECONDS)) - emptyKb) / CLIENTS;

  const bands = keys.map(() => new NaiveDeadBand(BASELINE));
  const results: RoundFigures[] = [];
  for (let n = 0; n <= rounds; n += 1) {
    const result = await measure(app, keys, n * COMMITS, bands, filters, load);
    if (n > 0) results.push(result);
    context.log(
      `${n === 0 ? 'warm-up' : `round ${n} of ${rounds}`}: ${result.deliveries.toLocaleString('en-US')} deliveries ` +
        `in ${result.seconds.toFixed(1)} s, ${result.due - result.deliveries} missing`,
    );
  }
  load.stop();
  const matching = await timeMatching(filters, keys, context.quick ? 200 : 1_000);
  return report(context, results, { groups, kbPerClient, subscribe: percentile(answerMs, 0.95), ...matching });
}

/** Writes all keys several times at maximum speed, and waits until every delivery has arrived. */
async function measure(
  app: BenchApp,
  keys: readonly Key[],
  turn: number,
  bands: readonly NaiveDeadBand[],
  filters: readonly DistinctFilter[],
  load: RawLoad,
): Promise<RoundFigures> {
  const first = turn * KEYS;
  const values = valuesOf(first, COMMITS * KEYS, KEYS, BASELINE);
  const moved = Array.from(values, (value, i) => bands[i % KEYS]?.write(value));
  const due = dueDeliveries(filters, { first, keyCount: KEYS, moved });
  await load.reset();
  const meter = new CpuMeter({ server: [app.pid], database: [app.databasePid] });
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  try {
    meter.start();
    const started = performance.now();
    for (let commit = 0; commit < COMMITS; commit += 1) {
      const tvl = values.subarray(commit * KEYS, (commit + 1) * KEYS);
      await client.query(
        `UPDATE protocol_tvl t SET tvl = new.tvl, observed_at = clock_timestamp()
           FROM unnest($1::text[], $2::text[], $3::float8[]) new(protocol, chain, tvl)
          WHERE t.protocol = new.protocol AND t.chain = new.chain`,
        [keys.map(({ protocol }) => protocol), keys.map(({ chain }) => chain), [...tvl]],
      );
    }
    const { deliveries, endings } = await load.untilCounted(due);
    if (endings.length > 0) throw new Error(`The server closed connections: ${endings.join(', ')}`);
    const seconds = (performance.now() - started) / 1_000;
    return { seconds, deliveries, due, serverSeconds: (meter.stop()['server'] ?? 0) * seconds };
  } finally {
    await client.end();
  }
}

/** Number of distinct filters, as the server counts them. */
async function distinctFiltersOf(app: BenchApp): Promise<number> {
  const answer = await fetch(`${app.url}/metrics`, { headers: { Authorization: `Bearer ${app.adminKey}` } });
  return Number(/^ws_filter_groups (\d+)/m.exec(await answer.text())?.[1]);
}

interface Costs {
  readonly groups: number;
  readonly kbPerClient: number;
  readonly subscribe: number;
  readonly matchUs: number;
  readonly scanUs: number;
}

function report(context: BenchContext, results: readonly RoundFigures[], costs: Costs): Figures {
  const across = (pick: (one: RoundFigures) => number): number => median(results.map(pick));
  const figures = {
    clients: CLIENTS,
    distinct_filters: costs.groups,
    events: COMMITS * KEYS,
    rounds: results.length,
    us_per_event: round(
      across(({ serverSeconds }) => (serverSeconds / (COMMITS * KEYS)) * 1e6),
      1,
    ),
    match_us_per_event: round(costs.matchUs, 2),
    scan_us_per_event: round(costs.scanUs, 1),
    ratio_scan: round(costs.scanUs / costs.matchUs, 0),
    deliveries_per_event: round(
      across(({ deliveries }) => deliveries / (COMMITS * KEYS)),
      1,
    ),
    deliveries_per_s: Math.round(across(({ deliveries, seconds }) => deliveries / seconds)),
    missing: results.reduce((sum, { due, deliveries }) => sum + due - deliveries, 0),
    subscribe_p95_ms: round(costs.subscribe),
    kb_per_client: round(costs.kbPerClient, 1),
  };
  context.log(`\n${CLIENTS.toLocaleString('en-US')} clients with filters of their own (target < 1,000 µs per event)`);
  context.table([
    {
      'distinct filters': figures.distinct_filters,
      'server µs/event': figures.us_per_event,
      'deliveries/event': figures.deliveries_per_event,
      'matching alone µs': figures.match_us_per_event,
      'asking each filter µs': figures.scan_us_per_event,
      'deliveries/s': figures.deliveries_per_s,
      [`subscribe p95 ms at ${SUBSCRIBE_RATE}/s`]: figures.subscribe_p95_ms,
      'KB/client': figures.kb_per_client,
    },
  ]);
  return figures;
}
