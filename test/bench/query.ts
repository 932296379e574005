/**
 * The query API over 24 million recorded values: the queries in the documentation one after the other, then 64 and 1,000
 * concurrent clients, ingest during queries, and plain SQL for comparison. The values are recorded once and kept (see
 * support/query-history.ts). Server, database, writer and clients share the machine.
 */
import { Client } from 'pg';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { median, percentile, round } from './support/percentiles.js';
import { QueryAsker } from './support/query-asker.js';
import type { ClientsReport, ClientsRound, ClientsTask } from './support/query-clients.js';
import { fillHistory, historyDirectory, RAW_DAYS, seriesOf, type Series } from './support/query-history.js';
import { IngestProbe, type IngestFigures } from './support/query-ingest.js';
import { SingleClient } from './support/query-single.js';
import { staleReads } from './support/query-stale.js';

const MANY = 1_000;
const FEW = 64;

interface ClientsFigures {
  readonly answersPerSecond: number;
  readonly p95: number;
  readonly shed: number;
  readonly errors: number;
  readonly hitRatio: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const { quick } = context;
  const series = seriesOf(quick ? 80 : 2_000);
  const app = await context.startApp({
    dataDir: historyDirectory(series.length),
    env: { HISTORY_RAW_DAYS: String(RAW_DAYS) },
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

  const clients = await Clients.start(context, { port: app.port, apiKey: app.adminKey, series });
  const few = await clients.ask(FEW, quick ? 3 : 15);
  const many = await clients.ask(MANY, quick ? 5 : 20);

  const probe = await IngestProbe.start(context, app, database, series.slice(8, quick ? 48 : 1_008));
  await probe.measure(2);
  const alone: IngestFigures[] = [];
  const loaded: IngestFigures[] = [];
  const beside: ClientsFigures[] = [];
  const seconds = quick ? 4 : 10;
  for (let n = 0; n < (quick ? 1 : 3); n += 1) {
    alone.push(await probe.measure(seconds));
    const asked = clients.ask(FEW, seconds + 2);
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
    clients: MANY,
    errors: few.errors + many.errors + beside.reduce((sum, { errors }) => sum + errors, 0),
    shed: many.shed,
    answers_per_s: many.answersPerSecond,
    answer_p95_ms: many.p95,
    hit_ratio: many.hitRatio,
    answers_per_s_64: few.answersPerSecond,
    answer_p95_ms_64: few.p95,
    answers_per_s_beside_ingest: Math.round(median(beside.map(({ answersPerSecond }) => answersPerSecond))),
    stale_reads: stale.stale,
    stale_tries: stale.tries,
    ingest_p95_ms_alone: ingest(alone),
    ingest_p95_ms_loaded: ingest(loaded),
    ingest_lost: [...alone, ...loaded].reduce((sum, { lost }) => sum + lost, 0),
  };
  report(context, figures);
  return figures;
}

/** Process that runs the clients. */
class Clients {
  private asked = 0;

  private constructor(
    private readonly context: BenchContext,
    private readonly process: ReturnType<BenchContext['startProcess']>,
  ) {}

  static async start(context: BenchContext, task: ClientsTask & { series: readonly Series[] }): Promise<Clients> {
    const process = context.startProcess('query-clients.ts', task);
    await nextMessage(process, 'ready');
    return new Clients(context, process);
  }

  async ask(clients: number, seconds: number): Promise<ClientsFigures> {
    this.asked += 1_000_000;
    this.process.send({ type: 'ask', clients, seconds, firstNew: this.asked } satisfies ClientsRound);
    const report = await nextMessage<ClientsReport>(this.process, 'asked');
    const all = report.ms.length + report.shed + report.errors;
    const figures = {
      answersPerSecond: Math.round(report.ms.length / report.seconds),
      p95: round(percentile(report.ms, 0.95)),
      shed: round(report.shed / all, 4),
      errors: report.errors,
      hitRatio: round(report.hits / report.ms.length),
    };
    this.context.log(
      `${clients.toLocaleString('en-US')} clients: ${figures.answersPerSecond} answers/s, p95 ${figures.p95} ms, ${figures.hitRatio} from the cache, ${report.shed} of ${all} refused, ${report.errors} errors`,
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
