import type { ClientBase } from 'pg';
import { isoTime } from '../../platform/input/time.js';
import type { LogType } from '../core/log-event.js';

/**
 * Event that the application appends itself (alerts, posted and on-chain events, ticks), unlike changes of tables, which
 * triggers record. Absent fields are null in the log.
 */
export interface NewEvent {
  type: LogType;
  protocol?: string | null;
  chain?: string | null;
  token?: string | null;
  previous?: number | null;
  current?: number | null;
  symbol?: string | null;
  data?: Readonly<Record<string, unknown>> | null;
  source?: string;
  /** Confidence from 0 to 1; default 1. */
  confidence?: number;
  tags?: readonly string[];
  /** Time of the observation, Unix milliseconds; default: now. */
  observedAt?: number;
  /** User who alone may see the event; absent or null: every user may. */
  owner?: string | null;
  /** Default for both fields: the settings `rta.correlation_id` and `rta.trace_parent` of the transaction. */
  correlationId?: string | null;
  traceParent?: string | null;
}

/** Rows per statement, so that the parameter stays below a few MB. */
const ROWS_PER_STATEMENT = 5_000;

/**
 * Inserts events into the outbox inside the caller's transaction: they reach the log exactly once if it commits and never if
 * it rolls back, in the order given. After the commit, call `Sequencer.ring()` so that the sequencer does not wait for its
 * next poll.
 */
export async function appendEvents(tx: ClientBase, events: readonly NewEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += ROWS_PER_STATEMENT) {
    const rows = events.slice(from, from + ROWS_PER_STATEMENT).map((event) => ({
      type: event.type,
      protocol: event.protocol,
      chain: event.chain,
      token: event.token,
      previous: event.previous,
      current: event.current,
      symbol: event.symbol,
      data: event.data,
      source: event.source,
      confidence: event.confidence,
      tags: event.tags,
      observed_at: event.observedAt === undefined ? undefined : isoTime(event.observedAt),
      owner: event.owner,
      correlation_id: event.correlationId,
      trace_parent: event.traceParent,
    }));
    await tx.query('SELECT append_events($1::jsonb)', [JSON.stringify(rows)]);
  }
}
