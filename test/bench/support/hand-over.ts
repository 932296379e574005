import { setTimeout as sleep } from 'node:timers/promises';
import { leader, newestSeq } from '../../support/faults/pod-faults.js';
import type { TestPods } from '../../support/servers/pods.js';
import { RecordedWriter, seeded } from '../../support/data/recorded-writer.js';
import { waitFor } from '../../support/wait-for.js';

/** Rate for one write of five changes every 4 ms, so that a measured pause is at most 4 ms too long. */
const RATE = 1_250;

/**
 * Stops the leader of the log during writes and starts it again; returns the longest time between two rows of the log,
 * ms.
 */
export async function standstill(pods: TestPods, prefix: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
  const { pool } = pods.db;
  const writer = new RecordedWriter(pool, prefix, 100, seeded(1));
  await writer.insertBaselines();
  const leading = await leader(pods);
  writer.start(RATE);
  try {
    await sleep(500);
    const before = await newestSeq(pool);
    const { pid } = leading;
    const ended = leading.end(signal);
    await waitFor(async () => {
      const { rows } = await pool.query<{ owner: string | null }>('SELECT owner FROM log_head');
      return rows[0]?.owner && !rows[0].owner.includes(`:${pid}:`);
    });
    await ended;
    await sleep(500);
    await writer.stop();
    const { rows } = await pool.query<{ ms: number }>(
      `SELECT max(extract(epoch FROM gap) * 1000)::float8 AS ms
         FROM (SELECT logged_at - lag(logged_at) OVER (ORDER BY seq) AS gap FROM event_log WHERE seq >= $1) AS rows`,
      [before],
    );
    return Math.round(rows[0]?.ms ?? Number.NaN);
  } finally {
    await writer.stop();
    if (leading.pid !== 0) await leading.start();
  }
}
