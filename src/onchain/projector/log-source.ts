import { SlicedWork } from '../../platform/loop/slices.js';
import { type Address, type ChainEvent, type EventKind, type Hash, EVENT_KINDS } from '../core/index.js';
import type { Queries } from './row-loader.js';
import type { Position } from './stream-reader.js';

/** Events with the times at which their logs were stored, Unix milliseconds. */
export interface EventPage {
  readonly events: readonly ChainEvent[];
  readonly storedAt: readonly number[];
  /** Whether there are no more. */
  readonly isComplete: boolean;
}

/** Events that are read at once, and the size of their lists in the table, bytes: a list of ids may be long. */
const MAX_EVENTS = 4_000;
const MAX_LIST_BYTES = 512 * 1024;
/** Ids of a list that are read between two looks at the clock. */
const IDS_PER_STEP = 1_000;

type Row = [
  contract: Address,
  kind: string,
  block: number,
  log: number,
  at: number,
  transactionIndex: number,
  blockHash: Hash,
  transactionHash: Hash,
  sender: Address | null,
  recipient: Address | null,
  staker: Address | null,
  startTokenId: string | null,
  quantity: string | null,
  tokenIds: string | null,
  quantities: string | null,
  storedAt: number,
  inOrder: number,
  found: number,
];

const hex = (column: string): string => `'0x' || encode(${column}, 'hex')`;

/** Columns of an event, in the order of Row. */
const EVENT = `${hex('address')}, kind, block_number, log_index, block_ms, transaction_index, ${hex('block_hash')},
    ${hex('transaction_hash')}, ${hex('sender')}, ${hex('recipient')}, ${hex('staker')}, start_token_id, quantity,
    token_ids::text, quantities::text, floor(extract(epoch FROM stored_at) * 1000)::bigint`;

/**
 * Reads a contract at a time, each by its index on positions. Logs that an operator skipped are left out. The size of the
 * lists is summed up, so that a few long ones end the page.
 */
const READ = `SELECT ${EVENT}, n, found
  FROM (
    SELECT l.*, row_number() OVER position AS n, count(*) OVER () AS found,
      sum(coalesce(pg_column_size(l.token_ids), 0)) OVER position AS bytes
    FROM (
      SELECT c.address, p.* FROM onchain_contracts c CROSS JOIN LATERAL (
        SELECT * FROM onchain_logs l
        WHERE l.contract = c.id AND l.canonical AND (l.block_number, l.log_index) > ($2::bigint, $3::int)
          AND (l.block_number, l.log_index) <= ($4::bigint, $5::int)
        ORDER BY l.block_number, l.log_index LIMIT ${MAX_EVENTS}) AS p
      WHERE c.stream = $1 ORDER BY p.block_number, p.log_index LIMIT ${MAX_EVENTS}) AS l
    WINDOW position AS (ORDER BY l.block_number, l.log_index)) AS l
  WHERE (bytes <= ${MAX_LIST_BYTES} OR n = 1) AND NOT EXISTS (SELECT FROM onchain_dead_logs d
    WHERE d.contract = l.contract AND d.chain = l.chain AND d.block_hash = l.block_hash AND d.log_index = l.log_index
      AND d.resolution = 'skipped')
  ORDER BY n`;

/** Reads events after a position, up to another. */
export async function readEvents(db: Queries, stream: number, after: Position, upTo: Position): Promise<EventPage> {
  const { rows } = await db.query<Row>({
    name: 'onchain_read_events',
    text: READ,
    values: [stream, after.block, after.log, upTo.block, upTo.log],
    rowMode: 'array',
  });
  const events = await eventsOf(rows);
  const last = rows.at(-1);
  // A page whose last rows are all skipped has no last row that says how many were found; the next page then begins there.
  const isComplete = last === undefined || (last[16] === last[17] && last[17] < MAX_EVENTS);
  return { events, storedAt: rows.map((row) => row[15]), isComplete };
}

/**
 * Published events of a chain that were new when their logs were stored, up to a final block; the rows of older ones were never
 * published.
 */
const READ_FRESH = `SELECT ${EVENT}
  FROM (
    SELECT c.address, l.*, sum(coalesce(pg_column_size(l.token_ids), 0)) OVER position AS bytes, row_number() OVER position AS n
    FROM (
      SELECT l.* FROM onchain_logs l
      WHERE l.chain = $1 AND l.canonical AND (l.block_number, l.log_index) > ($2::bigint, $3::int) AND l.block_number <= $4
        AND l.stored_at <= to_timestamp((l.block_ms + $5) / 1000.0)
        AND EXISTS (SELECT FROM onchain_contracts c JOIN onchain_streams s ON s.id = c.stream WHERE c.id = l.contract
          AND c.shadow_of IS NULL AND (l.block_number, l.log_index) <= (s.published_block, s.published_log))
      ORDER BY l.block_number, l.log_index LIMIT ${MAX_EVENTS}) AS l JOIN onchain_contracts c ON c.id = l.contract
    WINDOW position AS (ORDER BY l.block_number, l.log_index)) AS l
  WHERE bytes <= ${MAX_LIST_BYTES} OR n = 1
  ORDER BY n`;

/** Reads the next page of published events after a position, up to the end of a block. */
export async function readFreshEvents(
  db: Queries,
  chain: number,
  after: Position,
  toBlock: number,
  staleAfterMs: number,
): Promise<ChainEvent[]> {
  const { rows } = await db.query<Row>({
    name: 'onchain_read_fresh',
    text: READ_FRESH,
    values: [chain, after.block, after.log, toBlock, staleAfterMs],
    rowMode: 'array',
  });
  return eventsOf(rows);
}

async function eventsOf(rows: readonly Row[]): Promise<ChainEvent[]> {
  const slices = new SlicedWork();
  await slices.nextSlice();
  const events: ChainEvent[] = [];
  for (const row of rows) {
    const [tokenIds, quantities] = [await idsOf(row[13], slices), await idsOf(row[14], slices)];
    events.push({ ...eventOf(row), tokenIds, quantities });
    if (slices.isSliceOver) await slices.nextSlice();
  }
  return events;
}

function eventOf(row: Row): Omit<ChainEvent, 'tokenIds' | 'quantities'> {
  return {
    contract: row[0],
    kind: kindOf(row[1]),
    blockNumber: row[2],
    logIndex: row[3],
    at: row[4],
    transactionIndex: row[5],
    blockHash: row[6],
    transactionHash: row[7],
    from: row[8],
    to: row[9],
    staker: row[10],
    startTokenId: row[11] === null ? null : BigInt(row[11]),
    quantity: row[12] === null ? null : BigInt(row[12]),
  };
}

const KINDS: ReadonlyMap<string, EventKind> = new Map(EVENT_KINDS.map((kind) => [kind, kind]));

function kindOf(text: string): EventKind {
  const kind = KINDS.get(text);
  if (kind === undefined) throw new Error(`unknown kind of event ${text}`);
  return kind;
}

/** Reads `{1,2,3}`; a list may have 100,000 ids. */
async function idsOf(text: string | null, slices: SlicedWork): Promise<bigint[] | null> {
  if (text === null) return null;
  const ids: bigint[] = [];
  for (let from = 1; from < text.length - 1;) {
    const comma = text.indexOf(',', from);
    const to = comma === -1 ? text.length - 1 : comma;
    ids.push(BigInt(text.slice(from, to)));
    from = to + 1;
    if (ids.length % IDS_PER_STEP === 0 && slices.isSliceOver) await slices.nextSlice();
  }
  return ids;
}
