import type { ClientBase, Pool } from 'pg';

/**
 * Fills one day of history: 40 protocols and 10 tokens with 680 values each; also 20,000 prices, and 1,000 events of 20
 * kB.
 */
export async function fillVictimHistory(client: ClientBase | Pool): Promise<void> {
  await client.query(`
    WITH series AS (
      INSERT INTO metric_series (metric, subject, chain)
      SELECT 'tvl', 'attack-' || n, 'ethereum' FROM generate_series(1, 40) n
      UNION ALL SELECT 'price', 'attack-' || n, '' FROM generate_series(1, 10) n
      RETURNING id
    )
    INSERT INTO metric_points (series_id, at, seq, value)
    SELECT id, date_trunc('minute', now()) - step * interval '2 minutes', 1 + step, 1e6 * (1 + 0.3 * sin(step * 0.7 + id))
    FROM series, generate_series(1, 680) step`);
  await client.query(`INSERT INTO token_prices (token, symbol, price, tags)
    SELECT 'large-' || n, 'LARGE' || n, n, '{large,answer}' FROM generate_series(1, 20000) n`);
  await client.query(`INSERT INTO change_outbox (type, protocol, data)
    SELECT 'governance', 'attack-1', jsonb_build_object('n', n, 'text', repeat('long ', 4000)) FROM generate_series(1, 1000) n`);
}
