import type { ClientBase } from 'pg';
import type { Database } from '../../platform/database/database.js';

/** Time after which the lease of a chain that was not renewed expires, ms: another process then follows the chain. */
const LEASE_DURATION_MS = 1_500;

/** Right to change a chain's logs and state. `epoch` is counted up with every change of the leader. */
export interface ChainLease {
  readonly chain: number;
  readonly owner: string;
  readonly epoch: number;
}

/** Error of a transaction whose process no longer leads the chain: nothing was changed. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';

  constructor(chain: number) {
    super(`another process follows chain ${chain}`);
  }
}

/** Acquires the lease of a chain, or renews it; undefined if another process holds it. */
export async function acquireLease(database: Database, chain: number, owner: string): Promise<ChainLease | undefined> {
  const row = await database.one<{ epoch: string | null }>(
    'SELECT acquire_chain_lease($1::smallint, $2, $3) AS epoch',
    [chain, owner, LEASE_DURATION_MS],
  );
  return row?.epoch == null ? undefined : { chain, owner, epoch: Number(row.epoch) };
}

/** Gives the lease up, so that the next process need not wait until it expires. */
export async function releaseLease(database: Database, { chain, epoch }: ChainLease): Promise<void> {
  await database.query(
    `UPDATE onchain_chains SET leader = NULL, lease_until = '-infinity' WHERE id = $1 AND leader_epoch = $2`,
    [chain, epoch],
  );
}

/**
 * Begins the changes of a transaction: locks the chain's row until the transaction ends.
 * @throws LeaseLost if another process has acquired the lease
 */
export async function fence(tx: ClientBase, { chain, epoch }: ChainLease): Promise<void> {
  const { rowCount } = await tx.query({
    name: 'onchain_fence',
    text: 'SELECT FROM onchain_chains WHERE id = $1 AND leader_epoch = $2 FOR UPDATE',
    values: [chain, epoch],
  });
  if (rowCount === 0) throw new LeaseLost(chain);
}

/** Ends the changes of a fenced transaction: counts the chain's version up, and renews the lease. */
export async function stamp(tx: ClientBase, { chain }: ChainLease): Promise<void> {
  await tx.query({
    name: 'onchain_stamp',
    text: `UPDATE onchain_chains SET version = version + 1,
      lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => $2::int / 1000.0)) WHERE id = $1`,
    values: [chain, LEASE_DURATION_MS],
  });
}
