import type { Client } from 'pg';

/** Contract of rows that no stream projects: they only make the table large. */
const OTHER_CONTRACT = 1_000_000;
const DAYS = 7;

/** Adds stored logs to the first blocks of the chain, spread over the partitions of the seven days before today. */
export async function addOldLogs(client: Client, rows: number): Promise<void> {
  for (let day = 1; day <= DAYS; day++) {
    await client.query(
      `DO $$ DECLARE day date := (now() AT TIME ZONE 'UTC')::date - ${day}; name text := 'onchain_logs_' || to_char(day, 'YYYYMMDD');
      BEGIN IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF onchain_logs FOR VALUES FROM (%L) TO (%L)', name,
          day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
      END IF; END $$`,
    );
    await client.query(
      `INSERT INTO onchain_logs (chain, contract, block_number, log_index, kind, block_ms, stored_at, transaction_index,
         block_hash, transaction_hash, sender, recipient, start_token_id, quantity)
       SELECT 1, ${OTHER_CONTRACT}, n % 100, n / 100, 'Transfer', 1600000000000,
         ((now() AT TIME ZONE 'UTC')::date - $1::int)::timestamp AT TIME ZONE 'UTC' + interval '1 hour', n / 100,
         sha256(int8send(n % 100)), sha256(int8send(n)), substr(sha256(int8send(n % 20000)), 1, 20),
         substr(sha256(int8send(n * 7 % 20000)), 1, 20), n % 100000, 1
       FROM generate_series(0, $2::bigint - 1) n`,
      [day, Math.ceil(rows / DAYS)],
    );
  }
}

/** Drops the partitions of the days before today; returns the time, ms, and their number. */
export async function dropOldLogs(client: Client): Promise<{ ms: number; partitions: number }> {
  const begun = performance.now();
  const { rows } = await client.query<{ kept: string | null }>('SELECT kept FROM retire_onchain_logs(now())');
  const ms = performance.now() - begun;
  const kept = rows.find((row) => row.kept !== null);
  if (kept !== undefined) throw new Error(`a partition was kept: ${kept.kept}`);
  return { ms, partitions: rows.length };
}

/** Lets accounts stake a token each, since an hour before a time: rows as the projection would leave them. */
export async function addStakers(client: Client, accounts: number, before: number): Promise<void> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM onchain_contracts LIMIT 1');
  const values = [rows[0]?.id, accounts, before - 3_600_000];
  const account = `substr(sha256(int8send(n)), 1, 20)`;
  await client.query(
    `INSERT INTO onchain_tokens (contract, token_id, owner, owner_since_ms, staker, since_ms, since_block, since_log)
     SELECT $1::int, 10 ^ 12 + n, ${account}, $3::bigint, ${account}, $3, 0, 0 FROM generate_series(1, $2::bigint) n`,
    values,
  );
  await client.query(
    `INSERT INTO onchain_positions (account, contract, base, staked, held)
     SELECT ${account}, $1::int, -1000000 * $3::numeric, 1, 0 FROM generate_series(1, $2::bigint) n`,
    values,
  );
  await client.query('ANALYZE onchain_tokens, onchain_positions');
}
