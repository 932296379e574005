import { insertBaselines } from './baselines.js';
import type { BenchApp } from './bench-app.js';
import { nextMessage, type BenchContext, type Figures } from './bench-context.js';
import { CpuMeter } from './cpu-meter.js';
import { dueDeliveries, judge, type Verdict } from './latency-check.js';
import { keysOf, valuesOf, type BenchClients, type Key } from './latency-load.js';
import type { WriterReport, WriterRound, WriterTask } from './latency-writer.js';
import { NaiveDeadBand } from './naive-dead-band.js';
import { median, percentile, round } from './percentiles.js';
import { RawLoad } from './raw-load.js';

/** Committed changes per second, and number of changes per transaction. */
const RATE = 1_000;
const BATCH = 5;
const BASELINE = 1_000_000;
const WARM_UP_SECONDS = 3;

export interface LatencyPlan {
  readonly keys: number;
  readonly clientsOf: (keys: readonly Key[]) => readonly BenchClients[];
  readonly rounds: number;
  readonly seconds: number;
  readonly targets: { readonly p95: number; readonly p99: number };
}

interface RoundFigures extends Verdict {
  readonly seconds: number;
  readonly late: number;
  readonly cpu: Record<string, number>;
}

/** Runs one writer and the clients of the plan; every delivery is traced to the write that caused it. */
export async function runLatency(context: BenchContext, plan: LatencyPlan): Promise<Figures> {
  const app = await context.startApp();
  const keys = keysOf(plan.keys);
  await insertBaselines(app.databaseUrl, keys, BASELINE);
  const groups = plan.clientsOf(keys);
  const count = groups.reduce((sum, { filters }) => sum + filters.length, 0);
  const what = groups.map(({ filters, transport }) => `${filters.length.toLocaleString('en-US')} ${transport}`);
  context.log(`clients connect and subscribe: ${what.join(', ')}`);
  const loads = await Promise.all(groups.map((group) => connect(context, app, group)));
  const writerTask: WriterTask = { databaseUrl: app.databaseUrl, rate: RATE, batch: BATCH, keys };
  const writer = context.startProcess('latency-writer.ts', writerTask);
  await nextMessage(writer, 'ready');

  const bands = keys.map(() => new NaiveDeadBand(BASELINE));
  const meter = new CpuMeter({
    server: [app.pid],
    database: [app.databasePid],
    clients: loads.flatMap(({ pids }) => pids),
    writer: [writer.pid ?? 0],
  });

  /** Writes, waits until the deliveries have arrived, and compares them. */
  const measure = async (first: number, lasting: number): Promise<RoundFigures> => {
    const values = valuesOf(first, lasting * RATE, plan.keys, BASELINE);
    const moved = Array.from(values, (value, i) => bands[(first + i) % plan.keys]?.write(value));
    const record = { first, keyCount: plan.keys, moved };
    const due = groups.map(({ filters }) => dueDeliveries(filters, record));
    await Promise.all(loads.map((load) => load.reset()));

    meter.start();
    writer.send({ type: 'round', first, values } satisfies WriterRound);
    const { acknowledgedAt, late } = await nextMessage<WriterReport>(writer, 'written');
    const cpu = meter.stop();
    const counts = await Promise.all(loads.map((load, index) => load.untilCounted(due[index] ?? 0)));
    // Repeated deliveries arrive late, so some time is left for them.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ended = counts.flatMap(({ endings }) => endings);
    if (ended.length > 0) throw new Error(`The server closed connections: ${ended.join(', ')}`);
    const received = await Promise.all(loads.map((load) => load.samples()));
    const verdicts = groups.map(({ filters }, i) => judge(filters, received[i] ?? [], { ...record, acknowledgedAt }));
    return { ...merged(verdicts), seconds: lasting, late, cpu };
  };

  context.log(`warm-up, ${WARM_UP_SECONDS} s`);
  await measure(0, WARM_UP_SECONDS);
  const results: RoundFigures[] = [];
  for (let n = 0; n < plan.rounds; n += 1) {
    const result = await measure((WARM_UP_SECONDS + n * plan.seconds) * RATE, plan.seconds);
    results.push(result);
    context.log(
      `round ${n + 1} of ${plan.rounds}: ${result.lags.length.toLocaleString('en-US')} deliveries, ` +
        `p95 ${percentile(result.lags, 0.95).toFixed(1)} ms, p99 ${percentile(result.lags, 0.99).toFixed(1)} ms, ` +
        `lost ${result.lost}, duplicated ${result.duplicated}`,
    );
  }
  return report(context, plan, count, results);
}

async function connect(context: BenchContext, app: BenchApp, clients: BenchClients): Promise<RawLoad> {
  const { transport, processes, filters } = clients;
  const bodies = filters.map(({ subscribe }) => subscribe);
  const load = await RawLoad.start(context, {
    port: app.port,
    processes,
    dialect: { name: transport, apiKeys: [app.adminKey], bodies },
    sample: { mark: '"tags":["n', every: 1 },
  });
  await load.open(filters.length);
  return load;
}

function merged(verdicts: readonly Verdict[]): Verdict {
  const sum = (pick: (one: Verdict) => number): number => verdicts.reduce((total, one) => total + pick(one), 0);
  const lags = new Float64Array(sum(({ lags: one }) => one.length));
  let next = 0;
  for (const { lags: one } of verdicts) {
    lags.set(one, next);
    next += one.length;
  }
  return {
    lags: lags.sort(),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    unexpected: sum(({ unexpected }) => unexpected),
  };
}

function report(context: BenchContext, plan: LatencyPlan, clients: number, results: readonly RoundFigures[]): Figures {
  const across = (pick: (r: RoundFigures) => number): number => round(median(results.map(pick)));
  const sum = (pick: (r: RoundFigures) => number): number => results.reduce((total, r) => total + pick(r), 0);
  const shares = Object.keys(results[0]?.cpu ?? {}).map((name) => [name, across(({ cpu }) => cpu[name] ?? 0)] as const);
  const figures = {
    rate: RATE,
    clients,
    rounds: results.length,
    deliveries_per_s: Math.round(across((r) => r.lags.length / r.seconds)),
    p50_ms: across((r) => percentile(r.lags, 0.5)),
    p95_ms: across((r) => percentile(r.lags, 0.95)),
    p99_ms: across((r) => percentile(r.lags, 0.99)),
    max_ms: round(Math.max(...results.map((r) => percentile(r.lags, 1)))),
    lost: sum((r) => r.lost),
    duplicated: sum((r) => r.duplicated),
    unexpected: sum((r) => r.unexpected),
    late_transactions: sum((r) => r.late),
    cpu_share: Object.fromEntries(shares),
  };
  const { p95, p99 } = plan.targets;
  context.log(
    `\ncommit acknowledged → client, ${RATE} changes/s, ${clients.toLocaleString('en-US')} clients (target p95 < ${p95}, p99 < ${p99} ms)`,
  );
  context.table([
    {
      p50_ms: figures.p50_ms,
      p95_ms: figures.p95_ms,
      p99_ms: figures.p99_ms,
      max_ms: figures.max_ms,
      'deliveries/s': figures.deliveries_per_s,
      lost: figures.lost,
      duplicated: figures.duplicated,
    },
  ]);
  context.log(`cores used: ${shares.map(([name, share]) => `${name} ${share.toFixed(2)}`).join(', ')}\n`);
  return figures;
}
