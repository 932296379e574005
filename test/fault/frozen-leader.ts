/**
 * Leader of the event log as a separate process, to be frozen: it has the session and the lease thread of the product,
 * but its results are not used. Run by Node's type stripping.
 */
import { Worker } from 'node:worker_threads';
import pg from 'pg';

const [url = '', owner = ''] = process.argv.slice(2);
const client = new pg.Client({
  connectionString: url,
  options: '-c role=rta_worker -c idle_in_transaction_session_timeout=500',
});
client.on('error', (error) => process.send?.({ type: 'session-lost', message: error.message }));
await client.connect();
const { rows } = await client.query('SELECT acquire_log_lease($1, 1000, NULL, NULL) AS lease', [owner]);
const leaseEpoch: number | null = rows[0].lease === null ? null : Number(rows[0].lease);
process.send?.({ type: 'lease', leaseEpoch });

const worker = new Worker(new URL('../../src/events/capture/lease-worker.ts', import.meta.url), {
  execArgv: [],
  workerData: { url, owner, leaseEpoch, leaseMs: 1_000, renewMs: 300, silenceMs: 60_000 },
});
worker.on('message', (message) => process.send?.({ type: 'worker', message }));

process.on('message', async (command: { step: boolean; limit: number; open?: boolean }) => {
  try {
    if (command.open) await client.query('BEGIN');
    const { rowCount } = await client.query('SELECT * FROM sequencer_step($1, $2, $3)', [
      owner,
      leaseEpoch,
      command.limit,
    ]);
    process.send?.({ type: 'stepped', rowCount });
  } catch (error) {
    process.send?.({ type: 'failed', code: (error as { code?: string }).code, message: (error as Error).message });
  }
});
