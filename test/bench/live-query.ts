/**
 * 10,000 connections follow 200 distinct live queries, while 1,000 changes a second are committed that affect a tenth of
 * the queries. Measured is the time from the acknowledged commit until a client has the change of the result; that client
 * subscribed last and is served last among its query's followers. Changes within the interval of a query (250 ms) are
 * sent together, so a change waits for at least half of the interval on average.
 */
import { Client } from 'pg';
import { WebSocket } from 'ws';
import { insertBaselines } from './support/baselines.js';
import type { BenchApp } from './support/bench-app.js';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { CpuMeter } from './support/cpu-meter.js';
import type { WriterReport, WriterRound } from './support/latency-writer.js';
import { liveQueries, type BenchQuery } from './support/live-queries.js';
import { percentile, round } from './support/percentiles.js';
import { RawLoad } from './support/raw-load.js';

const RATE = 1_000;
const BATCH = 5;
const BASELINE = 1_000_000;
const WARM_UP_SECONDS = 3;

interface Push {
  /** Position of the log up to which the result includes all changes. */
  readonly seq: number;
  readonly at: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const subscribers = context.quick ? 2_000 : 10_000;
  const seconds = context.quick ? 8 : 20;
  const rounds = context.quick ? 1 : 3;
  const queries = liveQueries();
  const touched = queries.filter((query) => query.isTouched);
  const keys = touched.flatMap((query) => query.keys);
  const app = await context.startApp();
  await insertBaselines(
    app.databaseUrl,
    queries.flatMap((query) => query.keys),
    BASELINE,
  );
  context.log(`${subscribers.toLocaleString('en-US')} connections subscribe to ${queries.length} queries`);
  const load = await RawLoad.start(context, {
    port: app.port,
    dialect: {
      name: 'websocket',
      event: 'query_change',
      apiKeys: [app.adminKey],
      bodies: queries.map(({ query }) => ({ query })),
    },
  });
  const idleOf = async (): Promise<number> => {
    const meter = new CpuMeter({ server: [app.pid], database: [app.databasePid] });
    meter.start();
    await new Promise((resolve) => setTimeout(resolve, context.quick ? 3_000 : 10_000));
    const { server = 0, database = 0 } = meter.stop();
    context.log(`nothing changes: server ${server}, database ${database} of a core`);
    return round(server + database);
  };
  const alone = await idleOf();
  const opened = await load.open(subscribers);
  context.log(`open after ${opened.seconds.toFixed(1)} s`);
  const probes = await Promise.all(touched.map((query) => Probe.open(app, query)));
  context.atEnd(async () => {
    for (const probe of probes) probe.close();
  });
  const writer = context.startProcess('latency-writer.ts', {
    databaseUrl: app.databaseUrl,
    rate: RATE,
    batch: BATCH,
    keys,
  });
  await nextMessage(writer, 'ready');
  const meter = new CpuMeter({
    server: [app.pid],
    database: [app.databasePid],
    clients: load.pids,
    writer: [writer.pid ?? 0],
  });

  const idle = await idleOf();

  let written = 0;
  const write = async (lasting: number): Promise<{ first: number; acknowledgedAt: Float64Array }> => {
    const first = written;
    const values = Float64Array.from({ length: lasting * RATE }, (_, i) => valueOf(first + i, keys.length));
    written += values.length;
    writer.send({ type: 'round', first, values } satisfies WriterRound);
    const { acknowledgedAt } = await nextMessage<WriterReport>(writer, 'written');
    return { first, acknowledgedAt };
  };
  await write(WARM_UP_SECONDS);

