import type { Database } from '../../platform/database/database.js';
import type { Address, BlockRange, Hash } from '../core/index.js';

/** Stored logs of one block. */
export interface StoredBlock {
  readonly number: number;
  readonly hash: Hash;
  /** Digest as `digestOfLogs` computes it. */
  readonly digest: string;
}

/** Blocks of a contract that can be compared: those whose logs are stored and were not dropped. */
export interface ComparableContract {
  readonly address: Address;
  readonly ranges: readonly BlockRange[];
}

/** Place of a stored log. */
export interface StoredPlace {
  readonly block: number;
  readonly hash: Hash;
  readonly log: number;
}

/** Logs of the contracts themselves; those of a state that is projected anew are copies. */
const OWN = `own AS MATERIALIZED (SELECT id, address, covered - dropped AS ranges FROM onchain_contracts
    WHERE chain = $1 AND shadow_of IS NULL)`;
const hex = (column: string): string => `coalesce(encode(${column}, 'hex'), '')`;
/** Lists without their braces. */
const list = (column: string): string => `btrim(coalesce(${column}::text, ''), '{}')`;

const LINES = `SELECT l.block_number, l.block_hash, l.log_index, concat(l.log_index, '|', ${hex('l.block_hash')}, '|',
      ${hex('c.address')}, '|', ${hex('l.transaction_hash')}, '|', l.transaction_index, '|', l.kind, '|', ${hex('l.sender')}, '|',
      ${hex('l.recipient')}, '|', ${hex('l.staker')}, '|', l.start_token_id, '|', l.quantity, '|', ${list('l.token_ids')}, '|',
      ${list('l.quantities')}, E'\\n') AS line
    FROM onchain_logs l JOIN own c ON c.id = l.contract
    WHERE l.chain = $1 AND l.canonical AND l.block_number BETWEEN $2 AND $3 AND c.ranges @> l.block_number
  UNION ALL
  SELECT d.block_number, d.block_hash, d.log_index, concat(d.log_index, '|', ${hex('d.block_hash')}, '|', ${hex('c.address')},
      '|dead', E'\\n')
    FROM onchain_dead_logs d JOIN own c ON c.id = d.contract
    WHERE d.chain = $1 AND d.canonical AND d.stage = 'decode' AND d.block_number BETWEEN $2 AND $3
      AND c.ranges @> d.block_number AND NOT EXISTS (SELECT FROM onchain_logs l WHERE l.contract = d.contract
        AND l.block_number = d.block_number AND l.log_index = d.log_index AND l.canonical)`;

/** Returns the blocks of a range that have logs. */
export async function storedBlocks(
  database: Database,
  chain: number,
  { from, to }: BlockRange,
): Promise<StoredBlock[]> {
  return database.query<StoredBlock & Record<string, unknown>>(
    `WITH ${OWN} SELECT block_number AS number, '0x' || encode((array_agg(block_hash))[1], 'hex') AS hash,
       encode(sha256(string_agg(convert_to(line, 'UTF8'), ''::bytea ORDER BY log_index)), 'hex') AS digest
     FROM (${LINES}) AS lines GROUP BY block_number ORDER BY block_number`,
    [chain, from, to],
  );
}

/** Returns the places of the logs of a few blocks of a range. */
export async function storedPlaces(
  database: Database,
  chain: number,
  { from, to }: BlockRange,
  blocks: readonly number[],
): Promise<StoredPlace[]> {
  return database.query<StoredPlace & Record<string, unknown>>(
    `WITH ${OWN} SELECT block_number AS block, '0x' || encode(block_hash, 'hex') AS hash, log_index AS log
     FROM (${LINES}) AS lines WHERE block_number = ANY ($4::bigint[]) ORDER BY block_number, log_index`,
    [chain, from, to, blocks],
  );
}

/** Returns which blocks of each contract can be compared. */
export async function comparableContracts(database: Database, chain: number): Promise<ComparableContract[]> {
  return database.query<ComparableContract & Record<string, unknown>>(
    `WITH ${OWN} SELECT '0x' || encode(address, 'hex') AS address, coalesce((SELECT jsonb_agg(jsonb_build_object(
       'from', lower(r), 'to', upper(r) - 1)) FROM unnest(ranges) AS r), '[]') AS ranges FROM own`,
    [chain],
  );
}

/** Returns the hashes of the canonical blocks of a range whose headers are stored. */
export async function storedHashes(
  database: Database,
  chain: number,
  { from, to }: BlockRange,
): Promise<Map<number, Hash>> {
  const rows = await database.query<{ number: number; hash: Hash }>(
    `SELECT number, '0x' || encode(hash, 'hex') AS hash FROM onchain_blocks
     WHERE chain = $1 AND canonical AND number BETWEEN $2 AND $3`,
    [chain, from, to],
  );
  return new Map(rows.map(({ number, hash }) => [number, hash]));
}
