import type { Client } from 'pg';
import type { BenchContext } from './bench-context.js';
import { median, percentile, round } from './percentiles.js';
import type { QueryAsker } from './query-asker.js';
import { groupByHour, percentiles, printedExample, WALK, type Question } from './query-questions.js';

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly page: { readonly next_cursor: string | null };
  readonly meta: { readonly cache: string };
}

/** One client that sends one query after the other. */
export class SingleClient {
  constructor(
    private readonly asker: QueryAsker,
    private readonly database: Client,
    private readonly context: BenchContext,
  ) {}

  /** Measures the documented example as a new query and as a repeated one. */
  async printed(times: number) {
    await this.ask(printedExample(999_999));
    const cold: number[] = [];
    for (let n = 0; n < times; n += 1) cold.push((await this.ask(printedExample(1_000_000 + n))).ms);
    const cached: number[] = [];
    for (let n = 0; n < times * 5; n += 1) cached.push((await this.ask(printedExample())).ms);
    const figures = { cold_p95_ms: p95(cold), cached_p95_ms: p95(cached) };
    this.context.log(`printed example: cold p95 ${figures.cold_p95_ms} ms, cached p95 ${figures.cached_p95_ms} ms`);
    return figures;
  }

  /** Measures the expensive queries, alternating with plain SQL that computes the same from raw values. */
  async heavy(rounds: number) {
    const group: number[] = [];
    const share: number[] = [];
    const raw: number[] = [];
    const postgrest: number[] = [];
    for (let n = 0; n <= rounds; n += 1) {
      group.push((await this.ask(groupByHour(n))).ms);
      share.push((await this.ask(percentiles(n))).ms);
      raw.push(await this.sql(RAW_GROUP));
      postgrest.push(await this.sql(POSTGREST_GROUP));
      // The first round is dropped, because it loads pages into memory for all of them.
      if (n === 0) for (const list of [group, share, raw, postgrest]) list.length = 0;
    }
    const figures = {
      group_30d_ms: round(median(group)),
      percentile_7d_ms: round(median(share)),
      raw_group_30d_ms: round(median(raw)),
      postgrest_group_30d_ms: round(median(postgrest)),
    };
    this.context.log(
      `chain × hour, 30 days: ${figures.group_30d_ms} ms; plain SQL on single values ${figures.raw_group_30d_ms} ms, as JSON of one view ${figures.postgrest_group_30d_ms} ms; percentiles, 7 days: ${figures.percentile_7d_ms} ms`,
    );
    return figures;
  }

  /** Follows `next_cursor` over this many rows; every row must sort after the previous one. */
  async walk(rows: number) {
    const pages: number[] = [];
    let [cursor, seen, last, disorder] = [undefined as string | undefined, 0, '', 0];
    do {
      const { ms, answer } = await this.ask({ ...WALK, ...(cursor !== undefined && { cursor }) });
      pages.push(ms);
      for (const { time } of answer.data) {
        if (String(time) < last) disorder += 1;
        last = String(time);
      }
      seen += answer.data.length;
      cursor = answer.page.next_cursor ?? undefined;
    } while (cursor !== undefined && seen < rows);
    const figures = { walked_rows: seen, page_p50_ms: round(median(pages)), page_p95_ms: p95(pages), disorder };
    this.context.log(`walk of ${seen.toLocaleString('en-US')} rows: page p95 ${figures.page_p95_ms} ms`);
    return figures;
  }

  private async ask(question: Question): Promise<{ ms: number; answer: Page }> {
    const { status, text, ms } = await this.asker.ask(JSON.stringify(question));
    if (status !== 200) throw new Error(`${status} for ${JSON.stringify(question)}: ${text}`);
    return { ms, answer: JSON.parse(text) as Page };
  }

  private async sql(text: string): Promise<number> {
    const startedAt = performance.now();
    await this.database.query(text);
    return performance.now() - startedAt;
  }
}

function p95(ms: readonly number[]): number {
  return round(percentile(Float64Array.from(ms).sort(), 0.95));
}

/** SQL as one would write it by hand. */
const RAW_GROUP = `
SELECT s.chain, date_trunc('hour', p.at, 'UTC') AS hour, avg(p.value) AS avg_tvl
FROM metric_points p JOIN metric_series s ON s.id = p.series_id
WHERE s.metric = 'tvl' AND p.at >= now() - interval '30 days' AND p.at < now()
GROUP BY 1, 2 ORDER BY 2, 1`;

/** The same query as PostgREST sends it to a view: the database aggregates and creates the JSON answer. */
const POSTGREST_GROUP = `
WITH pgrst_source AS (
  SELECT v.chain, v.hour, avg(v.tvl) AS avg_tvl
  FROM (SELECT s.subject AS protocol, s.chain, p.at, date_trunc('hour', p.at, 'UTC') AS hour, p.value AS tvl
        FROM metric_points p JOIN metric_series s ON s.id = p.series_id WHERE s.metric = 'tvl') v
  WHERE v.at >= now() - interval '30 days' AND v.at < now()
  GROUP BY v.chain, v.hour
)
SELECT coalesce(json_agg(t), '[]')::text AS body, count(*) AS total FROM (SELECT * FROM pgrst_source ORDER BY hour, chain) t`;
