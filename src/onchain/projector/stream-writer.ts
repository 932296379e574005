import type { ClientBase } from 'pg';
import type { ChainEvent } from '../core/index.js';
import { RULES_VERSION } from './point-rules.js';
import { CONTRACT_IDS, isAfter, type Position } from './stream-reader.js';

/** State that a batch finds when it has locked the chain. */
export interface LockedStream extends Position {
  readonly publishedBlock: number;
  readonly publishedLog: number;
  readonly final: number;
  readonly finalPublished: number;
  readonly rules: string;
  readonly contractIds: string;
}

/** Reads the position under the chain's lock. */
export async function readLocked(tx: ClientBase, stream: number): Promise<LockedStream | undefined> {
  const { rows } = await tx.query<LockedStream>({
    name: 'onchain_locked_stream',
    text: `SELECT s.block, s.log, s.published_block AS "publishedBlock", s.published_log AS "publishedLog",
        h.final_number AS final, h.final_published AS "finalPublished", ${RULES_VERSION} AS rules, ${CONTRACT_IDS} AS "contractIds"
      FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain WHERE s.id = $1`,
    values: [stream],
  });
  return rows[0];
}

/** Whether the event is after everything of the stream that was ever published. */
export function isUnpublished({ publishedBlock, publishedLog }: LockedStream, event: ChainEvent): boolean {
  return isAfter({ block: event.blockNumber, log: event.logIndex }, { block: publishedBlock, log: publishedLog });
}

/**
 * Moves the position. Its time is the highest of all headers and events up to it: a block may be older than the one before it,
 * and what began earlier would else end before it began. `withoutImages`: newest block that changed
 * something without before-images; the blocks behind it changed nothing.
 * @returns the time, Unix milliseconds; null before the first header
 */
export async function movePosition(
  tx: ClientBase,
  stream: number,
  to: Position,
  newestEventAt: number | null,
  haltedReason: string | null,
  withoutImages: number | null = null,
): Promise<number | null> {
  const { rows } = await tx.query<{ at: number | null }>({
    name: 'onchain_move_stream',
    text: `UPDATE onchain_streams AS s SET block = $2, log = $3, halted_reason = left($5, 2000),
        undo_from = greatest(undo_from, $6),
        block_hash = (SELECT hash FROM onchain_blocks b WHERE b.chain = s.chain AND canonical AND number = $2),
        at_ms = greatest(s.at_ms, $4::bigint, (SELECT b.at_ms FROM onchain_blocks b WHERE b.chain = s.chain AND canonical
          AND number <= $2 ORDER BY number DESC LIMIT 1), (SELECT max(b.at_ms) FROM onchain_blocks b WHERE b.chain = s.chain
          AND canonical AND number BETWEEN s.block + 1 AND $2)),
        published_block = CASE WHEN ($2, $3) > (published_block, published_log) THEN $2 ELSE published_block END,
        published_log = CASE WHEN ($2, $3) > (published_block, published_log) THEN $3 ELSE published_log END
      WHERE id = $1 RETURNING at_ms AS at`,
    values: [stream, to.block, to.log, newestEventAt, haltedReason, withoutImages],
  });
  await tx.query({
    name: 'onchain_note_projection',
    text: `INSERT INTO onchain_projections (stream, block, log) VALUES ($1, $2, $3)
      ON CONFLICT (stream, block, log) DO UPDATE SET at = excluded.at`,
    values: [stream, to.block, to.log],
  });
  return rows[0]?.at ?? null;
}

/** Takes the position back to the end of a block that the stream has reached. */
export async function takeBack(tx: ClientBase, stream: number, to: Position, keepsPublished: boolean): Promise<void> {
  await tx.query(
    `UPDATE onchain_streams AS s SET block = $2, log = $3, halted_reason = NULL,
       block_hash = (SELECT hash FROM onchain_blocks b WHERE b.chain = s.chain AND canonical AND number = $2),
       at_ms = greatest((SELECT final_ms FROM onchain_chains h WHERE h.id = s.chain AND final_number <= $2),
         (SELECT b.at_ms FROM onchain_blocks b WHERE b.chain = s.chain AND canonical AND number <= $2
           ORDER BY number DESC LIMIT 1),
         (SELECT max(b.at_ms) FROM onchain_blocks b JOIN onchain_chains h ON h.id = b.chain WHERE b.chain = s.chain AND canonical
           AND number > least(h.final_number, $2 - 256) AND number <= $2)),
       published_block = CASE WHEN $4 THEN published_block ELSE least(published_block, $2) END,
       published_log = CASE WHEN $4 OR published_block < $2 THEN published_log ELSE $3 END
     WHERE id = $1`,
    [stream, to.block, to.log, keepsPublished],
  );
  // Another history may precede the events then, in which they are valid.
  await tx.query(
    `UPDATE onchain_logs SET error = NULL WHERE error IS NOT NULL AND block_number > $2
       AND contract = ANY (ARRAY(SELECT id FROM onchain_contracts WHERE stream = $1))`,
    [stream, to.block],
  );
}

/** Difference of the clocks of the process and the database, and time between the storage of a log and its projection, ms. */
const STORED_SLACK_MS = 3_600_000;

/**
 * Notes errors of events in their logs. `storedFrom`: about when the oldest of the logs was stored, so that older partitions are not
 * searched.
 */
export async function writeErrors(
  tx: ClientBase,
  stream: number,
  errors: readonly { readonly event: ChainEvent; readonly error: string }[],
  storedFrom: number,
): Promise<void> {
  await tx.query({
    name: 'onchain_log_errors',
    text: `UPDATE onchain_logs AS l SET error = e.error
      FROM unnest($2::bytea[], $3::bigint[], $4::int[], $5::text[]) AS e (address, block, log, error)
        JOIN onchain_contracts c ON c.stream = $1 AND c.address = e.address
      WHERE l.contract = c.id AND l.block_number = e.block AND l.log_index = e.log AND l.canonical
        AND l.stored_at >= to_timestamp($6 / 1000.0)`,
    values: [
      stream,
      errors.map(({ event }) => `\\x${event.contract.slice(2)}`),
      errors.map(({ event }) => event.blockNumber),
      errors.map(({ event }) => event.logIndex),
      errors.map(({ error }) => error),
      storedFrom - STORED_SLACK_MS,
    ],
  });
}

/** Records an event that cannot be projected; it stops the stream until it is retried or skipped. */
export async function buryEvent(
  tx: ClientBase,
  stream: number,
  contract: number,
  event: ChainEvent,
  detail: string,
  now: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail, payload,
       created_ms)
     SELECT chain, id, $2, $3, decode($4, 'hex'), $5, 'project', 'projection_failed', left($6, 2000), $7, $8
     FROM onchain_streams WHERE id = $1
     ON CONFLICT (chain, contract, block_hash, log_index) DO UPDATE SET stage = excluded.stage, code = excluded.code,
       detail = excluded.detail, canonical = true, resolution = NULL, resolved_ms = NULL`,
    [
      stream,
      contract,
      event.blockNumber,
      event.blockHash.slice(2),
      event.logIndex,
      detail,
      JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
      now,
    ],
  );
}
