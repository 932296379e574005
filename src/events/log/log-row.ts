import { EVENT_TYPES } from '../core/event-catalogue.js';
import { INTERNAL_TYPES, UNKNOWN_TYPE, type LogEvent, type LogType } from '../core/log-event.js';
import type { LogRow } from './columns.js';

const KNOWN_TYPES: ReadonlyMap<string, LogType> = new Map([...EVENT_TYPES, ...INTERNAL_TYPES].map((t) => [t, t]));

/** Row with a flag that says something about the rows after it. */
export type FlaggedRow = [...LogRow, flag: boolean];

/**
 * Maximum size of the data of the rows that are read or numbered at once, bytes of JSON: everything that follows, such as
 * parsing, encoding and delivering, then takes a few milliseconds. A row with more data comes alone.
 */
export const MAX_DATA_BYTES = 256 * 1024;

const NO_TAGS: readonly string[] = [];

/**
 * Returns the event of a row. Never throws: a row that cannot be read would stop every reader of the log. Written out in the
 * order of LOG_COLUMNS, which a test compares: a loop over the columns takes 40 times as long.
 */
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

/** Returns the row of an event, as it was read. Written out for the same reason. */
export function logRow(event: LogEvent): LogRow {
  return [
    event.seq,
    event.epoch,
    event.type,
    event.protocol,
    event.chain,
    event.token,
    event.previous,
    event.current,
    event.moved,
    event.protocolTvl,
    event.name,
    event.category,
    event.symbol,
    event.volume24h,
    event.marketCap,
    event.data,
    event.source,
    event.confidence,
    event.tags.length > 0 ? [...event.tags] : null,
    event.observedAt,
    event.capturedAt,
    event.loggedAt,
    event.owner,
    event.correlationId,
    event.traceParent,
  ];
}

/**
 * Truncates a time to milliseconds, as queries do: 23:59:59.9996 belongs to its day. The database sends microseconds as a
 * double of milliseconds, which is up to 0.0003 ms wrong until the year 2038.
 */
function wholeMillis(time: number): number {
  return Math.floor(Math.round(time * 1_000) / 1_000);
}
