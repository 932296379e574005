import type { Pool } from 'pg';
import type { TestRedis } from '../servers/redis-server.js';

interface Row {
  key: string;
  value: number;
}

/** SQL of the last published values from the rows; a total is the sum over the chains of its protocol. */
const PUBLISHED = `
SELECT 'tvl:' || protocol || ':' || chain AS key, coalesce(published_value, tvl) AS value FROM protocol_tvl
UNION ALL SELECT 'tvl:' || protocol, sum(coalesce(published_value, tvl)) FROM protocol_tvl WHERE is_real_chain(chain) GROUP BY protocol
UNION ALL SELECT 'price:' || token, coalesce(published_value, price) FROM token_prices`;

/**
 * Returns keys of the hot cache in Redis that are missing, unexpected, or have a different value from the one last
 * published.
 */
export async function cacheDifferences(redis: TestRedis, pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<Row>(PUBLISHED);
  const expected = new Map(rows.map(({ key, value }) => [key, value]));
  const held = [await redis.call('KEYS', 'tvl:*'), await redis.call('KEYS', 'price:*')].flat().map(String);
  const texts = held.length === 0 ? [] : ((await redis.call('MGET', ...held)) as (string | null)[]);
  const found = new Map(held.map((key, index) => [key, valueOf(texts[index] ?? 'null')]));
  const wrong = [...expected].filter(([key, value]) => !close(found.get(key), value)).map(([key]) => key);
  return [...wrong, ...held.filter((key) => !expected.has(key))];
}

function valueOf(text: string): number | undefined {
  const entry = JSON.parse(text) as { value?: number; tvl?: number } | null;
  return entry?.value ?? entry?.tvl;
}

/** Whether two values are nearly equal, because sums depend on the order of addition. */
function close(one: number | undefined, other: number): boolean {
  return one !== undefined && Math.abs(one - other) <= 1e-9 * Math.abs(other);
}
