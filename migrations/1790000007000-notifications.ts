import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Targets, deliveries and their attempts, webhook secrets, preferences, templates and suppressed addresses.
 *
 * `due_at` is the only clock of a delivery: the time at which it must be checked again, because it may be sent, because it
 * was not added to a queue, because the worker that was sending it has died, or because it expires.
 */
const up = `
CREATE TABLE notification_targets (
  id uuid PRIMARY KEY,
  user_id text NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 255),
  channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'push')),
  target text NOT NULL CHECK (char_length(target) <= 2048),
  target_key bytea NOT NULL CHECK (octet_length(target_key) = 32),
  sealed text,
  status text NOT NULL CHECK (status IN ('pending', 'active', 'disabled')),
  status_reason text,
  token_hash bytea UNIQUE,
  token_expires_at timestamptz,
  verification_started_at timestamptz,
  verified_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  first_failure_at timestamptz,
  warned_at timestamptz,
  window_started_at timestamptz,
  window_calls integer NOT NULL DEFAULT 0,
  window_failures integer NOT NULL DEFAULT 0,
  breaker_open_until timestamptz,
  breaker_trips integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, channel, target_key)
);
CREATE INDEX notification_targets_pending ON notification_targets (target_key) WHERE status = 'pending';
COMMENT ON COLUMN notification_targets.target IS 'Normalised address; of a push target only a name, its token is sealed.';
COMMENT ON COLUMN notification_targets.failures IS 'Attempts that failed in a row; with the columns behind it the breaker all workers share.';

CREATE TABLE webhook_secrets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target_id uuid NOT NULL REFERENCES notification_targets (id) ON DELETE CASCADE,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  retires_at timestamptz
);
CREATE INDEX webhook_secrets_target ON webhook_secrets (target_id, id DESC);
COMMENT ON COLUMN webhook_secrets.retires_at IS 'Until then an old secret still signs beside the new one; NULL: the current one.';

CREATE TABLE deliveries (
  id uuid PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  user_id text NOT NULL,
  target_id uuid REFERENCES notification_targets (id),
  channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'push')),
  target text NOT NULL,
  type text NOT NULL CHECK (type IN ('alert.fired', 'alert.resolved', 'alert.summary', 'test', 'endpoint.verify',
    'target.confirm', 'endpoint.failing', 'endpoint.disabled')),
  data jsonb NOT NULL,
  template text,
  format text CHECK (format IN ('slack', 'discord')),
  priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'critical')),
  digest boolean NOT NULL DEFAULT false,
  collapse_key text NOT NULL,
  transition_id text,
  idempotency_key bytea UNIQUE,
  state text NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'retrying', 'dead', 'suppressed',
    'superseded', 'expired')),
  reason text,
  attempts integer NOT NULL DEFAULT 0,
  tries integer NOT NULL DEFAULT 0,
  started_at timestamptz,
  next_attempt_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state IN ('pending', 'retrying', 'sending');
CREATE INDEX deliveries_open ON deliveries (target_id, collapse_key, position)
  WHERE state IN ('pending', 'retrying', 'sending');
CREATE INDEX deliveries_started ON deliveries (target_id, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX deliveries_user ON deliveries (user_id, position DESC);
CREATE INDEX deliveries_age ON deliveries USING brin (created_at);
COMMENT ON COLUMN deliveries.idempotency_key IS 'The same message of the same transition to the same target is one row.';
COMMENT ON COLUMN deliveries.tries IS 'Attempts since the delivery was created or asked for again: the step of its schedule.';
COMMENT ON COLUMN deliveries.due_at IS 'When somebody has to look at it again, unless it is finished.';

CREATE TABLE delivery_attempts (
  delivery_id uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  n integer NOT NULL CHECK (n > 0),
  trigger text NOT NULL CHECK (trigger IN ('auto', 'manual', 'test')),
  started_at timestamptz NOT NULL,
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'rejected', 'interrupted')),
  status_code integer,
  detail text CHECK (char_length(detail) <= 1000),
  response_head text CHECK (char_length(response_head) <= 4096),
  PRIMARY KEY (delivery_id, n)
);

CREATE TABLE mail_suppressions (
  address_key bytea PRIMARY KEY CHECK (octet_length(address_key) = 32),
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mail_suppressions IS 'Addresses that a mail server refused for good, by the SHA-256 of the normalised address.';

CREATE TABLE notification_preferences (
  user_id text PRIMARY KEY CHECK (char_length(user_id) BETWEEN 1 AND 255),
  preferences jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE notification_templates (
  user_id text CHECK (char_length(user_id) BETWEEN 1 AND 255),
  name text CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
  subject text NOT NULL,
  text text NOT NULL,
  html text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, name)
);

GRANT SELECT, INSERT, UPDATE ON notification_targets TO rta_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_secrets, deliveries, notification_templates TO rta_app;
GRANT SELECT, INSERT ON delivery_attempts TO rta_app;
GRANT SELECT, INSERT, DELETE ON mail_suppressions TO rta_app;
GRANT SELECT, INSERT, UPDATE ON notification_preferences TO rta_app;
`;

const down = `
DROP TABLE notification_templates, notification_preferences, mail_suppressions, delivery_attempts, deliveries,
  webhook_secrets, notification_targets;
`;

export class Notifications1790000007000 implements MigrationInterface {
  readonly name = 'Notifications1790000007000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
