import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate, nameOf, orderOf, type Request, type Row } from './naive-query.js';
import type { DatasetName } from './naive-rows.js';
import { queryParts, type QueryParts } from './query-parts.js';
import { columnsOf, requests } from './query-requests.js';
import { worlds } from './query-world.js';
import { store } from './stored-world.js';

const LONG = process.env['TEST_LONG'] === '1';
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
/** Requests per world and dataset; a world takes longer to store than to be asked. */
const REQUESTS: Readonly<Record<DatasetName, number>> = LONG
  ? { tvl: 250, prices: 120, protocols: 60, events: 120 }
  : { tvl: 40, prices: 25, protocols: 12, events: 20 };
const WORLDS = LONG ? 40 : 4;
/** Pages of one answer, at most: few rows a page, so that pages have to join. */
const PAGES = 8;

let parts: QueryParts;

beforeAll(async () => {
  parts = await queryParts();
});
afterAll(() => parts?.close());

/** As a client writes it: one group field may stand alone. */
function bodyOf(request: Request, rows: number): object {
  const aggregations = request.aggregations?.map(({ group_by: groupBy = [], ...one }) => ({
    ...one,
    group_by: groupBy.length === 1 ? groupBy[0] : groupBy,
  }));
  const limit = Math.min(1_000, Math.max(3, Math.ceil(rows / PAGES)));
  return { ...request, ...(aggregations && { aggregations }), limit };
}

/** A row by its columns, numbers without the noise of adding in another order. */
function shown(row: Row, columns: readonly string[]): string {
  const plain = (value: Row[string] | undefined) =>
    typeof value === 'number' ? Number(value.toFixed(9)) : (value ?? null);
  return JSON.stringify(columns.map((name) => plain(row[name])));
}

/** Missing values come last in either order. */
function isBehind(a: Row, b: Row, order: ReturnType<typeof orderOf>): boolean {
  for (const { field, order: direction } of order) {
    const [left, right] = [a[field] ?? null, b[field] ?? null];
    if (left === right) continue;
    if (left === null || right === null) return left === null;
    return direction === 'asc' ? left > right : left < right;
  }
  return false;
}

function columnsShown(request: Request): string[] {
  const { aggregations, time } = request;
  if (aggregations === undefined) return columnsOf(request);
  return [...(time?.bucket ? ['time'] : []), ...(aggregations[0]?.group_by ?? []), ...aggregations.map(nameOf)];
}

it.each(Object.keys(REQUESTS) as DatasetName[])(
  `answers of %s are what a naive evaluation of the same request gives (seed ${seed})`,
  { timeout: LONG ? 1_800_000 : 180_000 },
  async (dataset) => {
    for (let place = 0; place < WORLDS; place += 1) {
      const [world] = fc.sample(worlds(place), { numRuns: 1, seed: seed + place });
      if (world === undefined) throw new Error('no world');
      await store(parts.db.pool, world, () => parts.rollups.run());
      await fc.assert(
        fc.asyncProperty(requests(dataset, !world.hasTail), async (request) => {
          // Changes are against what is written; of the tail only seconds are not.
          const columns = columnsShown(request).filter((name) => !world.hasTail || !name.startsWith('change_'));
          const expected = evaluate(world, request);
          const rows = await parts.all(bodyOf(request, expected.length));
          expect(rows.map((row) => shown(row, columns)).sort()).toEqual(
            expected.map((row) => shown(row, columns)).sort(),
          );
          const order = orderOf(request);
          expect(rows.filter((row, index) => isBehind(rows[index - 1] ?? row, row, order))).toEqual([]);
        }),
        { numRuns: REQUESTS[dataset], seed: seed + place },
      );
    }
  },
);
