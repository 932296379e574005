import { microPoints, type Address, type PointRates, type Standard } from '../core/index.js';
import { Columns, byteCell, statementsOf } from '../store/columns.js';
import type { Queries } from './row-loader.js';

/** Micro-points of an account over all chains; `final` is the part that no reorganisation can take away. */
export interface AccountPoints {
  readonly points: bigint;
  readonly final: bigint;
  /** Tokens that it stakes. */
  readonly stakedTokens: bigint;
}

interface Row {
  n: number;
  chain: string;
  contract: Address;
  standard: Standard;
  at: number;
  base: string;
  staked: string;
  held: string;
  final_at: number | null;
  final_base: string | null;
  final_staked: string | null;
  final_held: string | null;
  existed: boolean | null;
}

/**
 * Positions of accounts, each with its before-image of the earliest block that is not final. Points are as of the newest block
 * that the contract's stream has projected, final ones as of the newest final block, if the stream has reached it.
 */
const READ = `SELECT r.n::int, h.name AS chain, '0x' || encode(c.address, 'hex') AS contract, c.standard, s.at_ms AS at,
    p.base, p.staked, p.held, least(h.final_ms, s.at_ms) AS final_at,
    u.existed, u.base AS final_base, u.staked AS final_staked, u.held AS final_held
  FROM unnest($1::bytea[]) WITH ORDINALITY AS r (account, n)
    CROSS JOIN LATERAL (SELECT * FROM onchain_positions p WHERE p.account = r.account OFFSET 0) AS p
    JOIN onchain_contracts c ON c.id = p.contract AND c.shadow_of IS NULL
    JOIN onchain_streams s ON s.id = c.stream AND s.at_ms IS NOT NULL
    JOIN onchain_chains h ON h.id = c.chain
    LEFT JOIN LATERAL (SELECT * FROM onchain_position_undo u WHERE u.account = p.account AND u.contract = p.contract
      AND u.block > h.final_number ORDER BY u.block LIMIT 1) AS u ON true`;

/** Returns the points of accounts in their order, as of the newest projected blocks; unknown accounts have 0. */
export async function pointsOf(db: Queries, accounts: readonly Address[], rates: PointRates): Promise<AccountPoints[]> {
  const points: AccountPoints[] = [];
  for (const some of statementsOf(accounts)) points.push(...(await pointsOfPart(db, some, rates)));
  return points;
}

async function pointsOfPart(db: Queries, accounts: readonly Address[], rates: PointRates): Promise<AccountPoints[]> {
  const columns = new Columns(1);
  for (const account of accounts) columns.add(byteCell(account));
  const { rows } = await db.query<Row>({ name: 'onchain_points_of', text: READ, values: columns.literals() });
  const sums = accounts.map(() => ({ now: 0n, final: 0n, staked: 0n }));
  for (const row of rows) {
    const sum = sums[row.n - 1];
    if (sum === undefined) continue;
    const { staked, held } = rates.of(row.chain, row.contract, row.standard);
    const numerator = (base: string, ofStaked: string, ofHeld: string, at: number): bigint =>
      BigInt(base) + BigInt(ofStaked) * staked.at(at) + BigInt(ofHeld) * held.at(at);
    sum.staked += BigInt(row.staked);
    sum.now += numerator(row.base, row.staked, row.held, row.at);
    if (row.final_at === null || row.existed === false) continue;
    sum.final += numerator(
      row.final_base ?? row.base,
      row.final_staked ?? row.staked,
      row.final_held ?? row.held,
      row.final_at,
    );
  }
  return sums.map(({ now, final, staked: stakedTokens }) => ({
    points: microPoints(now),
    final: microPoints(final),
    stakedTokens,
  }));
}
