import { Client } from 'pg';
import type { Key } from './latency-load.js';

/** Gives every key its first value, US dollars; first values are not sent to subscribers. */
export async function insertBaselines(databaseUrl: string, keys: readonly Key[], baseline: number): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const columns = [keys.map((k) => k.protocol), keys.map((k) => k.chain)];
    await client.query(
      `INSERT INTO protocols (slug, name, category, chains)
       SELECT slug, 'Protocol ' || slug, 'Dexs', ARRAY[chain] FROM unnest($1::text[], $2::text[]) k(slug, chain)`,
      columns,
    );
    await client.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT *, $3::float8 FROM unnest($1::text[], $2::text[])`,
      [...columns, baseline],
    );
  } finally {
    await client.end();
  }
}
