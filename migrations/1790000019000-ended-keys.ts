import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Deletion of ended keys by a database function only: per user, all but the hundred most recent ones a day after their end;
 * the others after the retention of the audit trail, because its entries name the keys. The key of BOOTSTRAP_ADMIN_KEY is
 * kept: if it were deleted, the next start would create it again.
 */
const up = `
ALTER TABLE api_keys DROP CONSTRAINT api_keys_rotated_to_fkey;
COMMENT ON COLUMN api_keys.rotated_to IS 'The key that took over; it may have ended and been deleted since.';
CREATE FUNCTION end_api_keys(days double precision) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH ended AS (
    SELECT id FROM (
      SELECT id, least(revoked_at, expires_at) AS at, row_number() OVER (PARTITION BY user_id ORDER BY position DESC) AS place
      FROM api_keys WHERE least(revoked_at, expires_at) <= now() AND created_by <> 'system') over
    WHERE at < now() - greatest(days, 30) * interval '1 day' OR (place > 100 AND at < now() - interval '1 day') LIMIT 1000
  ), gone AS (DELETE FROM api_keys k USING ended WHERE k.id = ended.id RETURNING k.id)
  SELECT count(*)::integer FROM gone
$$;
REVOKE ALL ON FUNCTION end_api_keys(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_api_keys(double precision) TO rta_app;
`;

const down = `
DROP FUNCTION end_api_keys(double precision);
UPDATE api_keys k SET rotated_to = NULL
  WHERE rotated_to IS NOT NULL AND NOT EXISTS (SELECT FROM api_keys s WHERE s.id = k.rotated_to);
COMMENT ON COLUMN api_keys.rotated_to IS NULL;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_rotated_to_fkey FOREIGN KEY (rotated_to) REFERENCES api_keys (id);
`;

export class EndedKeys1790000019000 implements MigrationInterface {
  readonly name = 'EndedKeys1790000019000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
