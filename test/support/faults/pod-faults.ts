import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { TestPods } from '../servers/pods.js';
import { waitFor } from '../wait-for.js';

type Pod = TestPods['pods'][number];

/** Time for which a leader is frozen, ms. */
const FROZEN_MS = 3_000;

/** Returns the pod whose sequencer numbers the log. */
export async function leader({ pods, db }: TestPods): Promise<Pod> {
  return waitFor(async () => {
    const { rows } = await db.pool.query<{ owner: string | null }>('SELECT owner FROM log_head');
    return pods.find((pod) => rows[0]?.owner?.includes(`:${pod.pid}:`));
  });
}

async function killed(pod: Pod): Promise<void> {
  await pod.end('SIGKILL');
  await pod.start();
}

/** Faults; each resolves after everything that it stopped has been started again. */
export const POD_FAULTS = {
  gateway_killed: async (pods) => {
    const leading = await leader(pods);
    const other = pods.pods.find((pod) => pod !== leading);
    if (other) await killed(other);
  },
  leader_killed: async (pods) => killed(await leader(pods)),
  leader_frozen: async (pods) => {
    const { pid } = await leader(pods);
    process.kill(pid, 'SIGSTOP');
    await sleep(FROZEN_MS);
    process.kill(pid, 'SIGCONT');
  },
  redis_restarted_empty: (pods) => pods.redis.restart({ empty: true }),
  redis_cuts_subscribers: async (pods) => {
    await pods.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  },
  database_crashed: async ({ db }) => {
    const { rows } = await db.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    await waitFor(() => db.pool.query('SELECT 1'), { timeoutMs: 20_000 });
  },
  rolling_sigterm: async ({ pods }) => {
    for (const pod of pods) {
      await pod.end('SIGTERM');
      await pod.start();
    }
  },
} satisfies Record<string, (pods: TestPods) => Promise<void>>;

/** Returns the newest seq of the log; repeats the query until the database answers. */
export async function newestSeq(pool: Pool): Promise<number> {
  const { rows } = await waitFor(() => pool.query<{ seq: number }>('SELECT newest_seq()::float8 AS seq'));
  return rows[0]?.seq ?? 0;
}

/** Returns the longest time that a change after a position waited for its number, ms. */
export async function longestStall(pool: Pool, afterSeq: number): Promise<number> {
  const { rows } = await pool.query<{ ms: number | null }>(
    `SELECT max(extract(epoch FROM logged_at - captured_at) * 1000)::float8 AS ms FROM event_log WHERE seq > $1`,
    [afterSeq],
  );
  return Math.round(rows[0]?.ms ?? 0);
}
