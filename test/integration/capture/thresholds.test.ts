import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCapture, type Capture } from './capture-fixture.js';

let capture: Capture;
beforeAll(async () => {
  capture = await createCapture();
  await capture.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'ethereum', 100 FROM generate_series(1, 1000) n`,
  );
  await capture.query('UPDATE protocol_tvl SET tvl = tvl');
  await capture.events();
});
afterAll(() => capture.close());

const UPSERT = `INSERT INTO protocol_tvl (protocol, chain, tvl)
  SELECT 'p' || n, 'ethereum', 100 + $1::float8 FROM generate_series(1, 1000) n ORDER BY 1
  ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl`;

describe('a changed threshold', () => {
  it('publishes a value now outside its dead band, with the observation time of the value', async () => {
    await capture.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at) VALUES ('q', 'bsc', 100, '2026-01-01Z')`,
    );
    await capture.query(`UPDATE protocol_tvl SET tvl = 100.5 WHERE protocol = 'q'`);
    await capture.events();
    await capture.query(`INSERT INTO change_thresholds VALUES ('tvl', 'q', 0.005, 0)`);
    expect(await capture.events()).toMatchObject([
      { type: 'tvl_change', protocol: 'q', previous: 100, current: 100.5, observedAt: Date.parse('2026-01-01Z') },
    ]);
  });

  it('takes precedence over the threshold of `*`, which takes precedence over the default', async () => {
    const of = async (subject: string): Promise<unknown> =>
      (await capture.query(`SELECT * FROM threshold_of('price', $1)`, [subject]))[0];
    await capture.query(`INSERT INTO change_thresholds VALUES ('price', 'bitcoin', 0.5, 3)`);
    expect(await of('bitcoin')).toEqual({ ratio: 0.5, absolute: 3 });
    await capture.query(
      `UPDATE change_thresholds SET min_change_ratio = 0.25 WHERE metric = 'price' AND subject = '*'`,
    );
    expect(await of('ethereum')).toEqual({ ratio: 0.25, absolute: 0 });
    await capture.query(`DELETE FROM change_thresholds WHERE metric = 'price'`);
    expect(await of('bitcoin')).toEqual({ ratio: 0.001, absolute: 0 });
  });

  it.each([
    [`('volume', '*', 0.1, 0)`],
    [`('tvl', 'x', -0.1, 0)`],
    [`('tvl', 'x', 'NaN', 0)`],
    [`('tvl', 'x', 'Infinity', 0)`],
    [`('tvl', 'x', 0.1, -1)`],
    [`('tvl', 'x', 0.1, 'NaN')`],
    [`('tvl', 'white space', 0.1, 0)`],
  ])('is refused when its values are invalid: %s', async (values) => {
    await expect(capture.query(`INSERT INTO change_thresholds VALUES ${values}`)).rejects.toMatchObject({
      code: '23514',
    });
  });

  it('cannot be assigned to another subject', async () => {
    await expect(capture.query(`UPDATE change_thresholds SET subject = 'y'`)).rejects.toMatchObject({ code: '23001' });
  });

  it('causes no deadlock with bulk upserts, and leaves no row outside its dead band', async () => {
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: capture.db.url });
      await client.connect();
      return client;
    };
    const writers = await Promise.all([connect(), connect(), connect()]);
    const changer = await connect();
    await Promise.all([
      ...writers.map(async (client, index) => {
        for (let round = 0; round < 6; round++) {
          await client.query('BEGIN');
          await client.query(UPSERT, [index + round * 0.3]);
          await client.query(UPSERT, [index + round * 0.7]);
          await client.query('COMMIT');
        }
      }),
      (async () => {
        for (let round = 0; round < 12; round++) {
          const ratio = [0.001, 0.02, 0.3][round % 3];
          await changer.query(
            `UPDATE change_thresholds SET min_change_ratio = $1 WHERE metric = 'tvl' AND subject = '*'`,
            [ratio],
          );
          await changer.query(
            `INSERT INTO change_thresholds VALUES ('tvl', 'p5', $1) ON CONFLICT (metric, subject) DO UPDATE
             SET min_change_ratio = excluded.min_change_ratio`,
            [ratio],
          );
        }
      })(),
    ]);
    await Promise.all([...writers, changer].map((client) => client.end()));
    expect(
      await capture.query(`SELECT protocol FROM protocol_tvl, threshold_of('tvl', protocol) now
        WHERE min_change_ratio <> now.ratio OR (tvl <> published_value
          AND abs(tvl - published_value) >= (now.ratio - 1e-9) * published_value)`),
    ).toEqual([]);
  });
});

describe('query plans', () => {
  it('made for one row do not slow down an upsert of 10,000 rows', async () => {
    await capture.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'bulk' || n, 'base', 100 FROM generate_series(1, 10000) n`,
    );
    const bulk = `INSERT INTO protocol_tvl (protocol, chain, tvl)
      SELECT 'bulk' || n, 'base', $1::float8 FROM generate_series(1, 10000) n
      ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl`;
    const time = async (client: pg.Client, value: number): Promise<number> => {
      const startedAt = performance.now();
      await client.query(bulk, [value]);
      return performance.now() - startedAt;
    };
    const used = new pg.Client({ connectionString: capture.db.url });
    const fresh = new pg.Client({ connectionString: capture.db.url });
    await used.connect();
    await fresh.connect();
    for (let n = 0; n < 8; n++) await used.query(`UPDATE protocol_tvl SET tvl = tvl * 1.1 WHERE protocol = 'p1'`);
    await time(fresh, 110);
    const [ofFresh, ofUsed] = [await time(fresh, 130), await time(used, 150)];
    await Promise.all([used.end(), fresh.end()]);
    // Detects plans whose cost grows with the square of the rows (100 x); it is not a measurement.
    expect(ofUsed / ofFresh).toBeLessThan(20);
  });
});
