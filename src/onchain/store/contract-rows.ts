import type { ClientBase } from 'pg';

/** Tables with rows of one contract, and those with rows of a whole stream. */
const OF_CONTRACT = [
  'onchain_tokens',
  'onchain_balances',
  'onchain_intervals',
  'onchain_positions',
  'onchain_token_undo',
  'onchain_balance_undo',
  'onchain_position_undo',
  'onchain_dead_logs',
] as const;

/** Locks a chain against its follower and projector, whose transactions begin with the same lock. */
export async function lockChain(tx: ClientBase, chain: number): Promise<void> {
  await tx.query('SELECT FROM onchain_chains WHERE id = $1 FOR UPDATE', [chain]);
}

/** Deletes a contract and all that was derived from its logs; the logs stay. A stream without contracts ends with it. */
export async function deleteContract(tx: ClientBase, contract: number): Promise<void> {
  for (const table of OF_CONTRACT) await tx.query(`DELETE FROM ${table} WHERE contract = $1`, [contract]);
  const { rows } = await tx.query<{ stream: number }>('DELETE FROM onchain_contracts WHERE id = $1 RETURNING stream', [
    contract,
  ]);
  const stream = rows[0]?.stream;
  const isEmpty = '$1 NOT IN (SELECT stream FROM onchain_contracts)';
  await tx.query(`DELETE FROM onchain_projections WHERE stream = $1 AND ${isEmpty}`, [stream]);
  await tx.query(`DELETE FROM onchain_streams WHERE id = $1 AND ${isEmpty}`, [stream]);
}

/** Counts a change of a chain's state, so that answers of points differ from those before it. */
export async function countChange(tx: ClientBase, chain: number): Promise<void> {
  await tx.query('UPDATE onchain_chains SET version = version + 1 WHERE id = $1', [chain]);
}

/**
 * Begins to project the contracts of a stream anew, beside the present state: adds a shadow of each, in a stream of its own that
 * publishes nothing again. Their logs are read from their first block on, or from an earlier one. Nothing happens to a stream that
 * is being rebuilt already.
 */
export async function beginRebuild(tx: ClientBase, stream: number, fromBlock = Infinity): Promise<void> {
  const { rows } = await tx.query<{ id: number; from: number }>(
    `INSERT INTO onchain_contracts (chain, address, standard, from_block, token, stream, origin, shadow_of)
     SELECT chain, address, standard, least(from_block, $2), token, 0, origin, id FROM onchain_contracts c
     WHERE stream = $1 AND shadow_of IS NULL AND NOT EXISTS (SELECT FROM onchain_contracts s WHERE s.shadow_of = c.id)
     ORDER BY id RETURNING id, from_block AS from`,
    [stream, fromBlock === Infinity ? null : fromBlock],
  );
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await tx.query('UPDATE onchain_contracts SET stream = $2 WHERE id = ANY ($1::int[])', [ids, Math.min(...ids)]);
  await tx.query(
    `INSERT INTO onchain_streams (id, chain, block, published_block, published_log)
     SELECT $2, chain, $3::bigint - 1, published_block, published_log FROM onchain_streams WHERE id = $1`,
    [stream, Math.min(...ids), Math.min(...rows.map(({ from }) => from))],
  );
}

/** Ends a rebuild: deletes the shadows of a stream and what was projected for them. */
export async function endRebuild(tx: ClientBase, stream: number): Promise<void> {
  const { rows } = await tx.query<{ id: number }>(
    'SELECT id FROM onchain_contracts WHERE stream = $1 AND shadow_of IS NOT NULL',
    [stream],
  );
  for (const { id } of rows) await deleteContract(tx, id);
}

/**
 * Empties the state of a stream, so that its logs are projected anew. Logs that were dropped are read again. Events up to the
 * block are not published again.
 */
export async function startOver(tx: ClientBase, stream: number, toBlock: number): Promise<void> {
  const own = 'contract = ANY (ARRAY(SELECT id FROM onchain_contracts WHERE stream = $1))';
  for (const table of OF_CONTRACT) {
    if (table !== 'onchain_dead_logs') await tx.query(`DELETE FROM ${table} WHERE ${own}`, [stream]);
  }
  await tx.query(`UPDATE onchain_logs SET error = NULL WHERE error IS NOT NULL AND ${own}`, [stream]);
  await tx.query('DELETE FROM onchain_projections WHERE stream = $1', [stream]);
  await tx.query(
    `UPDATE onchain_contracts SET dropped = '{}', covered = CASE WHEN dropped = '{}' THEN covered ELSE '{}' END
     WHERE stream = $1`,
    [stream],
  );
  await tx.query(
    `UPDATE onchain_streams s SET block = (SELECT min(c.from_block) - 1 FROM onchain_contracts c WHERE c.stream = s.id), log = -1,
       block_hash = NULL, at_ms = NULL, undo_from = -1, caught_up = false, halted_reason = NULL,
       published_log = CASE WHEN published_block < $2 THEN published_log ELSE 2147483647 END,
       published_block = least(published_block, $2)
     WHERE id = $1`,
    [stream, toBlock],
  );
}
