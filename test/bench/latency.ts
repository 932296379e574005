/**
 * Commit acknowledged → client: one process writes 1,000 changes a second, 200 Socket.IO clients with mixed filters listen in
 * processes of their own. Every delivery is checked against the writer's record run through a naive dead band.
 */
import { Client } from 'pg';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import type { BenchApp } from './support/bench-app.js';
import { CpuMeter } from './support/cpu-meter.js';
import { keysOf, mixedFilters, valuesOf, type BenchFilter, type Key } from './support/latency-load.js';
import type { ClientsReport, ClientsTask } from './support/latency-clients.js';
import type { WriterReport, WriterRound, WriterTask } from './support/latency-writer.js';
import { NaiveDeadBand } from './support/naive-dead-band.js';
import { median, percentile, round } from './support/percentiles.js';

const RATE = 1_000;
const BATCH = 5;
const CLIENTS = 200;
const CLIENT_PROCESSES = 2;
const KEYS = 1_000;
const BASELINE = 1_000_000;
const WARM_UP_SECONDS = 3;

interface RoundFigures {
  readonly lags: Float64Array;
  readonly seconds: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly unexpected: number;
  readonly late: number;
  readonly cpu: Record<string, number>;
}

export async function run(context: BenchContext): Promise<Figures> {
  const rounds = context.quick ? 1 : 3;
  const seconds = context.quick ? 15 : 30;
  const app = await context.startApp();
  const keys = keysOf(KEYS);
  await insertBaselines(app, keys);
  const filters = mixedFilters(CLIENTS, keys);

  context.log(`${CLIENTS} clients in ${CLIENT_PROCESSES} processes subscribe`);
  const listeners = Array.from({ length: CLIENT_PROCESSES }, (_, part) => {
    const mine = filters.filter((_, index) => index % CLIENT_PROCESSES === part);
    const task: ClientsTask = { url: app.url, apiKey: app.adminKey, subscriptions: mine.map((f) => f.subscribe) };
    return { process: context.startProcess('latency-clients.ts', task), filters: mine };
  });
  const writerTask: WriterTask = { databaseUrl: app.databaseUrl, rate: RATE, batch: BATCH, keys };
  const writer = context.startProcess('latency-writer.ts', writerTask);
  await Promise.all([...listeners.map((l) => l.process), writer].map((child) => nextMessage(child, 'ready')));

  const bands = keys.map(() => new NaiveDeadBand(BASELINE));
  const meter = new CpuMeter({
    server: [app.pid],
    database: [app.databasePid],
    clients: listeners.map((l) => l.process.pid ?? 0),
    writer: [writer.pid ?? 0],
  });

  /** Writes, waits until the deliveries have come, and compares. */
  const measure = async (first: number, lasting: number): Promise<RoundFigures> => {
    const values = valuesOf(first, lasting * RATE, KEYS, BASELINE);
    const moved = Array.from(values, (value, i) => bands[(first + i) % KEYS]?.write(value));
    const expected = listeners.map((l) => l.filters.map((filter) => expectedChanges(filter, keys, first, moved)));
    const due = expected.map((sets) => sets.reduce((sum, set) => sum + set.size, 0));

    meter.start();
    writer.send({ type: 'round', first, values } satisfies WriterRound);
    const written = await nextMessage<WriterReport>(writer, 'written');
    const cpu = meter.stop();
    await untilCounted(
      listeners.map((l) => l.process),
      due,
    );
    const reports = await Promise.all(
      listeners.map(async ({ process: child }) => {
        const answer = nextMessage<ClientsReport>(child, 'received');
        child.send({ type: 'report' });
        return answer;
      }),
    );
    if (reports.some((report) => report.closed > 0)) throw new Error('The server closed connections');
    return { ...compare(reports, expected, written, first), seconds: lasting, late: written.late, cpu };
  };

  context.log(`warm-up, ${WARM_UP_SECONDS} s`);
  await measure(0, WARM_UP_SECONDS);
  const results: RoundFigures[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const result = await measure((WARM_UP_SECONDS + n * seconds) * RATE, seconds);
    results.push(result);
    context.log(
      `round ${n + 1} of ${rounds}: ${result.lags.length.toLocaleString('en-US')} deliveries, ` +
        `p95 ${percentile(result.lags, 0.95).toFixed(1)} ms, lost ${result.lost}, duplicated ${result.duplicated}`,
    );
  }
  return report(context, results);
}

