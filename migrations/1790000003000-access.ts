import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Users, API keys and the audit trail.
 *
 * The application may create keys and change their rights, but not their secret or owner, and it cannot delete keys, so that
 * old key ids can still be looked up. All roles can only insert into the audit trail: grants prevent changes by the
 * application, a trigger prevents accidental changes by the table's owner.
 */
const up = `
CREATE TABLE users (
  id text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 255 AND id !~ '[[:cntrl:]]'),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
  id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9]{1,64}$'),
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  user_id text NOT NULL CONSTRAINT api_keys_user_id_fkey REFERENCES users (id),
  name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 200),
  role text NOT NULL CHECK (role IN ('reader', 'writer', 'admin')),
  tier text NOT NULL CHECK (tier IN ('free', 'pro', 'enterprise')),
  subscription_types text[],
  transports text[] CHECK (transports <@ ARRAY['socketio', 'websocket', 'sse', 'rest']),
  limits jsonb NOT NULL DEFAULT '{}' CHECK (
    jsonb_typeof(limits) = 'object' AND NOT jsonb_path_exists(limits, '$.* ? (@.type() != "number" || @ < 0)')
  ),
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  rotated_to text CONSTRAINT api_keys_rotated_to_fkey REFERENCES api_keys (id),
  creation_hash bytea CONSTRAINT api_keys_creation_hash_key UNIQUE
);
CREATE INDEX api_keys_user_id ON api_keys (user_id, position);
COMMENT ON COLUMN api_keys.secret_hash IS 'SHA-256 of the secret. The secret itself is stored nowhere.';
COMMENT ON COLUMN api_keys.limits IS 'Replaces single limits of the tier; 0 is no limit.';

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  action text NOT NULL,
  subject text,
  outcome text NOT NULL CHECK (outcome IN ('ok', 'refused')),
  detail jsonb,
  address text,
  request_id text
);
CREATE INDEX audit_log_at ON audit_log USING brin (at);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_subject ON audit_log (subject, id);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

GRANT SELECT, INSERT ON users TO rta_app;
GRANT SELECT, INSERT ON api_keys TO rta_app;
GRANT UPDATE (name, role, tier, subscription_types, transports, limits, expires_at, revoked_at, rotated_to)
  ON api_keys TO rta_app;
GRANT SELECT, INSERT ON audit_log TO rta_app;
`;

const down = `
DROP TABLE audit_log, api_keys, users;
DROP FUNCTION refuse_audit_change();
`;

export class Access1790000003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
