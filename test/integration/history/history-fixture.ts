import { Logger } from '@nestjs/common';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { parseSettings, type Settings } from '../../../src/platform/settings/settings.js';
import { MemoryBroker } from '../../../src/events/broker/memory-broker.js';
import { EventLog } from '../../../src/events/log/event-log.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { EventFeed } from '../../../src/events/feed/event-feed.js';
import { aLogEvent } from '../../support/data/log-event.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Clock that only moves when the test sets it. */
export class StoppedClock extends Clock {
  constructor(public time: number) {
    super();
  }

  override now(): number {
    return this.time;
  }
}

/** Parts of the product on which history is built, on a separate database. */
export interface HistoryFixture {
  test: TestDatabase;
  database: Database;
  metrics: Metrics;
  log: EventLog;
  feed: EventFeed;
  settings: Settings;
  close(): Promise<void>;
}

export async function historyFixture(): Promise<HistoryFixture> {
  Logger.overrideLogger(false);
  const test = await createTestDatabase();
  const database = new Database({ url: test.url, poolSize: 5 });
  const metrics = new Metrics();
  const log = new EventLog(database);
  const feed = new EventFeed(log, new MemoryBroker(), testLoops(), metrics);
  return {
    test,
    database,
    metrics,
    log,
    feed,
    settings: parseSettings({ DATABASE_URL: test.url, SECRETS_KEY: 'a key that only tests use' }),
    close: async () => {
      await feed.stop();
      await database.onApplicationShutdown();
      await test.drop();
    },
  };
}

/** Moves the outbox into the log in order, without the lease and totals of the sequencer. */
export async function sequence({ pool }: TestDatabase): Promise<void> {
  await pool.query(`
    WITH claimed AS (DELETE FROM change_outbox RETURNING *)
    INSERT INTO event_log (seq, epoch, type, protocol, chain, token, previous, current, moved, name, category, symbol,
      volume_24h, market_cap, data, source, confidence, tags, observed_at, captured_at, logged_at, owner)
    SELECT newest_seq() + row_number() OVER (ORDER BY c.id), head.epoch, c.type, c.protocol, c.chain, c.token, c.previous,
      c.current, c.moved, p.name, p.category, c.symbol, c.volume_24h, c.market_cap, c.data, c.source, c.confidence,
      c.tags, c.observed_at, c.captured_at, clock_timestamp(), c.owner
    FROM claimed c LEFT JOIN protocols p ON p.slug = c.protocol CROSS JOIN log_head head`);
}

let seq = 0;

export function tvlEvent(fields: Partial<LogEvent>): LogEvent {
  const at = fields.observedAt ?? Date.now();
  return aLogEvent({ seq: ++seq, protocol: 'aave', chain: 'ethereum', current: 1, ...fields }, at);
}
