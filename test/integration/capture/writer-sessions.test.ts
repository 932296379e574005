import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCapture, type Capture } from './capture-fixture.js';

let capture: Capture;
beforeAll(async () => {
  capture = await createCapture();
});
afterAll(() => capture.close());

it('a writer with an empty `search_path` publishes changes like any other writer', async () => {
  const writer = await capture.db.pool.connect();
  try {
    await writer.query(`SET ROLE rta_writer; SET search_path = ''`);
    await writer.query(`INSERT INTO public.protocols (slug, name) VALUES ('aave', 'Aave')`);
    await writer.query(`INSERT INTO public.protocol_tvl (protocol, chain, tvl) VALUES ('aave', 'base', 100)`);
    await writer.query(`INSERT INTO public.token_prices (token, price) VALUES ('bitcoin', 100)`);
    await writer.query(`UPDATE public.protocol_tvl SET tvl = 110`);
    await writer.query(`UPDATE public.token_prices SET price = 110`);
    await writer.query(`UPDATE public.protocols SET category = 'Lending'`);
    await writer.query(`UPDATE public.change_thresholds SET min_change_ratio = 0.3 WHERE metric = 'tvl'`);
    await writer.query(`UPDATE public.protocol_tvl SET tvl = 120`);
  } finally {
    writer.release(true);
  }
  const events = await capture.events();
  expect(events.filter(({ type }) => type.endsWith('change') || type === 'protocol_update').map((e) => e.type)).toEqual(
    ['protocol_update', 'tvl_change', 'price_change', 'protocol_update'],
  );
});

it('rows inserted again after a deletion are found by index, even with plans made on empty tables', async () => {
  const owner = await capture.db.pool.connect();
  const insert = (rows: number) =>
    owner.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'base', 150 FROM generate_series(1, $1) n`,
      [rows],
    );
  /** Returns the number of rows that the session has read from both tables. */
  const rowsScanned = async () =>
    (
      await owner.query(
        `SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables
         WHERE relname IN ('protocol_tvl', 'retired_references') ORDER BY relname`,
      )
    ).rows;
  const remove = () => owner.query(`DELETE FROM protocol_tvl WHERE protocol ~ '^p[0-9]+$'`);
  try {
    await owner.query('VACUUM (ANALYZE) protocol_tvl, retired_references');
    for (let turn = 0; turn < 10; turn++) {
      await insert(1);
      await remove();
    }
    await insert(2_000);
    await remove();
    await owner.query('BEGIN');
    const scanned = await rowsScanned();
    await insert(2_000);
    expect(await rowsScanned()).toEqual(scanned);
    await owner.query('COMMIT');
  } finally {
    owner.release(true);
  }
});
