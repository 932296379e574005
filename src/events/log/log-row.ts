import { EVENT_TYPES } from '../core/event-catalogue.js';
import { INTERNAL_TYPES, UNKNOWN_TYPE, type LogEvent, type LogType } from '../core/log-event.js';

const KNOWN_TYPES: ReadonlyMap<string, LogType> = new Map([...EVENT_TYPES, ...INTERNAL_TYPES].map((t) => [t, t]));

/**
 * Columns of a log row in the order of `read_event_log` and `sequencer_step`. Rows are arrays and times are milliseconds,
 * which takes a third of the parsing time of objects with Dates.
 */
export type LogRow = [
  seq: number,
  epoch: string,
  type: string,
  protocol: string | null,
  chain: string | null,
  token: string | null,
  previous: number | null,
  current: number | null,
  moved: number | null,
  protocolTvl: number | null,
  name: string | null,
  category: string | null,
  symbol: string | null,
  volume24h: number | null,
  marketCap: number | null,
  data: Record<string, unknown> | null,
  source: string,
  confidence: number,
  tags: string[] | null,
  observedAt: number,
  capturedAt: number,
  loggedAt: number,
  owner: string | null,
  correlationId: string | null,
  traceParent: string | null,
];

/** Row with a flag that says something about the rows after it. */
export type FlaggedRow = [...LogRow, flag: boolean];

/**
 * Maximum size of the data of the rows that are read or numbered at once, bytes of JSON: everything that follows, such as
 * parsing, encoding and delivering, then takes a few milliseconds. A row with more data comes alone.
 */
export const MAX_DATA_BYTES = 256 * 1024;

const NO_TAGS: readonly string[] = [];

/** Never throws: a row that cannot be read would stop every reader of the log. */
export function logEvent(row: LogRow | FlaggedRow): LogEvent {
  return {
    seq: row[0],
    epoch: row[1],
    type: KNOWN_TYPES.get(row[2]) ?? UNKNOWN_TYPE,
    protocol: row[3],
    chain: row[4],
    token: row[5],
    previous: row[6],
    current: row[7],
    moved: row[8],
    protocolTvl: row[9],
    name: row[10],
    category: row[11],
    symbol: row[12],
    volume24h: row[13],
    marketCap: row[14],
    data: row[15],
    source: row[16],
    confidence: row[17],
    tags: row[18] ?? NO_TAGS,
    observedAt: wholeMillis(row[19]),
    capturedAt: wholeMillis(row[20]),
    loggedAt: wholeMillis(row[21]),
    owner: row[22],
    correlationId: row[23],
    traceParent: row[24],
  };
}

/**
 * Truncates a time to milliseconds, as queries do: 23:59:59.9996 belongs to its day. The database sends microseconds as a
 * double of milliseconds, which is up to 0.0003 ms wrong until the year 2038.
 */
function wholeMillis(time: number): number {
  return Math.floor(Math.round(time * 1_000) / 1_000);
}
