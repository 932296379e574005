import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Client, type State, type StreamMessage } from '../../src/client/index.js';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import { POD_FAULTS } from '../support/faults/pod-faults.js';
import { EventTally } from '../support/oracles/event-tally.js';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { startTestCluster, type TestCluster } from '../support/servers/test-cluster.js';
import { openTestPool } from '../support/servers/test-pool.js';
import { quietFor, waitFor } from '../support/wait-for.js';

const KEYS = 20;
/** Changed rows per second. */
const RATE = 100;
/** Time of writing before and after each fault, ms. */
const AROUND_MS = 500;
const FAULTS = [
  'gateway_killed',
  'leader_killed',
  'redis_restarted_empty',
  'database_crashed',
  'rolling_sigterm',
] as const;

/** A separate cluster, because one of the faults stops the database. */
let cluster: TestCluster;
let pods: TestPods;

beforeAll(async () => {
  cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  const pool = openTestPool(url);
  pods = await startPods({ url, pool, drop: () => pool.end() }, { DRAIN_SECONDS: '2' });
}, 300_000);
afterAll(async () => {
  await pods?.stop();
  await cluster?.stop();
});

/** Application of the typed client: counts what it gets, and knows nothing about connections. */
class Application {
  readonly tally = new EventTally();
  readonly others: string[] = [];
  readonly states: State[] = [];
  readonly errors: unknown[] = [];
  private readonly client: Client;

  constructor(readonly transport: 'websocket' | 'sse') {
    this.client = connect({ url: pods.url, auth: POD_KEY, transport });
    this.client.on('error', (error) => this.errors.push(error));
    this.client.on('state', (state) => this.states.push(state));
    this.client.subscribe({ channels: ['events:tvl'], snapshot: true }, (message) => this.take(message));
  }

  private take(message: StreamMessage): void {
    if (message.eventType !== 'tvl_change') return void this.others.push(message.eventType);
    const {
      eventType: type,
      protocol,
      chain,
      cursor,
      previousTvl: previous,
      currentTvl: current,
      timestamp: at,
    } = message;
    this.tally.add({ type, key: `${protocol}:${chain}`, cursor, previous, current, at });
  }

  close(): void {
    this.client.close();
  }
}

test('an application of the client misses and repeats no event after any fault of pods, Redis and database', async () => {
  const writer = new RecordedWriter(pods.db.pool, 'client', KEYS, seeded(5));
  await writer.insertBaselines();
  await waitFor(async () => (await pods.db.pool.query('SELECT FROM change_outbox')).rowCount === 0);
  const applications = (['websocket', 'sse', 'websocket', 'sse'] as const).map((one) => new Application(one));
  try {
    await waitFor(() => applications.every(({ others }) => others.includes('snapshot')));
    for (const name of FAULTS) {
      writer.start(RATE);
      await quietFor(AROUND_MS);
      await POD_FAULTS[name](pods);
      await quietFor(AROUND_MS);
      await writer.stop();
      await waitFor(async () => (await pods.db.pool.query('SELECT FROM change_outbox')).rowCount === 0, {
        timeoutMs: 60_000,
      });
      const expected = writer.expected();
      const due = [...expected.values()].reduce((sum, changes) => sum + changes.length, 0);
      await waitFor(() => applications.every(({ tally }) => tally.received >= due), { timeoutMs: 60_000 }).catch(
        () => undefined,
      );
      const outcome = applications.map(({ transport, tally, errors }) => ({
        transport,
        missing: tally.compare(expected, () => true),
        repeated: tally.repeated,
        faults: tally.faults,
        errors,
      }));
      expect({ name, outcome }).toEqual({
        name,
        outcome: applications.map(({ transport }) => ({ transport, missing: 0, repeated: 0, faults: [], errors: [] })),
      });
    }
    // Each lost its connection at least once, and knows that it got everything.
    for (const { others, states } of applications) {
      expect(states.filter((state) => state === 'waiting').length).toBeGreaterThan(0);
      expect(new Set(others.slice(1))).toEqual(new Set(['recovered']));
    }
  } finally {
    await writer.stop();
    for (const application of applications) application.close();
  }
});
