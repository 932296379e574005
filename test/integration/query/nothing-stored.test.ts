import { afterAll, beforeAll, expect, it } from 'vitest';
import { BUCKETS } from '../../../src/query/core/ast.js';
import { queryParts, type QueryParts } from './query-parts.js';

let parts: QueryParts;

beforeAll(async () => {
  parts = await queryParts();
});
afterAll(() => parts?.close());

it.each([...BUCKETS, undefined])('a time range without any stored data returns no rows: bucket %s', async (bucket) => {
  for (const dataset of ['tvl', 'prices', 'events']) {
    for (const order of ['asc', 'desc']) {
      const sort = { field: dataset === 'events' ? 'logged_at' : 'time', order };
      const { rows, next } = await parts.run({ dataset, time: { from: 'now-7d', bucket }, sort });
      expect([rows.slice(), next]).toEqual([[], undefined]);
    }
  }
});
