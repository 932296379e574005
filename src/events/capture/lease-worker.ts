/**
 * Renews the sequencer's lease in a thread of its own, so that a busy event loop does not lose it. Must run under Node's
 * type stripping, too: only erasable syntax, and no imports of the application's files.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Client } from 'pg';

interface LeaseWork {
  url: string;
  owner: string;
  leaseEpoch: number;
  leaseMs: number;
  renewMs: number;
  /**
   * Longest time between two reports of the main thread, ms; after that the lease is no longer renewed, because the thread
   * hangs.
   */
  silenceMs: number;
}

const work: LeaseWork = workerData;
let lastMessageAt = performance.now();
const main = { ended: false };
let client: Client | undefined;

parentPort?.on('message', (message: 'alive' | 'end') => {
  lastMessageAt = performance.now();
  if (message === 'end') main.ended = true;
});

async function connected(): Promise<Client> {
  if (client !== undefined) return client;
  const fresh = new Client({
    connectionString: work.url,
    application_name: 'defi-realtime-lease',
    connectionTimeoutMillis: work.leaseMs,
    query_timeout: work.leaseMs,
    keepAlive: true,
  });
  fresh.on('error', () => (client = undefined));
  await fresh.connect();
  client = fresh;
  return fresh;
}

/** Renews the lease and returns whether this process still holds it. An unavailable database does not prove its loss. */
async function renew(): Promise<boolean> {
  try {
    const session = await connected();
    const result = await session.query<{ held: boolean }>('SELECT renew_log_lease($1, $2, $3) AS held', [
      work.owner,
      work.leaseEpoch,
      work.leaseMs,
    ]);
    return result.rows[0]?.held === true;
  } catch {
    const broken = client;
    client = undefined;
    void broken?.end().catch(() => undefined);
    return true;
  }
}

while (!main.ended) {
  if (performance.now() - lastMessageAt > work.silenceMs || !(await renew())) {
    parentPort?.postMessage('lost', []);
    break;
  }
  await sleep(work.renewMs);
}
await client?.end().catch(() => undefined);
parentPort?.close();
