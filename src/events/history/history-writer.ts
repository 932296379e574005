import { Injectable, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { EventLog } from '../log/event-log.js';
import type { LogEvent } from '../core/log-event.js';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import { EventFeed } from '../feed/event-feed.js';
import { LogReader } from '../feed/log-reader.js';
import {
  publishedChange,
  publishedConfidence,
  removedKey,
  type PublishedChange,
} from '../hot-cache/published-change.js';
import { HISTORY_READER } from '../hot-cache/published-store.js';
import { HistoryStore } from './history-store.js';
import { writeEnds } from './series-ends.js';

/**
 * Maximum time by which an observation may be ahead of its logging, ms. The time of logging replaces a later one, so that no
 * point is in the future.
 */
const MAX_FUTURE_MS = 300_000;

/**
 * Writes every published value to history and to `published_values`, in the transaction that moves the reader's position, so
 * that no crash loses or repeats a point.
 */
@Injectable()
export class HistoryWriter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly reader: LogReader;

  constructor(
    database: Database,
    log: EventLog,
    feed: EventFeed,
    private readonly store: HistoryStore,
    loops: BackgroundLoops,
    letters: DeadLetters,
  ) {
    this.reader = new LogReader(database, log, feed, loops, {
      name: HISTORY_READER,
      minIntervalMs: 100,
      onlyOn: 'worker',
      handle: (tx, batch) => this.write(tx, batch),
      deadLetter: (tx, event, error, attempts) => letters.record(tx, HISTORY_READER, event, error, attempts),
    });
  }

  onApplicationBootstrap(): void {
    this.reader.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.reader.stop();
  }

  async write(tx: PoolClient, batch: readonly LogEvent[]): Promise<void> {
    const published = batch.flatMap((event) => {
      const change = publishedChange(event);
      return change ? [{ event, change }] : [];
    });
    const points = published.map(({ event, change }) => ({
      ...change,
      at: pointTime(event),
      seq: event.seq,
      loggedAt: event.loggedAt,
    }));
    await this.store.write(tx, points);
    await this.store.correctSamples(tx, points);
    const newest = new Map(published.map((entry) => [keyOf(entry.change), entry]));
    if (newest.size > 0) await tx.query(PROJECT, columns([...newest.values()]));
    const removed = batch.flatMap((event) => {
      const key = removedKey(event);
      return key ? [{ ...key, at: event.loggedAt, seq: event.seq }] : [];
    });
    await writeEnds(tx, points, removed);
    if (removed.length > 0) await tx.query(FORGET, [JSON.stringify(removed)]);
  }
}

function keyOf({ metric, subject, chain }: PublishedChange): string {
  return `${metric} ${subject} ${chain}`;
}

function pointTime({ observedAt, loggedAt }: LogEvent): number {
  if (!Number.isFinite(observedAt) || observedAt > loggedAt + MAX_FUTURE_MS) return loggedAt;
  return Math.max(0, observedAt);
}

function columns(entries: readonly { event: LogEvent; change: PublishedChange }[]): unknown[] {
  const of = (pick: (event: LogEvent, change: PublishedChange) => unknown) =>
    entries.map(({ event, change }) => pick(event, change));
  return [
    of((_, change) => change.metric),
    of((_, change) => change.subject),
    of((_, change) => change.chain),
    of((_, change) => change.value),
    of((event) => event.seq),
    of((event) => pointTime(event)),
    of((event) => event.source),
    of((event) => publishedConfidence(event)),
    // As JSON, because PostgreSQL arrays of arrays must be rectangular.
    of((event) => JSON.stringify(event.tags)),
    of((event) => event.symbol),
    of((event, change) => (change.metric === 'price' ? event.chain : null)),
    of((event) => event.volume24h),
    of((event) => event.marketCap),
  ];
}

/** Deletes a removed key, unless a value was published after the removal. */
const FORGET = `
DELETE FROM published_values held
USING jsonb_to_recordset($1) AS given (metric text, subject text, chain text, seq bigint)
WHERE (held.metric, held.subject, held.chain) = (given.metric, given.subject, given.chain) AND held.seq < given.seq`;

const PROJECT = `
INSERT INTO published_values AS held (metric, subject, chain, value, seq, observed_at, source, confidence, tags, symbol,
  token_chain, volume_24h, market_cap)
SELECT metric, subject, chain, value, seq, to_timestamp(observed_at / 1000), source, confidence,
       ARRAY(SELECT jsonb_array_elements_text(tags)), symbol, token_chain, volume_24h, market_cap
FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::bigint[], $6::float8[], $7::text[], $8::real[],
            $9::jsonb[], $10::text[], $11::text[], $12::float8[], $13::float8[])
  AS given (metric, subject, chain, value, seq, observed_at, source, confidence, tags, symbol, token_chain,
            volume_24h, market_cap)
ON CONFLICT (metric, subject, chain) DO UPDATE SET value = excluded.value, seq = excluded.seq,
  observed_at = excluded.observed_at, source = excluded.source, confidence = excluded.confidence, tags = excluded.tags,
  symbol = excluded.symbol, token_chain = excluded.token_chain, volume_24h = excluded.volume_24h,
  market_cap = excluded.market_cap
WHERE held.seq < excluded.seq`;
