import { UNKNOWN_TYPE, type LogEvent } from '../core/log-event.js';
import { isLogRow, isSeq } from '../log/columns.js';
import { logEvent, logRow } from '../log/log-row.js';

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
    const batch = rows.map(logEvent);
    return batch.every(({ owner }) => owner === null) ? { batch, through } : undefined;
  } catch {
    return undefined;
  }
}
