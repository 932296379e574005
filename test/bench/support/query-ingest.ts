import type { Client } from 'pg';
import type { BenchApp } from './bench-app.js';
import { nextMessage, type BenchContext } from './bench-context.js';
import { valuesOf } from './latency-load.js';
import type { WriterReport, WriterRound, WriterTask } from './latency-writer.js';
import { percentile, round } from './percentiles.js';
import type { Series } from './query-history.js';
import { RawLoad } from './raw-load.js';

const RATE = 1_000;
const BATCH = 5;
const BASELINE = 1_000_000;
/** Only whole protocols, so that each change has one follower. */
const KEYS_PER_CLIENT = 8;

export interface IngestFigures {
  readonly p50: number;
  readonly p95: number;
  /** Number of committed changes that did not arrive. */
  readonly lost: number;
}

/**
 * Commits 1,000 changes a second from one process; each change has one follower, and the time from commit to client is
 * measured.
 */
export class IngestProbe {
  private written = 0;

  private constructor(
    private readonly load: RawLoad,
    private readonly writer: ReturnType<BenchContext['startProcess']>,
    private readonly keys: readonly Series[],
  ) {}

  static async start(context: BenchContext, app: BenchApp, client: Client, keys: readonly Series[]) {
    // Twice, so that this is the last published value of every key, whatever it was before.
    for (const value of [2 * BASELINE, BASELINE]) {
      await client.query(
        `UPDATE protocol_tvl r SET tvl = $3 FROM unnest($1::text[], $2::text[]) k (protocol, chain)
         WHERE r.protocol = k.protocol AND r.chain = k.chain`,
        [keys.map(({ protocol }) => protocol), keys.map(({ chain }) => chain), value],
      );
    }
    const bodies = Array.from({ length: Math.floor(keys.length / KEYS_PER_CLIENT) }, (_, n) =>
      keys.slice(n * KEYS_PER_CLIENT, (n + 1) * KEYS_PER_CLIENT),
    ).map((followed) => ({
      channels: ['tvl'],
      filters: { protocolIds: [...new Set(followed.map(({ protocol }) => protocol))] },
    }));
    const load = await RawLoad.start(context, {
      port: app.port,
      processes: 1,
      dialect: { name: 'websocket', apiKeys: [app.adminKey], bodies },
      sample: { mark: '"tags":["n', every: 1 },
    });
    await load.open(bodies.length);
    const task: WriterTask = { databaseUrl: app.databaseUrl, rate: RATE, batch: BATCH, keys };
    const writer = context.startProcess('latency-writer.ts', task);
    await nextMessage(writer, 'ready');
    return new IngestProbe(load, writer, keys);
  }

  async measure(seconds: number): Promise<IngestFigures> {
    await this.load.reset();
    await this.load.samples();
    const first = this.written;
    const values = valuesOf(first, seconds * RATE, this.keys.length, BASELINE);
    this.written += values.length;
    this.writer.send({ type: 'round', first, values } satisfies WriterRound);
    const { acknowledgedAt } = await nextMessage<WriterReport>(this.writer, 'written');
    await this.load.untilCounted(values.length);
    const came = new Map<number, number>();
    for (const { changes, at } of await this.load.samples()) {
      for (const [i, change] of changes.entries()) came.set(change - first, at[i] ?? 0);
    }
    const lags = Float64Array.from([...came].map(([n, at]) => at - (acknowledgedAt[n] ?? 0))).sort();
    return {
      p50: round(percentile(lags, 0.5)),
      p95: round(percentile(lags, 0.95)),
      lost: values.length - came.size,
    };
  }
}
