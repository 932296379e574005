import type { ClientBase } from 'pg';
import type { Address, ChainEvent, Hash } from '../core/index.js';
import { byteCell, Columns } from './columns.js';

/** Way on which a log came: read from an endpoint, or posted by a writer. */
export type LogSource = 'rpc' | 'ingest' | 'sample';

/** Log that could not be decoded or projected. */
export interface DeadLog {
  readonly contract: Address;
  readonly blockNumber: number;
  readonly blockHash: Hash;
  readonly logIndex: number;
  readonly stage: 'decode' | 'project' | 'store';
  readonly code: string;
  readonly detail: string;
  readonly payload: object;
}

/** Contract as its rows refer to it. */
export interface ContractKey {
  readonly id: number;
  readonly stream: number;
}

/** Returns hexadecimal text as PostgreSQL reads bytes. */
export const bytes = (hex: string): string => `\\x${hex.slice(2)}`;
/** Returns bytes of the database as hexadecimal text. */
export const hexOf = (value: Buffer): `0x${string}` => `0x${value.toString('hex')}`;

/** Logs of one statement: writing the values of more would hold the event loop. */
const ROWS_PER_STATEMENT = 1_000;

/** Blocks per block with events above which each block is looked up by itself. */
const MAX_GAP_FACTOR = 1_000;

const identity = (event: { blockHash: string; logIndex: number }): string => `${event.blockHash}:${event.logIndex}`;

/**
 * Inserts the events of a chain that are not stored yet, and makes those of a branch that came back canonical again. `keys`
 * has the rows' contracts by address; events of other contracts are not stored.
 */
export async function insertLogs(
  tx: ClientBase,
  chain: number,
  events: readonly ChainEvent[],
  keys: ReadonlyMap<Address, readonly ContractKey[]>,
  source: LogSource,
): Promise<void> {
  const watched = events.filter(({ contract }) => keys.has(contract));
  if (watched.length === 0) return;
  const stored = await storedLogs(tx, chain, watched);
  const rows = watched.flatMap((event) =>
    (keys.get(event.contract) ?? [])
      .filter(({ id }) => !stored.has(`${id}:${identity(event)}`))
      .map(({ id }) => ({ id, event })),
  );
  for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
    const values = columnsOf(chain, rows.slice(from, from + ROWS_PER_STATEMENT), source);
    await tx.query({ name: 'onchain_insert_logs', text: INSERT, values });
  }
}

/** Returns the stored logs in the blocks of events, and makes them canonical if they are part of these blocks. */
async function storedLogs(tx: ClientBase, chain: number, events: readonly ChainEvent[]): Promise<Set<string>> {
  const numbers = [...new Set(events.map(({ blockNumber }) => blockNumber))];
  const [low, high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
  // Events of few blocks far apart, as writers may post them: the logs between them are not read.
  const isSparse = high - low > MAX_GAP_FACTOR * numbers.length;
  const { rows } = await tx.query<{ contract: number; hash: Buffer; log_index: number; canonical: boolean }>({
    name: isSparse ? 'onchain_stored_logs_of_blocks' : 'onchain_stored_logs',
    text: `SELECT contract, block_hash AS hash, log_index, canonical FROM onchain_logs
      WHERE chain = $1 AND ${isSparse ? 'block_number = ANY ($2::bigint[])' : 'block_number BETWEEN $2 AND $3'}`,
    values: isSparse ? [chain, numbers] : [chain, low, high],
  });
  if (rows.length === 0) return new Set();
  const found = new Map(
    rows.map((row) => [`${row.contract}:${identity({ blockHash: hexOf(row.hash), logIndex: row.log_index })}`, row]),
  );
  if (rows.some(({ canonical }) => !canonical)) {
    const hashes = [...new Set(events.map(({ blockHash }) => bytes(blockHash)))];
    await tx.query(
      `UPDATE onchain_logs SET canonical = true WHERE chain = $1 AND block_number BETWEEN $2 AND $3
       AND NOT canonical AND block_hash = ANY ($4::bytea[])`,
      [chain, low, high, hashes],
    );
  }
  return new Set(found.keys());
}

const INSERT = `INSERT INTO onchain_logs (chain, contract, block_number, log_index, kind, block_ms, transaction_index, block_hash,
    transaction_hash, sender, recipient, staker, start_token_id, quantity, token_ids, quantities, source)
  SELECT $1, c, b, l, k, ms, t, bh, th, s, r, st, id, q, ids::numeric[], qs::numeric[], $2
  FROM unnest($3::int[], $4::bigint[], $5::int[], $6::text[], $7::bigint[], $8::int[], $9::bytea[], $10::bytea[], $11::bytea[],
    $12::bytea[], $13::bytea[], $14::numeric[], $15::numeric[], $16::text[], $17::text[])
    AS row (c, b, l, k, ms, t, bh, th, s, r, st, id, q, ids, qs)`;

const list = (values: readonly bigint[] | null): string | null => (values === null ? null : `"{${values.join(',')}}"`);

function columnsOf(chain: number, rows: readonly { id: number; event: ChainEvent }[], source: LogSource): unknown[] {
  const columns = new Columns(15);
  for (const { id, event: e } of rows) {
    columns.add(
      id,
      e.blockNumber,
      e.logIndex,
      e.kind,
      e.at,
      e.transactionIndex,
      byteCell(e.blockHash),
      byteCell(e.transactionHash),
      byteCell(e.from),
      byteCell(e.to),
      byteCell(e.staker),
      e.startTokenId,
      e.quantity,
      list(e.tokenIds),
      list(e.quantities),
    );
  }
  return [chain, source, ...columns.literals()];
}

/** Records logs that could not be decoded: each stops its contract's stream at its position. */
export async function insertDeadLogs(
  tx: ClientBase,
  chain: number,
  dead: readonly DeadLog[],
  keys: ReadonlyMap<Address, readonly ContractKey[]>,
): Promise<void> {
  const rows = dead.flatMap((log) => (keys.get(log.contract) ?? []).map((key) => ({ ...key, log })));
  for (const { id, stream, log } of rows) {
    await tx.query(
      `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail,
         payload, created_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, left($9, 2000), $10, extract(epoch FROM clock_timestamp()) * 1000)
       ON CONFLICT (chain, contract, block_hash, log_index) DO UPDATE SET canonical = true`,
      [
        chain,
        stream,
        id,
        log.blockNumber,
        bytes(log.blockHash),
        log.logIndex,
        log.stage,
        log.code,
        log.detail,
        JSON.stringify(log.payload),
      ],
    );
  }
}
