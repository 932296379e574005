import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import { appendEvents, eventId } from '../../events/index.js';
import type { Database } from '../../platform/database/database.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { Reorganisation } from './listener.js';

/** Ids in one `chain_reorg`: 39 bytes each, and a part must stay below 64 KiB. */
const MAX_IDS_PER_PART = 1_500;
/** Longest wait until the sequencer has numbered the chain's events, ms. */
const NUMBERED_TIMEOUT_MS = 10_000;
const NUMBERED_POLL_INTERVAL_MS = 20;

/** Waits until the events of a chain that wait for the sequencer are in the log, where they have their ids. */
export async function eventsNumbered(database: Database, chain: string): Promise<void> {
  for (const until = Date.now() + NUMBERED_TIMEOUT_MS; ;) {
    const waiting = await database.one<{ found: boolean }>(
      `SELECT EXISTS (SELECT FROM change_outbox WHERE type = 'onchain_event' AND chain = $1) AS found`,
      [chain],
    );
    if (waiting?.found !== true) return;
    if (Date.now() >= until) throw new Error(`events of ${chain} wait for the sequencer`);
    await sleep(NUMBERED_POLL_INTERVAL_MS);
  }
}

/**
 * Returns the ids of the events that a fork above a block retracts, the newest first: those of the canonical logs, as they were
 * published last. To be called before the logs are replaced.
 */
export async function retractedIds(tx: ClientBase, { id, name }: WatchedChain, above: number): Promise<string[]> {
  const { rows } = await tx.query<{ seq: number; epoch: string; at: number }>(
    `SELECT e.seq::float8 AS seq, e.epoch, e.at FROM (
       SELECT DISTINCT block_number, log_index, $2 || ':0x' || encode(block_hash, 'hex') || ':' || log_index AS onchain_id
       FROM onchain_logs WHERE chain = $1 AND block_number > $3 AND canonical) l
     CROSS JOIN LATERAL (SELECT seq, epoch, floor(extract(epoch FROM logged_at) * 1000)::float8 AS at FROM event_log
       WHERE type = 'onchain_event' AND data ->> 'onchainId' = l.onchain_id ORDER BY seq DESC LIMIT 1) e
     ORDER BY l.block_number DESC, l.log_index DESC`,
    [id, name, above],
  );
  return rows.map(({ seq, epoch, at }) => eventId({ seq, epoch, loggedAt: at }));
}

/** Appends the `chain_reorg` of a fork, in parts. */
export async function publishReorg(
  tx: ClientBase,
  chain: string,
  { oldHead, newHead, depth }: Reorganisation,
  retracted: readonly string[],
): Promise<void> {
  const parts = Math.max(1, Math.ceil(retracted.length / MAX_IDS_PER_PART));
  const events = Array.from({ length: parts }, (_, at) => ({
    type: 'chain_reorg' as const,
    chain,
    source: 'onchain',
    data: {
      chain,
      oldHead: oldHead.hash,
      newHead: newHead.hash,
      depth,
      retracted: retracted.slice(at * MAX_IDS_PER_PART, (at + 1) * MAX_IDS_PER_PART),
      part: at + 1,
      parts,
    },
  }));
  await appendEvents(tx, events);
}
