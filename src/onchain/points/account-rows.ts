import type { Address } from '../core/index.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { EarningContract, PointsSnapshot } from './points-snapshot.js';

/** Points of an account in micro-points, and the tokens that it stakes and holds. */
export interface AccountRow {
  readonly account: Address;
  readonly points: bigint;
  /** Part that no reorganisation can take away. */
  readonly final: bigint;
  readonly stakedTokens: bigint;
  readonly heldTokens: bigint;
}

type Row = [account: Address, points: string, final: string, staked: string, held: string];

/** Rows that are fetched and parsed at once. */
const PAGE_ROWS = 5_000;

/**
 * Sums of accounts over their contracts, the highest first; equal ones by account. $1 to $6: contracts, the integrals of their
 * rates for staked and held tokens now and at the final block, and the final blocks. Final points come from the before-image
 * of the earliest block that is not final.
 */
const ROWS = `WITH k AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::numeric[], $3::numeric[], $4::numeric[], $5::numeric[], $6::bigint[])
      AS k (contract, rs, rh, frs, frh, final)
  ), u AS MATERIALIZED (
    SELECT DISTINCT ON (u.account, u.contract) u.* FROM onchain_position_undo u JOIN k ON k.contract = u.contract
    WHERE u.block > k.final ORDER BY u.account, u.contract, u.block
  )
  SELECT '0x' || encode(account, 'hex'), div(now, 86400000)::text, div(final, 86400000)::text, staked::text, held::text
  FROM (
    SELECT p.account, sum(p.base + p.staked * k.rs + p.held * k.rh) AS now,
      sum(CASE WHEN k.frs IS NULL OR u.existed = false THEN 0 ELSE coalesce(u.base, p.base)
        + coalesce(u.staked, p.staked) * k.frs + coalesce(u.held, p.held) * k.frh END) AS final,
      sum(p.staked) AS staked, sum(p.held) AS held
    FROM onchain_positions p JOIN k ON k.contract = p.contract
      LEFT JOIN u ON u.account = p.account AND u.contract = p.contract
    GROUP BY p.account
  ) s ORDER BY div(now, 86400000) DESC, account`;

/** Reads the points of all accounts in order of their ranks, in slices of a few milliseconds. */
export async function accountRows(
  { tx, rates }: PointsSnapshot,
  contracts: readonly EarningContract[],
): Promise<AccountRow[]> {
  const found: AccountRow[] = [];
  const ratesOf = contracts.map(({ chain, address, standard }) => rates.of(chain, address, standard));
  const integrals = (staked: boolean, timeOf: (contract: EarningContract) => number | null): (string | null)[] =>
    contracts.map((contract, at) => {
      const time = timeOf(contract);
      return time === null ? null : (ratesOf[at]?.of(staked).at(time) ?? 0n).toString();
    });
  await tx.query(`DECLARE standings NO SCROLL CURSOR FOR ${ROWS}`, [
    contracts.map(({ id }) => id),
    integrals(true, ({ at }) => at),
    integrals(false, ({ at }) => at),
    integrals(true, ({ finalAt }) => finalAt),
    integrals(false, ({ finalAt }) => finalAt),
    contracts.map(({ final }) => final),
  ]);
  for (;;) {
    const { rows } = await tx.query<Row>({ text: `FETCH ${PAGE_ROWS} FROM standings`, rowMode: 'array' });
    await eachInSlices(rows, ([account, points, final, staked, held]) => {
      found.push({
        account,
        points: BigInt(points),
        final: BigInt(final),
        stakedTokens: BigInt(staked),
        heldTokens: BigInt(held),
      });
    });
    if (rows.length < PAGE_ROWS) break;
  }
  await tx.query('CLOSE standings');
  return found;
}
