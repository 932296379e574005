import fc from 'fast-check';
import type { Pool } from 'pg';
import type { Point, Request, Series, World } from './naive-query.js';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Three days some days ago: whole days, hours and edges, and nothing that happens now falls into them. */
export const FIRST_DAY = Math.floor(Date.now() / DAY) * DAY - 6 * DAY;
const DAYS = 3;
const LAST_MINUTE = 5 * 24 * 60;

const points = fc
  .uniqueArray(
    fc.record({ at: fc.integer({ min: 0, max: DAYS * 24 * 60 - 1 }), value: fc.integer({ min: 0, max: 8 }) }),
    {
      maxLength: 40,
      selector: ({ at }) => at,
    },
  )
  .map((all): Point[] =>
    all.map(({ at, value }) => ({ at: FIRST_DAY + at * MINUTE, value })).sort((a, b) => a.at - b.at),
  );

/** Close together and all at once: small numbers, few names, so that groups, ties and gaps happen. */
export const tvlWorld: fc.Arbitrary<World> = fc
  .record({
    series: fc.uniqueArray(
      fc.record({
        subject: fc.constantFrom('aave', 'lido', 'curve', 'maker'),
        chain: fc.constantFrom('ethereum', 'base', 'solana', 'all', 'staking'),
        current: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 6 }),
        points,
      }),
      { selector: ({ subject, chain }) => `${subject} ${chain}`, minLength: 6, maxLength: 14 },
    ),
    categories: fc.tuple(...Array.from({ length: 3 }, () => fc.constantFrom('Dexs', 'Lending', null))),
  })
  .map(({ series, categories }) => ({
    metric: 'tvl' as const,
    series: series as Series[],
    // The last one is not described.
    properties: new Map(
      ['aave', 'lido', 'curve'].map((slug, index) => [
        slug,
        {
          name: slug.toUpperCase(),
          category: categories[index] ?? null,
          symbol: index === 0 ? null : slug.slice(0, 3),
        },
      ]),
    ),
  }));

/** Puts a world into the tables; `late` of its points come after the aggregates were made. */
export async function store(pool: Pool, world: World, share: number, rollUp: () => Promise<unknown>): Promise<void> {
  await pool.query(
    'TRUNCATE metric_series, metric_points, metric_hourly, metric_daily, history_dirty, protocol_tvl, protocols CASCADE',
  );
  await pool.query('SELECT prepare_metric_points(now())');
  for (const [slug, { name, category, symbol }] of world.properties) {
    await pool.query('INSERT INTO protocols (slug, name, category, symbol) VALUES ($1, $2, $3, $4)', [
      slug,
      name,
      category,
      symbol,
    ]);
  }
  const late: { id: number; point: Point }[] = [];
  for (const { subject, chain, current, points: all } of world.series) {
    const { rows } = await pool.query<{ id: number }>(
      `INSERT INTO metric_series (metric, subject, chain) VALUES ('tvl', $1, $2) RETURNING id`,
      [subject, chain],
    );
    const id = rows[0]?.id ?? 0;
    if (current !== undefined) {
      await pool.query('INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, $2, $3)', [
        subject,
        chain,
        current,
      ]);
    }
    const early = all.filter((point, index) => {
      const isLate = (index * 7) % 10 < share * 10;
      if (isLate) late.push({ id, point });
      return !isLate;
    });
    await addPoints(
      pool,
      early.map((point) => ({ id, point })),
    );
  }
  await rollUp();
  await addPoints(pool, late);
}

async function addPoints(pool: Pool, all: readonly { id: number; point: Point }[]): Promise<void> {
  await pool.query(
    `WITH added AS (
       INSERT INTO metric_points (series_id, at, value)
       SELECT id, to_timestamp(at / 1000), value FROM unnest($1::int[], $2::float8[], $3::float8[]) AS p (id, at, value)
       RETURNING series_id, at
     ) INSERT INTO history_dirty (series_id, bucket) SELECT DISTINCT series_id, date_trunc('hour', at, 'UTC') FROM added`,
    [all.map(({ id }) => id), all.map(({ point }) => point.at), all.map(({ point }) => point.value)],
  );
}

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  protocol: ['aave', 'lido', 'curve', 'maker'],
  chain: ['ethereum', 'base', 'all', 'staking'],
  category: ['Dexs', 'Lending'],
  symbol: ['lid', 'cur'],
  name: ['AAVE', 'LIDO'],
};
const textField = fc.constantFrom(...Object.keys(TEXTS));
const number = fc.integer({ min: 0, max: 9 });

