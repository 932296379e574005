import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { EventLog } from '../log/event-log.js';
import { formatCursor } from '../core/cursor.js';
import { PublishedBook, protocolMeta } from './published-book.js';
import type { Metric, PublishedValue } from './published-value.js';

interface ValueRow {
  metric: Metric;
  subject: string;
  chain: string;
  token_chain: string | null;
  value: number;
  seq: number;
  observed_at: number;
  source: string;
  confidence: number;
  tags: string[];
  symbol: string | null;
  volume_24h: number | null;
  market_cap: number | null;
}

const PAGE_SIZE = 1_000;
/** Name of the log reader that writes the table `published_values`. */
export const HISTORY_READER = 'history';

/**
 * Loads the published state from the database: the table `published_values`, and the events of the log that it does not
 * contain yet.
 */
@Injectable()
export class PublishedStore {
  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
  ) {}

  /**
   * Returns a new book, its epoch and its position. The table is read after the reader's position and may be ahead of it; the book
   * ignores events that it already contains.
   */
  async load(): Promise<{ book: PublishedBook; epoch: string; seq: number }> {
    const book = new PublishedBook();
    const { epoch, firstSeq } = await this.log.bounds();
    const reader = await this.database.one<{ seq: number }>('SELECT seq FROM log_readers WHERE name = $1', [
      HISTORY_READER,
    ]);
    for await (const page of this.database.pages(PROTOCOLS)) {
      for (const row of page) book.putMeta(protocolMeta(row));
    }
    for await (const page of this.database.pages<ValueRow>(VALUES)) {
      for (const row of page) book.put(publishedValue(row, epoch));
    }
    const seq = await this.applyLog(book, Math.max(reader?.seq ?? 0, firstSeq - 1));
    return { book, epoch, seq };
  }

  private async applyLog(book: PublishedBook, after: number): Promise<number> {
    let seq = after;
    for (;;) {
      const { events, hasMore } = await this.log.readPage(seq, PAGE_SIZE);
      await eachInSlices(events, (event) => book.apply(event));
      seq = events.at(-1)?.seq ?? seq;
      if (!hasMore) return seq;
    }
  }
}

function publishedValue(row: ValueRow, epoch: string): PublishedValue {
  const tvl = row.metric === 'tvl';
  return {
    metric: row.metric,
    protocol: tvl ? row.subject : null,
    chain: tvl ? row.chain : row.token_chain,
    token: tvl ? null : row.subject,
    value: row.value,
    volume24h: row.volume_24h,
    marketCap: row.market_cap,
    symbol: row.symbol,
    name: null,
    category: null,
    source: row.source,
    confidence: row.confidence,
    tags: row.tags,
    observedAt: row.observed_at,
    seq: row.seq,
    cursor: formatCursor(epoch, row.seq),
  };
}

const PROTOCOLS = 'SELECT slug, name, symbol, category, chains, url, metadata FROM protocols';

const VALUES = `
SELECT metric, subject, chain, token_chain, value, seq, (extract(epoch FROM observed_at) * 1000)::float8 AS observed_at,
       source, confidence, tags, symbol, volume_24h, market_cap
FROM published_values`;
