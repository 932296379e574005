import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Rollups } from '../../../src/events/history/rollups.js';
import { parseQuery } from '../../../src/query/core/parse-query.js';
import { bucketStarts } from '../../../src/query/core/time.js';
import type { Bucket } from '../../../src/query/core/ast.js';
import { queryDeadline, QueryRunner, type QueryResult } from '../../../src/query/execution/query-runner.js';
import { createTestApp, type TestApp } from '../../support/create-test-app.js';
import { evaluate, type Request, type Row } from './naive-query.js';
import { requests, store, tvlWorld } from './query-world.js';

const LONG = process.env['TEST_LONG'] === '1';
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
/** Queries per world; a world takes longer to store than to be asked. */
const QUERIES = LONG ? 400 : 60;
const WORLDS = LONG ? 40 : 5;
/** Rows of a page: few, so that pages have to join. */
const PAGE = 200;

let app: TestApp;
let runner: QueryRunner;

beforeAll(async () => {
  app = await createTestApp();
  runner = app.nest.get(QueryRunner, { strict: false });
});
afterAll(() => app?.close());

const starts = (bucket: string, from: number, to: number) => bucketStarts(bucket as Bucket, from, to, 100_000);

/** All pages of the answer; groups come at once. */
async function ask(request: Request): Promise<readonly Row[]> {
  const query = parseQuery({ ...request, limit: PAGE });
  const rows: Row[] = [];
  let page: Pick<QueryResult, 'next' | 'range'> = { next: undefined, range: undefined };
  do {
    const result = await runner.run(query, {
      owner: 'tester',
      signal: new AbortController().signal,
      deadline: queryDeadline(),
      position: page.next,
      range: page.range,
    });
    rows.push(...(result.rows as Row[]));
    page = result;
  } while (page.next !== undefined);
  return rows;
}

/** Rows in one order, numbers without the noise of adding in another order. */
function canonical(rows: readonly Row[], columns: readonly string[]): string[] {
  const shown = (value: Row[string] | undefined) =>
    typeof value === 'number' ? Number(value.toPrecision(9)) : (value ?? null);
  return rows.map((row) => JSON.stringify(columns.map((name) => shown(row[name])))).sort();
}

function columnsOf({ aggregations = [], time }: Request): string[] {
  const timed = time !== undefined && (aggregations.length === 0 || time.bucket !== undefined) ? ['time'] : [];
  if (aggregations.length === 0) return [...timed, 'protocol', 'chain', 'name', 'category', 'symbol', 'tvl'];
  return [...timed, ...(aggregations[0]?.group_by ?? []), ...aggregations.map(({ as }) => as)];
}

it(
  `answers what a naive evaluation of the same request gives (seed ${seed})`,
  { timeout: LONG ? 1_800_000 : 120_000 },
  async () => {
    const worlds = fc.sample(tvlWorld, { numRuns: WORLDS, seed });
    for (const [index, world] of worlds.entries()) {
      // From nothing late to nearly everything late: aggregates, marks, and both.
      await store(app.db.pool, world, index / WORLDS, () => app.nest.get(Rollups, { strict: false }).run());
      await fc.assert(
        fc.asyncProperty(requests, async (request) => {
          const columns = columnsOf(request);
          const expected = evaluate(world, request, starts);
          expect(canonical(await ask(request), columns)).toEqual(canonical(expected, columns));
        }),
        { numRuns: QUERIES, seed: seed + index },
      );
    }
  },
);
