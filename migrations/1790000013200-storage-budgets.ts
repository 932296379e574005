import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Stored bytes of each user: deliveries with their attempts, and the history of alerts. A size is computed from columns that
 * never change, so the bytes subtracted when a row is deleted are the bytes added when it was inserted. A row and its
 * indexes count as 1,000 bytes, in the history of alerts as 500. Attempts with little content are included in the size of
 * their delivery.
 */
const up = `
CREATE TABLE user_storage (
  user_id text PRIMARY KEY,
  bytes bigint NOT NULL CHECK (bytes >= 0),
  noticed_at timestamptz
) WITH (fillfactor = 70);
COMMENT ON COLUMN user_storage.noticed_at IS 'When its user was last notified that messages are not sent.';
GRANT SELECT, INSERT, UPDATE ON user_storage TO rta_app;

CREATE FUNCTION delivery_bytes(type text, data jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN type LIKE 'alert.%' OR type = 'test' THEN 1000 + octet_length(data::text) ELSE 0 END::bigint $$;
COMMENT ON FUNCTION delivery_bytes IS 'Messages of the product itself are not counted.';

CREATE FUNCTION attempt_bytes(n integer, outcome text, detail text, response_head text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN outcome = 'interrupted' OR n = 1 AND told.bytes <= 200 THEN 0 ELSE 200 + told.bytes END::bigint
  FROM (SELECT coalesce(octet_length(detail), 0) + coalesce(octet_length(response_head), 0) AS bytes) told $$;

CREATE FUNCTION history_bytes(alert jsonb, outcome jsonb, grouped jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT (500 + octet_length(alert::text) + octet_length(outcome::text)
    + CASE WHEN grouped IS NULL OR grouped = 'null' THEN 0 ELSE 4000 END)::bigint $$;
COMMENT ON FUNCTION history_bytes IS 'A row that stands for many is counted as it may become.';
REVOKE ALL ON FUNCTION delivery_bytes, attempt_bytes, history_bytes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_bytes, attempt_bytes, history_bytes TO rta_app;

INSERT INTO user_storage (user_id, bytes)
SELECT user_id, sum(bytes) FROM (
  SELECT user_id, delivery_bytes(type, data) AS bytes FROM deliveries
  UNION ALL
  SELECT d.user_id, attempt_bytes(a.n, a.outcome, a.detail, a.response_head)
  FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id
  UNION ALL
  SELECT user_id, history_bytes(alert, outcome, grouped) FROM alert_transitions) stored
GROUP BY user_id;
`;

const down = `
DROP FUNCTION history_bytes, attempt_bytes, delivery_bytes;
DROP TABLE user_storage;
`;

export class StorageBudgets1790000013200 implements MigrationInterface {
  readonly name = 'StorageBudgets1790000013200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
