import type { PoolClient } from 'pg';
import type { Database } from '../../platform/database/database.js';
import { isoTime } from '../../platform/input/time.js';
import type { Address, PointRates, Standard } from '../core/index.js';
import { loadRates } from '../projector/point-rules.js';

/** State to which an answer refers: answers with one cursor agree. */
export interface AsOf {
  readonly cursor: string;
  /** Time of the newest projected block of all chains, ISO 8601; null before the first. */
  readonly at: string | null;
  /** Newest projected block of each chain by its name. */
  readonly chains: Readonly<Record<string, number>>;
}

/** Contract whose tokens earn, and the times to which points refer: Unix milliseconds. */
export interface EarningContract {
  readonly id: number;
  readonly chain: string;
  readonly address: Address;
  readonly standard: Standard;
  readonly stream: number;
  /** Time of the newest block that its stream has projected. */
  readonly at: number;
  /** Number of the chain's final block, and the time up to which points are final; null before the first. */
  readonly final: number;
  readonly finalAt: number | null;
}

/** Everything that answers of points depend on, in one snapshot of the database. */
export interface PointsSnapshot {
  readonly tx: PoolClient;
  readonly asOf: AsOf;
  readonly contracts: readonly EarningContract[];
  readonly rates: PointRates;
}

interface Place {
  chain: string;
  block: number;
  at: number;
}

/** Counts every change of state: projections, reorganisations, rules. */
const VERSION = `(SELECT coalesce(sum(version), 0) FROM onchain_chains) + (SELECT coalesce(sum(version), 0) FROM onchain_points_state)`;

/** Does work that sees one state of the database, however long it takes. */
export async function inSnapshot<T>(database: Database, work: (snapshot: PointsSnapshot) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const asOf = await asOfNow(tx);
    const { rows: contracts } = await tx.query<EarningContract>(CONTRACTS);
    return work({ tx, asOf, contracts, rates: await loadRates(tx) });
  });
}

/** Returns the cursor of the present state. */
export async function presentCursor(database: Database): Promise<string> {
  const row = await database.one<{ version: string }>(`SELECT (${VERSION})::text AS version`);
  return row?.version ?? '0';
}

async function asOfNow(tx: PoolClient): Promise<AsOf> {
  const { rows: versions } = await tx.query<{ version: string }>(`SELECT (${VERSION})::text AS version`);
  const { rows: places } = await tx.query<Place>(
    `SELECT DISTINCT ON (h.name) h.name AS chain, s.block, s.at_ms AS at FROM onchain_chains h
       JOIN onchain_streams s ON s.chain = h.id WHERE s.at_ms IS NOT NULL
       AND EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NULL)
     ORDER BY h.name, s.block DESC`,
  );
  const newest = places.reduce((latest, { at }) => Math.max(latest, at), -1);
  return {
    cursor: versions[0]?.version ?? '0',
    at: newest < 0 ? null : isoTime(newest),
    chains: Object.fromEntries(places.map(({ chain, block }) => [chain, block])),
  };
}

const CONTRACTS = `SELECT c.id, h.name AS chain, '0x' || encode(c.address, 'hex') AS address, c.standard, s.id AS stream, s.at_ms AS at,
    h.final_number AS final, least(h.final_ms, s.at_ms) AS "finalAt"
  FROM onchain_contracts c JOIN onchain_streams s ON s.id = c.stream JOIN onchain_chains h ON h.id = c.chain
  WHERE c.shadow_of IS NULL AND s.at_ms IS NOT NULL ORDER BY c.id`;