  const lags: number[] = [];
  const p95s: number[] = [];
  let cpu: Record<string, number> = {};
  let pushesPerSecond = 0;
  for (let n = 1; n <= rounds; n += 1) {
    await load.reset();
    meter.start();
    const { first, acknowledgedAt } = await write(seconds);
    cpu = meter.stop();
    // The last change waits for the interval of its query.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const { deliveries } = await load.counts();
    pushesPerSecond = deliveries / seconds;
    const seqs = await seqsOf(app, first);
    const found = probes.flatMap((probe) => probe.lags(keys, first, acknowledgedAt, seqs));
    const sorted = Float64Array.from(found).sort();
    p95s.push(percentile(sorted, 0.95));
    for (const lag of found) lags.push(lag);
    context.log(
      `round ${n} of ${rounds}: ${found.length} changes, p50 ${percentile(sorted, 0.5).toFixed(0)}, p95 ${percentile(sorted, 0.95).toFixed(0)} ms, ${Math.round(pushesPerSecond)} pushes/s`,
    );
  }
  const unseen = probes.reduce((sum, probe) => sum + probe.unseen, 0);
  const all = Float64Array.from(lags).sort();
  const figures = {
    subscribers,
    queries: queries.length,
    changes_per_s: RATE,
    push_p50_ms: round(percentile(all, 0.5)),
    push_p95_ms: round(p95s.sort((a, b) => a - b)[Math.floor(p95s.length / 2)] ?? 0),
    push_p99_ms: round(percentile(all, 0.99)),
    pushes_per_s: Math.round(pushesPerSecond),
    unseen,
    idle_cpu: idle,
    idle_cpu_without: alone,
    cpu_share: cpu,
  };
  context.table([
    {
      subscribers,
      queries: queries.length,
      'push p50 ms': figures.push_p50_ms,
      'push p95 ms': figures.push_p95_ms,
      'push p99 ms': figures.push_p99_ms,
      'pushes/s': figures.pushes_per_s,
      'idle cores': figures.idle_cpu,
      'without followers': figures.idle_cpu_without,
    },
  ]);
  return figures;
}

/**
 * Returns the value of a write. Each write of a key moves its value by a few percent, alternately up and down, never to
 * an earlier value.
 */
function valueOf(change: number, keyCount: number): number {
  const turn = Math.floor(change / keyCount);
  return BASELINE * (turn % 2 === 0 ? 1.03 : 1) + change / 10;
}

/** Returns the position in the log of each change. */
async function seqsOf(app: BenchApp, first: number): Promise<Map<number, number>> {
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number; seq: number }>(
      `SELECT substr(tags[1], 2)::int AS n, seq::float8 AS seq FROM event_log
       WHERE type = 'tvl_change' AND tags[1] ~ '^n[0-9]+$' AND substr(tags[1], 2)::int >= $1`,
      [first],
    );
    return new Map(rows.map(({ n, seq }) => [n, seq]));
  } finally {
    await client.end();
  }
}

/** One follower of a query that records when it received which position. */
class Probe {
  unseen = 0;
  private readonly pushes: Push[] = [];

  private constructor(
    private readonly query: BenchQuery,
    private readonly socket: WebSocket,
  ) {}

  static async open(app: BenchApp, query: BenchQuery): Promise<Probe> {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${app.adminKey}`);
    const probe = new Probe(query, socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data: Buffer) => {
        const at = performance.timeOrigin + performance.now();
        const message = JSON.parse(data.toString()) as { type: string; cursor: string };
        if (message.type === 'connected') socket.send(JSON.stringify({ type: 'subscribe', query: query.query }));
        if (message.type === 'query_result') resolve();
        if (message.type === 'error') reject(new Error(data.toString()));
        if (message.type === 'query_change') probe.pushes.push({ seq: seqOf(message.cursor), at });
      });
    });
    return probe;
  }

  /** Returns the times from each acknowledged change of the query's keys to the first push that includes it, ms. */
  lags(
    keys: readonly { protocol: string }[],
    first: number,
    acknowledgedAt: Float64Array,
    seqs: ReadonlyMap<number, number>,
  ): number[] {
    const own = new Set(this.query.keys.map(({ protocol }) => protocol));
    const lags: number[] = [];
    let next = 0;
    const mine = [...acknowledgedAt.keys()]
      .filter((i) => own.has(keys[(first + i) % keys.length]?.protocol ?? ''))
      .flatMap((i) => {
        const seq = seqs.get(first + i);
        return seq === undefined ? [] : [{ seq, at: acknowledgedAt[i] ?? 0 }];
      })
      .sort((a, b) => a.seq - b.seq);
    for (const change of mine) {
      while (next < this.pushes.length && (this.pushes[next]?.seq ?? 0) < change.seq) next += 1;
      const push = this.pushes[next];
      if (push === undefined) this.unseen += 1;
      else lags.push(push.at - change.at);
    }
    this.pushes.length = 0;
    return lags;
  }

  close(): void {
    this.socket.terminate();
  }
}

function seqOf(cursor: string): number {
  return parseInt(cursor.slice(cursor.lastIndexOf('-') + 1), 36);
}
