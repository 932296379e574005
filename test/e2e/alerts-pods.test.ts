import { afterAll, beforeAll, expect, it } from 'vitest';
import { AlertEvaluation } from '../../src/alerts/evaluation/alert-evaluation.js';
import { editsApplied, logEvaluated } from '../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { startRedisOfSuite } from '../support/servers/redis-of-suite.js';
import type { TestRedis } from '../support/servers/redis-server.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

let redis: TestRedis;
let db: TestDatabase;
let one: TestApp | undefined;
let two: TestApp;

const start = (): Promise<TestApp> => createTestApp({ db, settings: { REDIS_URL: redis.url } });
const ready = (app: TestApp): number => app.nest.get(AlertEvaluation).readyShards;

beforeAll(async () => {
  [redis, db] = await Promise.all([startRedisOfSuite(), createTestDatabase()]);
  one = await start();
  two = await start();
});
afterAll(async () => {
  await one?.close();
  await two?.close();
  await Promise.all([db?.drop(), redis?.close()]);
});

it('two processes share the shards of rules; when one stops, no alert is lost or repeated', async () => {
  await waitFor(() => ready(one!) === 2 && ready(two) === 2, { what: 'two shards each', timeoutMs: 30_000 });
  const market = new MarketWriter(db.pool);
  await market.price('bitcoin', 60_000);

  const users = Array.from({ length: 12 }, (_, index) => `user-${index}`);
  const rules: { ruleId: string; user: RestCaller }[] = [];
  for (const userId of users) {
    const user = await RestCaller.of(rules.length % 2 === 0 ? one! : two, userId);
    const conditions = [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 70_000 }];
    rules.push({ user, ruleId: await user.rule({ name: userId, conditions, mode: 'crossing', throttleMinutes: 0 }) });
  }
  const { rows } = await db.pool.query<{ shards: number }>(
    'SELECT count(DISTINCT shard)::int AS shards FROM alert_rules',
  );
  expect(rows[0]!.shards).toBeGreaterThan(1);
  await editsApplied(db.pool);

  const notifications = async (): Promise<number[]> => {
    await logEvaluated(db.pool);
    const transitions = await db.pool.query<{ n: number }>(
      `SELECT count(t.id)::int AS n FROM alert_rules r LEFT JOIN alert_transitions t USING (rule_id)
       GROUP BY r.position ORDER BY r.position`,
    );
    return transitions.rows.map((row) => row.n);
  };
  const all = (count: number) => users.map(() => count);
  await market.price('bitcoin', 80_000);
  expect(await notifications()).toEqual(all(1));

  await market.price('bitcoin', 60_000);
  await one!.close();
  one = undefined;
  await market.price('bitcoin', 80_000);
  await waitFor(() => ready(two) === 4, { what: 'all shards in the one that is left', timeoutMs: 30_000 });
  expect(await notifications()).toEqual(all(2));

  // A rule created through the process that has ended is edited through the other process.
  const { ruleId, user } = rules[0]!;
  const left = new RestCaller(two.url, user.apiKey);
  expect(await left.post(`/v1/alerts/rules/${ruleId}/disable`)).toMatchObject({ status: 200 });
  await editsApplied(db.pool);
  await market.price('bitcoin', 60_000);
  await market.price('bitcoin', 80_000);
  expect(await notifications()).toEqual([2, ...all(3).slice(1)]);
});
