import { Injectable } from '@nestjs/common';
import { EventLog, type LogEvent } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import { observedTime, type HistoryPoint } from '../core/index.js';

/** Position of the log as of which history is read, and the time of its row, Unix ms. */
export interface AsOf {
  seq: number;
  at: number;
}

/** Published value with its position in the log; 0 if it was never in the log. */
export type LoggedPoint = HistoryPoint & { seq: number };

/** Reader of the log that writes the history; rows after its position are only in the log. */
const HISTORY_READER = 'history';
const LOG_PAGE_SIZE = 5_000;

/** Published values that are in the log and not yet in the stored history. */
@Injectable()
export class LogTail {
  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
  ) {}

  /** Returns the position up to which history is written, limited to `asOf`. Must be called before history is read. */
  async written(asOf: AsOf): Promise<number> {
    const reader = await this.database.one<{ seq: number }>(
      'SELECT seq::float8 AS seq FROM log_readers WHERE name = $1',
      [HISTORY_READER],
    );
    return Math.min(reader?.seq ?? asOf.seq, asOf.seq);
  }

  /** Returns the values of the log after `written`, up to `asOf`. */
  async points(written: number, asOf: AsOf): Promise<LoggedPoint[]> {
    const points: LoggedPoint[] = [];
    let position = written;
    while (position < asOf.seq) {
      const { events, hasMore } = await this.log.readPage(position, LOG_PAGE_SIZE, { upTo: asOf.seq });
      points.push(...events.flatMap(publishedPoint));
      position = hasMore ? (events.at(-1)?.seq ?? asOf.seq) : asOf.seq;
    }
    return points;
  }
}

function publishedPoint(event: LogEvent): LoggedPoint[] {
  const { type, seq, protocol, chain, token, current: value, volume24h, marketCap, loggedAt, category, tags } = event;
  if (value === null) return [];
  const at = observedTime(event);
  if (type === 'tvl_change' || type === 'tvl_baseline')
    return [{ metric: 'tvl', protocol, chain, token: null, value, at, seq, loggedAt, category, tags }];
  if (type !== 'price_change' && type !== 'price_baseline') return [];
  return [
    { metric: 'price', protocol: null, chain: null, token, value, at, seq, loggedAt, tags, volume24h, marketCap },
  ];
}
