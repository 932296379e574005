import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Views for queries on chains: points of accounts, the state to which they refer, and stored events. The rates of a contract
 * are summed up as in `PointRates`; a test compares both.
 */
const up = `
CREATE VIEW account_points AS
  WITH contracts AS MATERIALIZED (
    SELECT c.id AS contract, h.final_number AS final, r.*
    FROM onchain_contracts c JOIN onchain_streams s ON s.id = c.stream JOIN onchain_chains h ON h.id = c.chain
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(staked_per_day * lasted), 0) AS rs, coalesce(sum(held_per_day * lasted), 0) AS rh,
        coalesce(sum(staked_per_day * final_lasted), 0) AS frs, coalesce(sum(held_per_day * final_lasted), 0) AS frh
      FROM (
        SELECT p.staked_per_day, p.held_per_day,
          greatest(0, least(p.until_ms, s.at_ms) - p.valid_from_ms) AS lasted,
          greatest(0, least(p.until_ms, h.final_ms, s.at_ms) - p.valid_from_ms) AS final_lasted
        FROM (
          SELECT v.*, lead(v.valid_from_ms) OVER (ORDER BY v.valid_from_ms) AS until_ms
          FROM (
            SELECT DISTINCT ON (o.valid_from_ms) o.* FROM onchain_point_rules o
            WHERE (o.chains = '{}' OR h.name = ANY (o.chains))
              AND CASE WHEN o.contracts = '{}' THEN c.standard <> 'erc20' ELSE c.address = ANY (o.contracts) END
            ORDER BY o.valid_from_ms, o.version DESC
          ) v
        ) p
      ) stretches
    ) r
    WHERE c.shadow_of IS NULL AND s.at_ms IS NOT NULL
  ), images AS MATERIALIZED (
    SELECT DISTINCT ON (u.account, u.contract) u.* FROM onchain_position_undo u JOIN contracts k ON k.contract = u.contract
    WHERE u.block > k.final ORDER BY u.account, u.contract, u.block
  ), sums AS (
    SELECT p.account, div(sum(p.base + p.staked * k.rs + p.held * k.rh), 86400000) AS points,
      div(sum(CASE WHEN u.existed = false THEN 0 ELSE coalesce(u.base, p.base)
        + coalesce(u.staked, p.staked) * k.frs + coalesce(u.held, p.held) * k.frh END), 86400000) AS final,
      sum(p.staked) AS staked_tokens
    FROM onchain_positions p JOIN contracts k ON k.contract = p.contract
      LEFT JOIN images u ON u.account = p.account AND u.contract = p.contract
    GROUP BY p.account
  )
  SELECT '0x' || encode(account, 'hex') AS account, points * 0.000001 AS points, (points - final) * 0.000001 AS pending,
    final * 0.000001 AS final, row_number() OVER (ORDER BY points DESC, account) AS rank, staked_tokens
  FROM sums;
COMMENT ON VIEW account_points IS 'Points of accounts as of the newest projected block of each chain. Final: before-images of blocks that may be replaced.';

CREATE VIEW points_state AS
  SELECT ((SELECT coalesce(sum(version), 0) FROM onchain_chains)
      + (SELECT coalesce(sum(version), 0) FROM onchain_points_state))::text AS cursor,
    max(at_ms) AS at_ms, coalesce(jsonb_object_agg(name, block) FILTER (WHERE name IS NOT NULL), '{}') AS chains
  FROM (
    SELECT DISTINCT ON (h.name) h.name, s.block, s.at_ms FROM onchain_chains h JOIN onchain_streams s ON s.chain = h.id
    WHERE s.at_ms IS NOT NULL
      AND EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NULL)
    ORDER BY h.name, s.block DESC
  ) newest;
COMMENT ON VIEW points_state IS 'State to which points refer, as in as_of of the routes of points.';

CREATE VIEW contract_events AS
  SELECT h.name || ':0x' || encode(l.block_hash, 'hex') || ':' || l.log_index AS onchain_id, h.name AS chain,
    '0x' || encode(c.address, 'hex') AS contract, l.kind, l.block_number, '0x' || encode(l.block_hash, 'hex') AS block_hash,
    '0x' || encode(l.transaction_hash, 'hex') AS transaction_hash, l.log_index,
    to_timestamp(l.block_ms / 1000::double precision) AS "timestamp",
    '0x' || encode(l.sender, 'hex') AS "from", '0x' || encode(l.recipient, 'hex') AS "to",
    '0x' || encode(l.staker, 'hex') AS staker, l.start_token_id, l.quantity, l.token_ids::text[] AS token_ids,
    l.quantities::text[] AS quantities, l.canonical,
    CASE WHEN NOT l.canonical THEN 'retracted' WHEN l.block_number <= h.final_number THEN 'final' ELSE 'pending' END AS status
  FROM onchain_logs l JOIN onchain_contracts c ON c.id = l.contract AND c.shadow_of IS NULL
    JOIN onchain_chains h ON h.id = l.chain;
COMMENT ON VIEW contract_events IS 'Stored events of watched contracts, with the members of onchain_event.';

-- Blocks are stored in the order of their time, so that a summary of each 128 pages suffices.
CREATE INDEX onchain_logs_time ON onchain_logs USING brin (to_timestamp(block_ms / 1000::double precision));

GRANT SELECT ON account_points, points_state, contract_events TO rta_query;
GRANT SELECT ON points_state TO rta_app;
`;

export class OnchainQueries1790000034000 implements MigrationInterface {
  readonly name = 'OnchainQueries1790000034000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP INDEX onchain_logs_time;
DROP VIEW contract_events, points_state, account_points;`);
  }
}
