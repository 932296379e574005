import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate, nameOf, orderOf, type Request, type Row } from './naive-query.js';
import type { DatasetName } from './naive-rows.js';
import { queryParts, type QueryParts } from './query-parts.js';
import { columnsOf, requests } from './query-requests.js';
import { MINUTE, MONDAY, worlds, type StoredWorld } from './query-world.js';
import { store } from './stored-world.js';

const LONG = process.env['TEST_LONG'] === '1';
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
/** Number of requests per world and dataset; storing a world takes longer than its requests. */
const REQUESTS: Readonly<Record<DatasetName, number>> = LONG
  ? { tvl: 250, prices: 120, protocols: 60, events: 120 }
  : { tvl: 40, prices: 25, protocols: 12, events: 20 };
const WORLDS = LONG ? 40 : 4;
/** Maximum number of pages per answer: pages have few rows, so that the test covers joining them. */
const PAGES = 8;

const HOUR = 60 * MINUTE;

let parts: QueryParts;

beforeAll(async () => {
  parts = await queryParts();
});
afterAll(() => parts?.close());

/** Returns the request as a client writes it: a single group field may be given without a list. */
function bodyOf(request: Request, rows: number): object {
  const aggregations = request.aggregations?.map(({ group_by: groupBy = [], ...one }) => ({
    ...one,
    group_by: groupBy.length === 1 ? groupBy[0] : groupBy,
  }));
  const limit = Math.min(1_000, Math.max(3, Math.ceil(rows / PAGES)));
  return { ...request, ...(aggregations && { aggregations }), limit };
}

/** Returns a row as text by its columns; numbers are rounded, because the order of addition changes their last digits. */
function shown(row: Row, columns: readonly string[]): string {
  const plain = (value: Row[string] | undefined) =>
    typeof value === 'number' ? Number(value.toFixed(9)) : (value ?? null);
  return JSON.stringify(columns.map((name) => plain(row[name])));
}

/** Compares rows in the requested order, with missing values last in both directions. */
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

/** Sends random requests and compares the answers, including their order, with the naive ones. */
async function expectNaiveAnswers(
  world: StoredWorld,
  asked: fc.Arbitrary<Request>,
  numRuns: number,
  place: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(asked, async (request) => {
      // Changes are computed from written values; values only in the log are missing for seconds, so changes are not
      // compared then.
      const columns = columnsShown(request).filter((name) => !world.hasTail || !name.startsWith('change_'));
      const expected = evaluate(world, request);
      const rows = await parts.all(bodyOf(request, expected.length));
      expect(rows.map((row) => shown(row, columns)).sort()).toEqual(expected.map((row) => shown(row, columns)).sort());
      const order = orderOf(request);
      expect(rows.filter((row, index) => isBehind(rows[index - 1] ?? row, row, order))).toEqual([]);
    }),
    { numRuns, seed: seed + place },
  );
}

function worldOf(place: number): StoredWorld {
  const [world] = fc.sample(worlds(place), { numRuns: 1, seed: seed + place });
  if (world === undefined) throw new Error('no world');
  return world;
}

it('random requests use every part of the query language', () => {
  const asked = fc.sample(requests('tvl', true), { numRuns: 500, seed });
  for (const member of ['filters', 'where', 'time', 'aggregations', 'having', 'sort'] as const) {
    const having = asked.filter((request) => request[member] !== undefined);
    expect([member, having.length > 50, having.length < 450]).toEqual([member, true, true]);
  }
});

it.each(Object.keys(REQUESTS) as DatasetName[])(
  `results for %s match a naive evaluation of the same request (seed ${seed})`,
  { timeout: LONG ? 1_800_000 : 180_000 },
  async (dataset) => {
    for (let place = 0; place < WORLDS; place += 1) {
      const world = worldOf(place);
      await store(parts.db.pool, world, () => parts.rollups.run());
      await expectNaiveAnswers(world, requests(dataset, !world.hasTail), REQUESTS[dataset], place);
    }
  },
);

/** Whether a request needs only whole hours, which can be queried however old they are. */
function isOfWholeHours({ time, aggregations }: Request): boolean {
  if (time === undefined) return true;
  const isSingle = time.bucket === undefined && aggregations === undefined;
  const isFine = time.bucket === '5m' || time.bucket === '15m';
  return !isSingle && !isFine && [time.from, time.to].every((moment) => Date.parse(moment) % HOUR === 0);
}

it(
  `results match a naive evaluation even if raw values were dropped (seed ${seed})`,
  { timeout: LONG ? 600_000 : 180_000 },
  async () => {
    const aged = await queryParts();
    const before = parts;
    parts = aged;
    try {
      const { pool } = aged.db;
      const keepFrom = (moment: number) =>
        pool.query('UPDATE history_state SET raw_from = $1', [new Date(moment).toISOString()]);
      for (let run = 0; run < (LONG ? 20 : 3); run += 1) {
        const world = worldOf(run);
        await keepFrom(MONDAY - 14 * 24 * HOUR);
        // Between the recorded values, and before the late ones are written.
        await store(
          pool,
          world,
          () => aged.rollups.run(),
          async () => {
            await pool.query('DELETE FROM metric_points WHERE at < $1', [new Date(MONDAY).toISOString()]);
            await keepFrom(MONDAY);
          },
        );
        for (const dataset of ['tvl', 'prices'] as const) {
          const asked = requests(dataset, !world.hasTail).filter(isOfWholeHours);
          await expectNaiveAnswers(world, asked, LONG ? 100 : 15, run);
        }
      }
    } finally {
      parts = before;
      await aged.close();
    }
  },
);
