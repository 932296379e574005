import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryParts, type QueryParts } from './query-parts.js';

let parts: QueryParts;
const [EARLY, LATE] = ['2026-11-20T10:00:00.123Z', '2026-11-20T10:00:00.124Z'];

beforeAll(async () => {
  parts = await queryParts();
  // Times with more digits than answers show.
  await parts.db.pool.query(
    `INSERT INTO token_prices (token, price, observed_at) VALUES
     ('early', 1, '2026-11-20T10:00:00.123456Z'), ('late', 1, '2026-11-20T10:00:00.124Z')`,
  );
});
afterAll(() => parts?.close());

it.each<[string, string | string[], string[]]>([
  ['eq', EARLY, ['early']],
  ['ne', EARLY, ['late']],
  ['gt', EARLY, ['late']],
  ['gte', EARLY, ['early', 'late']],
  ['gte', LATE, ['late']],
  ['lt', EARLY, []],
  ['lt', LATE, ['early']],
  ['lte', EARLY, ['early']],
  ['in', [EARLY], ['early']],
  ['nin', [LATE], ['early']],
  ['between', [EARLY, EARLY], ['early']],
])('`observed_at` is compared at millisecond precision: %s %s', async (op, value, expected) => {
  const found = async (where: object) =>
    (await parts.run({ dataset: 'prices', where })).rows.slice().map(({ token }) => String(token));
  const where = { field: 'observed_at', op, value };
  expect((await found(where)).sort()).toEqual(expected);
  const others = ['early', 'late'].filter((token) => !expected.includes(token));
  expect((await found({ not: where })).sort()).toEqual(others);
});

it('the mean of the largest and the smallest values that the tables accept is computed', async () => {
  await parts.db.pool.query(`INSERT INTO token_prices (token, price) VALUES ('huge', 1e300), ('tiny', 1e-300)`);
  const where = { field: 'token', op: 'in', value: ['huge', 'tiny'] };
  const aggregations = [{ field: 'price', operation: 'avg', as: 'mean' }];
  const { rows } = await parts.run({ dataset: 'prices', where, aggregations });
  expect(rows.slice()).toEqual([{ mean: 5e299 }]);
});
