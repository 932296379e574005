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
