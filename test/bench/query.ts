/**
 * The query API over 24 million recorded values: the queries in the documentation one after the other, then 64 and 1,000
 * concurrent clients, ingest during queries, and plain SQL for comparison. The values are recorded once and kept (see
 * support/query-history.ts). Server, database, writer and clients share the machine.
 */
import { Client } from 'pg';
import { createKey, type BenchApp } from './support/bench-app.js';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { CpuMeter } from './support/cpu-meter.js';
import { median, percentile, round } from './support/percentiles.js';
import { QueryAsker } from './support/query-asker.js';
import type { ClientsReport, ClientsRound, ClientsTask } from './support/query-clients.js';
import { fillHistory, historyDirectory, RAW_DAYS, seriesOf, type Series } from './support/query-history.js';
import { IngestProbe, type IngestFigures } from './support/query-ingest.js';
import { SingleClient } from './support/query-single.js';
import { staleReads } from './support/query-stale.js';

/**
 * Keys of many clients, and clients of each: as many as may have a query in progress. Of 1,000 clients of a single key, 992
 * would wait in its queue, which refuses them after 20 s: below 50 answers/s, on a busy machine.
 */
const MANY = { keys: 125, clientsPerKey: 8 };
/** Clients of a single key: all but eight of their queries wait for those before them. */
const FEW = 64;

interface ClientsFigures {
  readonly answersPerSecond: number;
  readonly p95: number;
  readonly shed: number;
  readonly errors: number;
  readonly hitRatio: number;
  /** Processor time of server and database per answer, ms: comparable also if other work was running on the machine. */
  readonly cpuMs: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const { quick } = context;
  const series = seriesOf(quick ? 80 : 2_000);
  const app = await context.startApp({
    dataDir: historyDirectory(series.length),
    // Many clients connect at once from one address. With a limit, the server would close most of their connections 250 ms
    // later, before it has read the key of each.
    env: { HISTORY_RAW_DAYS: String(RAW_DAYS), LIMIT_CONNECTIONS: 'none=0,free=0,pro=0,enterprise=0' },
  });
  const database = new Client({ connectionString: app.databaseUrl });
  await database.connect();
  context.atEnd(() => database.end());
  const points = await fillHistory(context, database, series);
  context.log(`${points.toLocaleString('en-US')} points of ${series.length} series`);

  const asker = new QueryAsker(app.port, app.adminKey, FEW);
  context.atEnd(async () => asker.close());
  const single = new SingleClient(asker, database, context);
  const printed = await single.printed(quick ? 50 : 200);
  const heavy = await single.heavy(quick ? 1 : 3);
  const walk = await single.walk(quick ? 10_000 : 200_000);
  const stale = await staleReads(context, asker, series.slice(8), quick ? 200 : 2_000);

  const clients = await Clients.start(context, app, series);
  const few = await clients.ask([app.adminKey], FEW, quick ? 3 : 15);
  const users = Array.from({ length: MANY.keys }, (_, n) => `asker-${n}`);
  const manyKeys = await Promise.all(users.map((user) => createKey(app, user, 'reader', 'enterprise')));
  const many = await clients.ask(manyKeys, MANY.clientsPerKey, quick ? 5 : 20);

