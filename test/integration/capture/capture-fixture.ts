import type { Broker } from '../../../src/events/feed/broker.js';
import { MemoryBroker } from '../../../src/events/broker/memory-broker.js';
import { EventLog } from '../../../src/events/log/event-log.js';
import { SequencerMetrics } from '../../../src/events/capture/sequencer-metrics.js';
import type { LeaderAudit } from '../../../src/events/capture/leader-audit.js';
import { Sequencer } from '../../../src/events/capture/sequencer.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { EventFeed } from '../../../src/events/feed/event-feed.js';
import { Database } from '../../../src/platform/database/database.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

/** Parts of one process: a log, a feed, and a sequencer that runs after it is started. */
export interface Pod {
  database: Database;
  log: EventLog;
  feed: EventFeed;
  sequencer: Sequencer;
  metrics: Metrics;
  close(): Promise<void>;
}

const UNAUDITED = { record: () => Promise.resolve() } as unknown as LeaderAudit;

export function createPod(url: string, broker: Broker = new MemoryBroker()): Pod {
  const database = new Database({ url, poolSize: 6 });
  const metrics = new Metrics();
  const log = new EventLog(database);
  const feed = new EventFeed(log, broker, testLoops(), metrics);
  const settings = parseSettings({ DATABASE_URL: url, SECRETS_KEY: 'a key that only tests use' });
  const sequencer = new Sequencer(database, broker, feed, settings, new SequencerMetrics(metrics, log), UNAUDITED);
  return {
    database,
    log,
    feed,
    sequencer,
    metrics,
    close: async () => {
      await sequencer.beforeApplicationShutdown();
      await feed.onApplicationShutdown();
      await database.onApplicationShutdown();
    },
  };
}

/** Database, and step-by-step numbering of the changes that its triggers recorded, without a running sequencer. */
export interface Capture {
  db: TestDatabase;
  query<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
  /** Moves all waiting changes into the log and returns the events, without ticks. */
  events(): Promise<LogEvent[]>;
  close(): Promise<void>;
}

export async function createCapture(): Promise<Capture> {
  const db = await createTestDatabase();
  const database = new Database({ url: db.url, poolSize: 2 });
  const log = new EventLog(database);
  const leader = await database.connect();
  const { rows } = await leader.query<{ lease: number }>(
    `SELECT acquire_log_lease('test', 600000, NULL, NULL) AS lease`,
  );
  let read = 0;
  return {
    db,
    query: async <T extends object>(text: string, values?: unknown[]) => (await db.pool.query<T>(text, values)).rows,
    events: async () => {
      await leader.query('SELECT count(*) FROM sequencer_step($1, $2, 100000)', ['test', rows[0]?.lease]);
      const events = await log.read(read, 100_000);
      read = events.at(-1)?.seq ?? read;
      return events.filter((event) => event.type !== 'tick');
    },
    close: async () => {
      await leader.end();
      await database.onApplicationShutdown();
      await db.drop();
    },
  };
}

/** Resolves when the outbox is empty and the feed has all events. */
export async function settle(pod: Pod, timeoutMs = 20_000): Promise<void> {
  await waitFor(
    async () => {
      const [row] = await pod.database.query<{ n: number }>('SELECT count(*)::int AS n FROM change_outbox');
      return row?.n === 0 && pod.feed.position === (await pod.log.bounds()).headSeq;
    },
    { timeoutMs, what: 'an empty outbox' },
  );
}
