import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { createPod, settle, type Pod } from './capture-fixture.js';
import { NaiveDeadBand, type NaiveEvent } from './naive-dead-band.js';

const WRITERS = 8;
const KEYS = 3_000;
const EVENTS = 50_000;

/** Small generator with a seed, so that a failure can be reproduced. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Write {
  /** Position in the order of acknowledgements, which the row lock makes equal to the commit order of each key. */
  order: number;
  key: number;
  value: number;
}

const UPSERT = `INSERT INTO protocol_tvl (protocol, chain, tvl)
  SELECT 'p' || key, 'ethereum', tvl FROM unnest($1::int[], $2::float8[]) AS w (key, tvl)
  ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl`;

describe('invariants 1 and 2: the event log', () => {
  let db: TestDatabase;
  let pod: Pod;
  const seen: LogEvent[] = [];
  const committed: Write[] = [];
  let order = 0;
  let expectedCount = 0;
  let rolledBack = 0;

  beforeAll(async () => {
    db = await createTestDatabase();
    pod = createPod(db.url);
    await db.pool.query(UPSERT, [keys(KEYS), keys(KEYS).map(() => 1_000)]);
    await pod.feed.start();
    pod.feed.subscribe((batch) => seen.push(...batch));
    pod.sequencer.start();
    await Promise.all(Array.from({ length: WRITERS }, (_, index) => write(index + 1)));
    await settle(pod);
  }, 60_000);

  afterAll(async () => {
    await pod.close();
    await db.drop();
  });

  function keys(count: number): number[] {
    return Array.from({ length: count }, (_, index) => index);
  }

  /** Runs one writer: transactions with several statements; some are rolled back, some partly, some get their id early. */
  async function write(seed: number): Promise<void> {
    const next = random(seed * 7919);
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    while (expectedCount < EVENTS * 1.05) {
      const pending: Write[] = [];
      const statement = async (chosen: number[], keep: boolean): Promise<void> => {
        const values = chosen.map(() => 1_000 * (1 + next() * 4));
        await client.query(UPSERT, [chosen, values]);
        chosen.forEach((key, index) => {
          if (keep) pending.push({ order: order++, key, value: values[index]! });
        });
      };
      const size = next() < 0.5 ? 1 + Math.floor(next() * 20) : 1 + Math.floor(next() * 500);
      const start = Math.floor(next() * (KEYS - size));
      const chosen = keys(size).map((key) => key + start);
      await client.query('BEGIN');
      if (next() < 0.3) await client.query('SELECT pg_current_xact_id(), pg_sleep(0.002)');
      await statement(chosen, true);
      if (next() < 0.3) {
        await client.query('SAVEPOINT part');
        await statement(chosen.slice(0, 5), false);
        await client.query('ROLLBACK TO SAVEPOINT part');
      }
      if (next() < 0.5) await statement(chosen.slice(0, 1 + Math.floor(next() * size)), true);
      if (next() < 0.1) {
        rolledBack++;
        await client.query('ROLLBACK');
      } else {
        await client.query('COMMIT');
        committed.push(...pending);
        expectedCount += pending.length * 0.98;
      }
    }
    await client.end();
  }

  it('holds each change beyond the threshold exactly once, in commit order per key', () => {
    const expected = new Map<string, NaiveEvent[]>();
    const bands = new Map<number, NaiveDeadBand>();
    for (const { key, value } of committed.sort((a, b) => a.order - b.order)) {
      const band = bands.get(key) ?? new NaiveDeadBand(1_000, 0.01);
      bands.set(key, band);
      const event = band.write(value);
      if (event) expected.set(`p${key}`, [...(expected.get(`p${key}`) ?? []), event]);
    }
    const actual = new Map<string, NaiveEvent[]>();
    let count = 0;
    for (const event of seen) {
      if (event.type !== 'tvl_change') continue;
      count++;
      const found = { previous: event.previous ?? NaN, current: event.current ?? NaN, moved: event.moved ?? NaN };
      actual.set(event.protocol ?? '', [...(actual.get(event.protocol ?? '') ?? []), found]);
    }
    expect(count).toBeGreaterThanOrEqual(EVENTS);
    expect(rolledBack).toBeGreaterThan(0);
    expect(actual).toEqual(expected);
  });

  it('has sequence numbers without gaps', async () => {
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index));
    const { headSeq } = await pod.log.bounds();
    // The log goes on: a tick may follow at any time.
    const { rows } = await db.pool.query<{ n: number; distinct: number }>(
      'SELECT count(*)::int AS n, count(DISTINCT seq)::int AS distinct FROM event_log WHERE seq <= $1',
      [headSeq],
    );
    expect(rows).toEqual([{ n: headSeq, distinct: headSeq }]);
  });
});