  const probe = await IngestProbe.start(context, app, database, series.slice(8, quick ? 48 : 1_008));
  await probe.measure(2);
  const alone: IngestFigures[] = [];
  const loaded: IngestFigures[] = [];
  const beside: ClientsFigures[] = [];
  const seconds = quick ? 4 : 10;
  for (let n = 0; n < (quick ? 1 : 3); n += 1) {
    alone.push(await probe.measure(seconds));
    const asked = clients.ask([app.adminKey], FEW, seconds + 2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    loaded.push(await probe.measure(seconds));
    beside.push(await asked);
    context.log(`1,000 changes/s to the client: p95 ${alone[n]?.p95} ms alone, ${loaded[n]?.p95} ms beside queries`);
  }
  const ingest = (of: readonly IngestFigures[]): number => round(median(of.map(({ p95 }) => p95)));
  const figures = {
    points,
    ...printed,
    page_p95_ms: walk.page_p95_ms,
    page_p50_ms: walk.page_p50_ms,
    walked_rows: walk.walked_rows,
    disorder: walk.disorder,
    ...heavy,
    clients: MANY.keys * MANY.clientsPerKey,
    errors: few.errors + many.errors + beside.reduce((sum, { errors }) => sum + errors, 0),
    shed: many.shed,
    answers_per_s: many.answersPerSecond,
    answer_p95_ms: many.p95,
    hit_ratio: many.hitRatio,
    cpu_ms_per_answer: many.cpuMs,
    answers_per_s_64: few.answersPerSecond,
    answer_p95_ms_64: few.p95,
    cpu_ms_per_answer_64: few.cpuMs,
    answers_per_s_beside_ingest: Math.round(median(beside.map(({ answersPerSecond }) => answersPerSecond))),
    stale_reads: stale.stale,
    stale_tries: stale.tries,
    ingest_p95_ms_alone: ingest(alone),
    ingest_p95_ms_loaded: ingest(loaded),
    ingest_lost: [...alone, ...loaded].reduce((sum, { lost }) => sum + lost, 0),
  };
  report(context, figures);
  // No limit applies: every answer is a fault but results and 503s, which refuse queries that would wait too long.
  if (figures.errors > 0) process.exitCode = 1;
  return figures;
}

/** Process that runs the clients. */
class Clients {
  private asked = 0;

  private constructor(
    private readonly context: BenchContext,
    private readonly process: ReturnType<BenchContext['startProcess']>,
    private readonly meter: CpuMeter,
  ) {}

  static async start(context: BenchContext, app: BenchApp, series: readonly Series[]): Promise<Clients> {
    const process = context.startProcess('query-clients.ts', { port: app.port, series } satisfies ClientsTask);
    await nextMessage(process, 'ready');
    return new Clients(context, process, new CpuMeter({ service: [app.pid, app.databasePid] }));
  }

  async ask(apiKeys: readonly string[], clientsPerKey: number, seconds: number): Promise<ClientsFigures> {
    this.asked += 1_000_000;
    const order: ClientsRound = { type: 'ask', apiKeys, clientsPerKey, seconds, firstNew: this.asked };
    this.meter.start();
    this.process.send(order);
    const report = await nextMessage<ClientsReport>(this.process, 'asked');
    const cores = this.meter.stop()['service'] ?? 0;
    const all = report.ms.length + report.shed + report.errors;
    const figures = {
      answersPerSecond: Math.round(report.ms.length / report.seconds),
      p95: round(percentile(report.ms, 0.95)),
      shed: round(report.shed / all, 4),
      errors: report.errors,
      hitRatio: round(report.hits / report.ms.length),
      cpuMs: round((cores * report.seconds * 1_000) / report.ms.length),
    };
    this.context.log(
      `${(apiKeys.length * clientsPerKey).toLocaleString('en-US')} clients: ${figures.answersPerSecond} answers/s, p95 ${figures.p95} ms, ${figures.cpuMs} ms of processors each, ${figures.hitRatio} from the cache, ${report.shed} of ${all} refused, ${report.errors} errors`,
    );
    if (report.problem !== undefined) this.context.log(`  first error: ${report.problem}`);
    return figures;
  }
}

function report(context: BenchContext, figures: Record<string, number>): void {
  const row = (what: string, name: string, target: string) => ({ what, ms: figures[name] ?? 0, target });
  context.log('');
  context.table([
    row('printed example, cold p95', 'cold_p95_ms', '< 500'),
    row('printed example, cached p95', 'cached_p95_ms', '< 20'),
    row('page of a walk, p95', 'page_p95_ms', '< 5'),
    row('chain × hour, 30 days', 'group_30d_ms', ''),
    row('  plain SQL on single values', 'raw_group_30d_ms', ''),
    row('  as PostgREST asks a view', 'postgrest_group_30d_ms', ''),
    row('percentiles by chain, 7 days', 'percentile_7d_ms', ''),
    row('commit → client p95, alone', 'ingest_p95_ms_alone', ''),
    row('commit → client p95, beside queries', 'ingest_p95_ms_loaded', '≤ 2 × alone'),
  ]);
  context.log(
    `1,000 clients: ${figures['answers_per_s']} answers/s (≥ 200), share refused ${figures['shed']} (≤ 0.05); stale reads ${figures['stale_reads']} of ${figures['stale_tries']}\n`,
  );
}
