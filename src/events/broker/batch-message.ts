import { logEvent, type LogRow } from '../log/log-row.js';
import { UNKNOWN_TYPE, type LogEvent } from '../core/log-event.js';

/** Batch as it is sent between processes. */
interface BatchMessage {
  /**
   * Rows without an owner and of known types. Other rows are not sent: a process that finds their numbers missing reads
   * them from the log.
   */
  readonly batch: readonly LogEvent[];
  /** Last seq of the whole batch, including rows with an owner. */
  readonly through: number;
}

/**
 * Returns the beginning of every message from this sender, so that a process can recognise its own messages without parsing
 * them.
 */
export function messageHead(sender: string): string {
  return `{"by":${JSON.stringify(sender)},`;
}

export function encodeBatch(sender: string, batch: readonly LogEvent[]): string {
  const rows = batch.filter(({ owner, type }) => owner === null && type !== UNKNOWN_TYPE).map(logRow);
  return `${messageHead(sender)}"through":${batch.at(-1)?.seq ?? 0},"rows":${JSON.stringify(rows)}}`;
}

/** Parses a message; undefined for text that is not a batch, which anyone with redis-cli may have sent. */
export function decodeBatch(text: string): BatchMessage | undefined {
  try {
    const { through, rows } = Object(JSON.parse(text)) as { through: unknown; rows: unknown };
    if (!isSeq(through) || !Array.isArray(rows) || !rows.every(isLogRow)) return undefined;
    return { batch: rows.map(logEvent), through };
  } catch {
    return undefined;
  }
}

function logRow(event: LogEvent): LogRow {
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
    null,
    event.correlationId,
    event.traceParent,
  ];
}

type Check = (value: unknown) => boolean;

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const object: Check = (value) => typeof value === 'object' && !Array.isArray(value);
const tags: Check = (value) => Array.isArray(value) && value.every(text);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

/** Checks of a row's values, one per column of LogRow. */
const COLUMNS: readonly Check[] = [
  isSeq,
  text,
  text,
  ...Array<Check>(3).fill(orNull(text)),
  ...Array<Check>(4).fill(orNull(number)),
  ...Array<Check>(3).fill(orNull(text)),
  ...Array<Check>(2).fill(orNull(number)),
  orNull(object),
  text,
  number,
  orNull(tags),
  ...Array<Check>(3).fill(number),
  (owner) => owner === null,
  ...Array<Check>(2).fill(orNull(text)),
];

function isLogRow(row: unknown): row is LogRow {
  return Array.isArray(row) && row.length === COLUMNS.length && COLUMNS.every((fits, column) => fits(row[column]));
}
