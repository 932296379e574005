import { afterAll, beforeAll, expect, it } from 'vitest';
import { isComparison } from '../../../src/alerts/core/index.js';
import { RuleLoader, type StoredRule } from '../../../src/alerts/evaluation/rule-loader.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

/** Number of rules: more than two slices. */
const RULES = 2_500;
let db: TestDatabase;
let database: Database;
let shard: number;

beforeAll(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 2 });
  const { rows } = await db.pool.query<{ shard: number }>(
    `INSERT INTO alert_rules (user_id, name, conditions, is_active)
     SELECT 'someone', 'rule ' || n,
            CASE n % 5 WHEN 0 THEN jsonb_build_array(jsonb_build_object('metric', 'event', 'eventType', 'governance'))
                       WHEN 1 THEN '[]' ELSE jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
              'metric', 'tvl', 'protocol', 'p' || n * 7919 % 40, 'chain', nullif('c' || n * 31 % 4, 'c3'),
              'operator', 'gt', 'threshold', n * 104729 % 1009))) END,
            n % 10 > 0
     FROM generate_series(1, $1) n RETURNING shard`,
    [RULES],
  );
  shard = rows[0]?.shard ?? -1;
});

afterAll(async () => {
  await database.onApplicationShutdown();
  await db.drop();
});

const connections = async (): Promise<number> =>
  (await db.pool.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^FETCH'`))
    .rowCount ?? -1;

it('the rule loader yields each active rule once, sorted by subject and threshold', async () => {
  const stored: StoredRule[] = [];
  for await (const slice of new RuleLoader(database).active(shard)) stored.push(...slice);
  const places = stored.map(({ rule }) => {
    const [first] = rule.conditions;
    if (first === undefined || !isComparison(first)) return ['~', '~', 0, rule.ruleId] as const;
    return [first.protocol ?? '~', first.chain ?? '~', first.threshold, rule.ruleId] as const;
  });
  expect(new Set(stored.map(({ rule }) => rule.ruleId)).size).toBe((RULES * 9) / 10);
  const before = (a: (typeof places)[number], b: (typeof places)[number]): number => {
    const at = a.findIndex((value, index) => value !== b[index]);
    return (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
  };
  const watching = places.filter(([protocol]) => protocol !== '~');
  expect(watching).toEqual(watching.toSorted(before));
  // Rules without a subject are last.
  expect(places.findIndex(([protocol]) => protocol === '~')).toBe(watching.length);
});

it('the rule loader releases its connection when the reader stops early', async () => {
  for await (const slice of new RuleLoader(database).active(shard)) {
    expect(slice).toHaveLength(1_000);
    expect(await connections()).toBe(1);
    break;
  }
  await waitFor(async () => (await connections()) === 0);
});

it('the rule loader skips rules that were deleted during the read', async () => {
  const seen: string[] = [];
  for await (const slice of new RuleLoader(database).active(shard)) {
    seen.push(...slice.map(({ rule }) => rule.ruleId));
    await db.pool.query('DELETE FROM alert_rules WHERE NOT rule_id = ANY ($1::uuid[])', [seen]);
  }
  expect(seen).toHaveLength(1_000);
});
