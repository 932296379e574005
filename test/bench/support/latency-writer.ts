/**
 * Process that commits upserts at a fixed rate and records when the commit of each change was acknowledged. Every change
 * has its number in the row's tags, so that a delivery can be traced to its write.
 */
import { Client } from 'pg';

export interface WriterTask {
  readonly databaseUrl: string;
  /** Changes per second, and number of changes per transaction. */
  readonly rate: number;
  readonly batch: number;
  readonly keys: readonly { protocol: string; chain: string }[];
}
/**
 * Change `n` sets key `n % keys` to `values[n - first]`. A key is always written through the same connection, so its
 * changes are in order of `n`.
 */
export interface WriterRound {
  readonly type: 'round';
  readonly first: number;
  readonly values: Float64Array;
}
export interface WriterReport {
  readonly type: 'written';
  /** Unix milliseconds of the acknowledgement of each change of the round. */
  readonly acknowledgedAt: Float64Array;
  /** Number of transactions that started late because all connections were busy. */
  readonly late: number;
}

const CONNECTIONS = 8;
const UPSERT = `
  INSERT INTO protocol_tvl (protocol, chain, tvl, source, tags, observed_at)
  SELECT protocol, chain, tvl, 'bench', ARRAY['n' || n], clock_timestamp()
    FROM unnest($1::text[], $2::text[], $3::float8[], $4::int[]) AS change(protocol, chain, tvl, n)
  ON CONFLICT (protocol, chain)
  DO UPDATE SET tvl = excluded.tvl, source = excluded.source, tags = excluded.tags, observed_at = excluded.observed_at`;

const epochNow = (): number => performance.timeOrigin + performance.now();

async function writeRound(task: WriterTask, connections: readonly Client[], round: WriterRound): Promise<WriterReport> {
  const acknowledgedAt = new Float64Array(round.values.length);
  const queues = connections.map(() => Promise.resolve());
  const busy = connections.map(() => 0);
  let late = 0;
  const started = performance.now();

  for (let offset = 0; offset < round.values.length; offset += task.batch) {
    const due = started + (offset / task.rate) * 1000;
    const wait = due - performance.now();
    if (wait > 0.5) await new Promise((resolve) => setTimeout(resolve, wait));

    const numbers = Array.from({ length: Math.min(task.batch, round.values.length - offset) }, (_, i) => offset + i);
    const lane = ((round.first + offset) / task.batch) % connections.length;
    if ((busy[lane] ?? 0) > 0) late += 1;
    busy[lane] = (busy[lane] ?? 0) + 1;
    const previous = queues[lane];
    const connection = connections[lane];
    queues[lane] = (async () => {
      await previous;
      const keys = numbers.map((i) => task.keys[(round.first + i) % task.keys.length]);
      await connection?.query({
        name: 'upsert',
        text: UPSERT,
        values: [
          keys.map((key) => key?.protocol),
          keys.map((key) => key?.chain),
          numbers.map((i) => round.values[i]),
          numbers.map((i) => round.first + i),
        ],
      });
      acknowledgedAt.fill(epochNow(), offset, offset + numbers.length);
      busy[lane] = (busy[lane] ?? 1) - 1;
    })();
  }
  await Promise.all(queues);
  return { type: 'written', acknowledgedAt, late };
}

process.once('message', (task: WriterTask) => {
  void (async () => {
    const connections = Array.from({ length: CONNECTIONS }, () => new Client({ connectionString: task.databaseUrl }));
    await Promise.all(connections.map((connection) => connection.connect()));
    process.on('message', (round: WriterRound) => {
      void writeRound(task, connections, round).then((report) => process.send?.(report));
    });
    process.send?.({ type: 'ready' });
  })();
});
