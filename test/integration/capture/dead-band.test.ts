import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCapture, type Capture } from './capture-fixture.js';
import { NaiveDeadBand, type NaiveEvent } from './naive-dead-band.js';

let capture: Capture;
beforeAll(async () => (capture = await createCapture()));
afterAll(() => capture.close());

const set = (protocol: string, tvl: number): Promise<unknown> =>
  capture.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'ethereum', $2)
     ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl`,
    [protocol, tvl],
  );

const changes = async (): Promise<{ previous: number | null; current: number | null; moved: number | null }[]> =>
  (await capture.events())
    .filter((event) => event.type === 'tvl_change')
    .map(({ previous, current, moved }) => ({ previous, current, moved }));

describe('the dead band', () => {
  it('publishes a slow drift once its sum reaches the threshold', async () => {
    for (const tvl of [1_000, 1_003, 1_006, 1_009, 1_012, 1_015]) await set('drift', tvl);
    expect(await changes()).toEqual([{ previous: 1_000, current: 1_012, moved: 0.01 }]);
  });

  it('lets four events reach a subscriber with a 5 % threshold during a fall of 20 % in 1 % steps', async () => {
    const slide = Array.from({ length: 23 }, (_, step) => 100 * 0.99 ** step);
    for (const tvl of slide) await set('slide', tvl);
    const events = await changes();
    expect(events).toHaveLength(22);
    const reached = events.filter((event) => (event.moved ?? 0) >= 0.05).map((event) => event.current);
    expect(reached).toEqual([slide[6], slide[11], slide[17], slide[22]]);
  });

  it('publishes a change of exactly the threshold', async () => {
    for (const tvl of [100, 101, 101, 99.99]) await set('exact', tvl);
    expect(await changes()).toEqual([
      { previous: 100, current: 101, moved: 0.01 },
      { previous: 101, current: 99.99, moved: 0.01 },
    ]);
  });

  it('publishes changes from zero and to zero', async () => {
    for (const tvl of [0, 0, 5, 0]) await set('zero', tvl);
    expect(await changes()).toEqual([
      { previous: 0, current: 5, moved: 0.5 },
      { previous: 5, current: 0, moved: 0.5 },
    ]);
  });

  it('publishes a write with the given `observed_at`, or with the current time without one', async () => {
    await capture.query(`INSERT INTO protocol_tvl VALUES ('times', 'ethereum', 10, 'x', 0.5, '{a}', '2026-01-01Z')`);
    await capture.events();
    await capture.query(`UPDATE protocol_tvl SET tvl = 20 WHERE protocol = 'times'`);
    await capture.query(`UPDATE protocol_tvl SET tvl = 30, observed_at = '2026-02-01Z' WHERE protocol = 'times'`);
    const [first, second] = await capture.events();
    expect(Date.now() - (first?.observedAt ?? 0)).toBeLessThan(60_000);
    expect(second).toMatchObject({ observedAt: Date.parse('2026-02-01Z'), source: 'x', confidence: 0.5, tags: ['a'] });
  });

  it('keeps a given `observed_at` even if unchanged, and never moves the time backwards', async () => {
    const time = Date.parse('2026-03-01Z');
    await capture.query(`INSERT INTO token_prices (token, price, observed_at) VALUES ('named', 1, '2026-03-01Z')`);
    await capture.events();
    const upsert = (price: number) =>
      capture.query(`INSERT INTO token_prices AS t (token, price, observed_at) VALUES ('named', ${price}, '2026-03-01Z')
        ON CONFLICT (token) DO UPDATE SET price = excluded.price, observed_at = excluded.observed_at`);
    for (const price of [1.0001, 2, 3]) await upsert(price);
    await capture.query(`UPDATE token_prices SET price = 4, observed_at = observed_at WHERE token = 'named'`);
    expect((await capture.events()).map(({ observedAt }) => observedAt)).toEqual([time, time, time]);
    await capture.query(`UPDATE token_prices SET observed_at = '2999-01-01Z' WHERE token = 'named'`);
    await capture.query(`UPDATE token_prices SET price = 5 WHERE token = 'named'`);
    expect(await capture.events()).toMatchObject([{ current: 5, observedAt: Date.parse('2999-01-01Z') + 1 }]);
    await capture.query(`DELETE FROM token_prices`);
    expect(await capture.events()).toMatchObject([{ type: 'price_removed', token: 'named', current: null }]);
  });

  it('publishes the first value as a baseline event, with the protocol total over real chains', async () => {
    await capture.query(`INSERT INTO protocols (slug, name, category) VALUES ('sum', 'Sum', 'Dexes')`);
    await capture.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('sum', 'all', 9)`);
    const [listed, alone] = await capture.events();
    expect(listed).toMatchObject({ type: 'protocol_update', data: { updateType: 'listed' } });
    expect(alone).toMatchObject({ type: 'tvl_baseline', current: 9, previous: null, protocolTvl: 9, name: 'Sum' });
    await capture.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('sum', 'bsc', 5), ('sum', 'staking', 7),
      ('sum', 'base', 6), ('sum', 'ethereum-borrowed', 8)`);
    expect((await capture.events()).map((event) => event.protocolTvl)).toEqual([11, 11, 11, 11]);
  });

  it('stores the correlation id and the trace of the transaction in the event', async () => {
    await set('correlated', 10);
    await capture.events();
    await capture.db.pool.query(`BEGIN; SET LOCAL rta.correlation_id = 'abc'; SET LOCAL rta.trace_parent = '00-1';
      UPDATE protocol_tvl SET tvl = 20 WHERE protocol = 'correlated'; COMMIT`);
    expect(await capture.events()).toMatchObject([{ correlationId: 'abc', traceParent: '00-1' }]);
  });
});

describe('price changes', () => {
  it('are published from 0.1 % on, with symbol, volume and market cap', async () => {
    await capture.query(
      `INSERT INTO token_prices (token, symbol, chain, price) VALUES ('bitcoin', 'BTC', 'bitcoin', 100000)`,
    );
    await capture.query(`UPDATE token_prices SET price = 100050, volume_24h = 1, market_cap = 2`);
    await capture.query(`UPDATE token_prices SET price = 100100, volume_24h = 3`);
    expect(await capture.events()).toMatchObject([
      { type: 'price_baseline', token: 'bitcoin', current: 100_000 },
      {
        type: 'price_change',
        previous: 100_000,
        current: 100_100,
        moved: 0.001,
        symbol: 'BTC',
        volume24h: 3,
        marketCap: 2,
      },
    ]);
  });
});

describe('invariant 7: the published value', () => {
  /** Values close to each other, so that both sides of every threshold occur; and zero. */
  const value = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 3_000 }).map((n) => n / 10),
    fc.integer({ min: 9_900, max: 10_100 }).map((n) => n / 100),
  );
  const ratio = fc.constantFrom(0, 0.0005, 0.001, 0.01, 0.05, 0.3);
  const operation = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), value }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('again' as const), value }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('threshold' as const), ratio, absolute: fc.constantFrom(0, 0.5, 5) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unset' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), value }) },
  );

  it('stays within the threshold of the row under random writes, thresholds and rollbacks', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(value, fc.array(operation, { minLength: 1, maxLength: 20 }), async (first, operations) => {
        const key = `prop${run++}`;
        await set(key, first);
        await capture.events();
        const model = new NaiveDeadBand(first, 0.01);
        const expected: NaiveEvent[] = [];
        const note = (event: NaiveEvent | undefined): void => void (event && expected.push(event));
        const client = await capture.db.pool.connect();
        await client.query('BEGIN');
        for (const step of operations) {
          if (step.kind === 'write') {
            await client.query('UPDATE protocol_tvl SET tvl = $2 WHERE protocol = $1', [key, step.value]);
            note(model.write(step.value));
          } else if (step.kind === 'again') {
            await client.query('DELETE FROM protocol_tvl WHERE protocol = $1', [key]);
            await client.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'ethereum', $2)`, [
              key,
              step.value,
            ]);
            note(model.write(step.value));
          } else if (step.kind === 'threshold') {
            await client.query(
              `INSERT INTO change_thresholds VALUES ('tvl', $1, $2, $3) ON CONFLICT (metric, subject) DO UPDATE
               SET min_change_ratio = excluded.min_change_ratio, min_change_absolute = excluded.min_change_absolute`,
              [key, step.ratio, step.absolute],
            );
            note(model.threshold(step.ratio, step.absolute));
          } else if (step.kind === 'unset') {
            const gone = await client.query(`DELETE FROM change_thresholds WHERE subject = $1`, [key]);
            if (gone.rowCount) note(model.threshold(0.01, 0));
          } else {
            await client.query('SAVEPOINT s');
            await client.query('UPDATE protocol_tvl SET tvl = $2 WHERE protocol = $1', [key, step.value]);
            await client.query('ROLLBACK TO SAVEPOINT s');
          }
        }
        await client.query('COMMIT');
        client.release();
        expect(await changes()).toEqual(expected);
        const [row] = await capture.query<{ tvl: number; published: number }>(
          'SELECT tvl, coalesce(published_value, tvl) AS published FROM protocol_tvl WHERE protocol = $1',
          [key],
        );
        expect(row).toEqual({ tvl: model.value, published: model.published });
      }),
      { numRuns: 150 },
    );
  });
});
