import { PointRates, type Address } from '../core/index.js';
import type { Queries } from './row-loader.js';

interface RuleRow {
  version: number;
  valid_from_ms: number;
  staked_per_day: string;
  held_per_day: string;
  chains: string[];
  contracts: Address[];
}

/** Reads all versions of the rates. */
export async function loadRates(db: Queries): Promise<PointRates> {
  const { rows } = await db.query<RuleRow>({
    name: 'onchain_point_rules',
    text: `SELECT version, valid_from_ms, staked_per_day, held_per_day, chains,
        ARRAY(SELECT '0x' || encode(c, 'hex') FROM unnest(contracts) AS c) AS contracts
      FROM onchain_point_rules ORDER BY version`,
  });
  return new PointRates(
    rows.map((row) => ({
      version: row.version,
      validFrom: row.valid_from_ms,
      stakedPerDay: BigInt(row.staked_per_day),
      heldPerDay: BigInt(row.held_per_day),
      chains: row.chains,
      contracts: row.contracts,
    })),
  );
}

/** Statement part that changes whenever a rule is added or removed. */
export const RULES_VERSION = `(SELECT count(*) || ':' || coalesce(max(version), 0) FROM onchain_point_rules)`;