const textLeaf = textField.chain((field) => {
  const value = fc.constantFrom(...(TEXTS[field] ?? []));
  return fc.oneof(
    fc.record({ field: fc.constant(field), op: fc.constantFrom('eq', 'ne'), value }),
    fc.record({
      field: fc.constant(field),
      op: fc.constantFrom('in', 'nin'),
      value: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ field: fc.constant(field), op: fc.constant('like'), value: fc.constantFrom('%A%', '_a%', 'l%', '%') }),
    fc.record({ field: fc.constant(field), op: fc.constant('is_null'), value: fc.boolean() }),
  );
});

const numberLeaf = (field: string) =>
  fc.oneof(
    fc.record({ field: fc.constant(field), op: fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte'), value: number }),
    fc.record({ field: fc.constant(field), op: fc.constant('between'), value: fc.tuple(number, number) }),
    fc.record({
      field: fc.constant(field),
      op: fc.constant('in'),
      value: fc.array(number, { minLength: 1, maxLength: 4 }),
    }),
  );

type Leaf = ReturnType<typeof numberLeaf> | typeof textLeaf;

const tree = (leaf: Leaf) =>
  fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc.record({ and: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ or: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie('tree') }),
    ),
  })).tree;

const time = fc
  .record({
    from: fc.integer({ min: -200, max: DAYS * 24 * 60 }),
    minutes: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 600, max: DAYS * 24 * 60 + 300 })),
    aligned: fc.constantFrom(1, 60, 1_440),
    bucket: fc.constantFrom(undefined, '1h', '4h', '1d', '1w', '1mo', '15m'),
    fill: fc.constantFrom('none' as const, 'null' as const, 'previous' as const),
  })
  .map(({ from, minutes, aligned, bucket, fill }) => {
    const start = Math.floor(from / aligned) * aligned;
    // Never up to now: what the test writes today is not part of the world.
    const end = Math.min(start + Math.ceil(minutes / aligned) * aligned, LAST_MINUTE);
    return {
      from: new Date(FIRST_DAY + start * MINUTE).toISOString(),
      to: new Date(FIRST_DAY + end * MINUTE).toISOString(),
      ...(bucket !== undefined && { bucket, fill }),
    };
  });

const aggregation = fc.oneof(
  fc.record({
    field: fc.constant('tvl'),
    operation: fc.constantFrom('sum', 'avg', 'min', 'max', 'count', 'count_distinct'),
    over_time: fc.constantFrom('last', 'avg', 'min', 'max'),
  }),
  fc.record({
    field: fc.constant('tvl'),
    operation: fc.constant('percentile'),
    p: fc.constantFrom(0, 0.25, 0.5, 0.9, 1),
    over_time: fc.constantFrom('last', 'max'),
  }),
  fc.record({ operation: fc.constant('count') }),
  fc.record({ field: textField, operation: fc.constantFrom('count', 'count_distinct') }),
);

/** Any request over TVL: rows or groups, now or in time. */
export const requests: fc.Arbitrary<Request> = fc
  .record({
    where: fc.option(tree(fc.oneof(textLeaf, numberLeaf('tvl')) as Leaf), { nil: undefined }),
    time: fc.option(time, { nil: undefined, freq: 3 }),
    aggregations: fc.array(aggregation, { maxLength: 3 }),
    groupBy: fc.uniqueArray(textField, { maxLength: 2 }),
    having: fc.option(tree(numberLeaf('a0') as Leaf), { nil: undefined }),
  })
  .map(({ where, time: range, aggregations, groupBy, having }) => ({
    ...(where !== undefined && { where }),
    ...(range !== undefined && { time: range }),
    ...(aggregations.length > 0 && {
      aggregations: aggregations.map((one, index) => ({ ...one, as: `a${index}`, group_by: groupBy })),
      ...(having !== undefined && { having }),
    }),
  })) as fc.Arbitrary<Request>;
