import type { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { BlockRange } from '../core/index.js';

/** Reasons to read a range again: to store what is missing, or also to say how both sides agree. */
export type RereadKind = 'replay' | 'verify';

/** Digests of the logs of up to 1,000 blocks; null where no logs are stored that could be compared. */
interface VerifiedRange extends BlockRange {
  readonly ours: string | null;
  readonly theirs: string | null;
  readonly equal: boolean | null;
}

/** Range that a caller wants to be read again. */
export interface AskedReread {
  readonly id: number;
  readonly kind: RereadKind;
  readonly from: number;
  readonly to: number;
  /** First block that was not read yet. */
  readonly next: number;
  readonly ranges: readonly VerifiedRange[];
  /** Blocks whose logs differed. */
  readonly differences: number;
  readonly healed: number;
  readonly fault: string | null;
  readonly isEnded: boolean;
}

/** Outcome of one part of a range. */
export interface ServedPart {
  readonly next: number;
  readonly ranges: readonly VerifiedRange[];
  readonly differences: number;
  readonly healed: number;
  readonly fault: string | null;
}

/** Ranges of one caller, and of all, that wait at the same time for one chain. */
const MAX_OPEN_OF_CALLER = 4;
const MAX_OPEN = 200;
const RETRY_AFTER_MS = 5_000;

const COLUMNS = `id, kind, from_block AS from, to_block AS to, next_block AS next, ranges, omitted AS differences, healed, fault,
  ended_at IS NOT NULL AS "isEnded"`;

type Row = AskedReread & Record<string, unknown>;

/**
 * Asks for a range to be read again. A caller that asks twice gets the range that waits already.
 * @throws DomainError `rate_limited` if too many ranges wait
 */
export async function askReread(
  database: Database,
  chain: number,
  kind: RereadKind,
  caller: string,
  { from, to }: BlockRange,
): Promise<AskedReread> {
  return database.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('onchain_rereads'), $1)`, [chain]);
    const { rows: open } = await tx.query<Row & { own: boolean }>(
      `SELECT ${COLUMNS}, asked_by = $2 AS own FROM onchain_rereads WHERE chain = $1 AND ended_at IS NULL`,
      [chain, caller],
    );
    const own = open.filter((each) => each.own);
    const same = own.find((each) => each.kind === kind && each.from === from && each.to === to);
    if (same !== undefined) return same;
    if (own.length >= MAX_OPEN_OF_CALLER || open.length >= MAX_OPEN) {
      const detail = `ranges of the chain wait already: ${own.length} of yours, at most ${MAX_OPEN_OF_CALLER}; try again later`;
      throw new DomainError('rate_limited', detail, { retryAfterMs: RETRY_AFTER_MS });
    }
    const { rows } = await tx.query<Row>(
      `INSERT INTO onchain_rereads (chain, kind, asked_by, from_block, to_block, next_block) VALUES ($1, $2, $3, $4, $5, $4)
       RETURNING ${COLUMNS}`,
      [chain, kind, caller, from, to],
    );
    const [asked] = rows;
    if (asked === undefined) throw new Error('the range was not stored');
    return asked;
  });
}

/** Returns a range that was asked for, also for a day after its end. */
export function findReread(database: Database, id: number): Promise<(AskedReread & { chain: string }) | undefined> {
  return database.one<Row & { chain: string }>(
    `SELECT ${COLUMNS}, (SELECT name FROM onchain_chains h WHERE h.id = r.chain) AS chain FROM onchain_rereads r WHERE id = $1`,
    [id],
  );
}

/** Returns the range whose caller was served longest ago; undefined if none waits. */
export function nextReread(database: Database, chain: number): Promise<AskedReread | undefined> {
  return database.one<Row>(
    `SELECT ${COLUMNS} FROM onchain_rereads r WHERE chain = $1 AND ended_at IS NULL
     ORDER BY (SELECT max(k.served_at) FROM onchain_rereads k WHERE k.chain = r.chain AND k.asked_by = r.asked_by) NULLS FIRST,
       served_at NULLS FIRST, id LIMIT 1`,
    [chain],
  );
}

/** Notes a part that was read; the range ends with its last block or with a fault. Ranges that ended a day ago are deleted. */
export async function noteReread(database: Database, { id, to }: AskedReread, part: ServedPart): Promise<void> {
  await database.query(
    `UPDATE onchain_rereads SET next_block = $2, ranges = ranges || $3::jsonb, omitted = omitted + $4, healed = healed + $5,
       fault = left($6, 2000), served_at = clock_timestamp(), ended_at = CASE WHEN $7 THEN clock_timestamp() END WHERE id = $1`,
    [
      id,
      part.next,
      JSON.stringify(part.ranges),
      part.differences,
      part.healed,
      part.fault,
      part.fault !== null || part.next > to,
    ],
  );
  await database.query(`DELETE FROM onchain_rereads WHERE ended_at < clock_timestamp() - interval '1 day'`);
}

/** Ends a range that nobody waits for any more. */
export async function giveUpReread(database: Database, id: number): Promise<void> {
  await database.query('DELETE FROM onchain_rereads WHERE id = $1', [id]);
}