function report(context: BenchContext, results: readonly RoundFigures[]): Figures {
  const across = (pick: (r: RoundFigures) => number): number => round(median(results.map(pick)));
  const sum = (pick: (r: RoundFigures) => number): number => results.reduce((total, r) => total + pick(r), 0);
  const figures = {
    rate: RATE,
    clients: CLIENTS,
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
    cpu_share: results[0]?.cpu ?? {},
  };
  const { cpu_share: cpu, ...rest } = figures;
  context.log(
    `\ncommit acknowledged → client, ${RATE} changes/s, ${CLIENTS} Socket.IO clients (target p95 < 20, p99 < 50 ms)`,
  );
  context.table([
    {
      p50_ms: rest.p50_ms,
      p95_ms: rest.p95_ms,
      p99_ms: rest.p99_ms,
      max_ms: rest.max_ms,
      'deliveries/s': rest.deliveries_per_s,
      lost: rest.lost,
      duplicated: rest.duplicated,
    },
  ]);
  context.log(
    `cores used: ${Object.entries(cpu)
      .map(([name, share]) => `${name} ${share.toFixed(2)}`)
      .join(', ')}\n`,
  );
  return figures;
}

async function insertBaselines(app: BenchApp, keys: readonly Key[]): Promise<void> {
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  try {
    const columns = [keys.map((k) => k.protocol), keys.map((k) => k.chain)];
    await client.query(
      `INSERT INTO protocols (slug, name, category, chains)
       SELECT slug, 'Protocol ' || slug, 'Dexs', ARRAY[chain] FROM unnest($1::text[], $2::text[]) k(slug, chain)`,
      columns,
    );
    await client.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT *, $3::float8 FROM unnest($1::text[], $2::text[])`,
      [...columns, BASELINE],
    );
  } finally {
    await client.end();
  }
}

function expectedChanges(
  filter: BenchFilter,
  keys: readonly Key[],
  first: number,
  moved: readonly (number | undefined)[],
): Set<number> {
  const wanted = new Set<number>();
  for (const [offset, step] of moved.entries()) {
    const key = keys[(first + offset) % keys.length];
    if (step !== undefined && key && filter.matches(key, step)) wanted.add(first + offset);
  }
  return wanted;
}

/** Waits until all that is due has come, or nothing more comes for three seconds. */
async function untilCounted(children: Parameters<typeof nextMessage>[0][], due: readonly number[]): Promise<void> {
  let last = -1;
  let quietSince = Date.now();
  while (Date.now() - quietSince < 3_000) {
    const counts = await Promise.all(
      children.map(async (child) => {
        const answer = nextMessage<{ count: number }>(child, 'counted');
        child.send({ type: 'count' });
        return (await answer).count;
      }),
    );
    if (counts.every((count, index) => count >= (due[index] ?? 0))) break;
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total !== last) quietSince = Date.now();
    last = total;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // What comes twice comes late: leave it a moment.
  await new Promise((resolve) => setTimeout(resolve, 300));
}

function compare(
  reports: readonly ClientsReport[],
  expected: readonly (readonly Set<number>[])[],
  written: WriterReport,
  first: number,
): Pick<RoundFigures, 'lags' | 'lost' | 'duplicated' | 'unexpected'> {
  const lags: number[] = [];
  let [lost, duplicated, unexpected] = [0, 0, 0];
  for (const [part, { clients, changes, at }] of reports.entries()) {
    const sets = expected[part] ?? [];
    const seen = sets.map(() => new Set<number>());
    for (const [index, change] of changes.entries()) {
      const client = clients[index] ?? 0;
      if (!sets[client]?.has(change)) unexpected += 1;
      if (seen[client]?.has(change)) duplicated += 1;
      seen[client]?.add(change);
      lags.push((at[index] ?? 0) - (written.acknowledgedAt[change - first] ?? 0));
    }
    for (const [client, set] of sets.entries()) lost += [...set].filter((change) => !seen[client]?.has(change)).length;
  }
  return { lags: Float64Array.from(lags).sort(), lost, duplicated, unexpected };
}
