import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Alert rules, the state of their evaluator, and the alerts.
 *
 * The edits of a shard's rules are numbered under the row lock of `alert_shards`, so that they are committed in the order of
 * their numbers: an evaluator that has applied edit n has seen every previous edit. The evaluator's state is written by the
 * process that holds the shard's lease, in the transaction that moves the position in the log.
 */
const up = `
CREATE TABLE alert_shards (
  shard smallint PRIMARY KEY,
  rules_revision bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE alert_shards IS 'rules_revision counts the edits of the rules of each shard.';

CREATE TABLE alert_leases (
  shard smallint PRIMARY KEY REFERENCES alert_shards (shard),
  owner text,
  term bigint NOT NULL DEFAULT 0,
  held_until timestamptz NOT NULL DEFAULT '-infinity',
  clock timestamptz
);
COMMENT ON COLUMN alert_leases.term IS 'Grows with every change of owner: what an earlier owner still writes is refused.';
COMMENT ON COLUMN alert_leases.clock IS 'Time of the last tick of the log before the shard''s position.';

CREATE TABLE alert_workers (
  owner text PRIMARY KEY,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE alert_workers IS 'Processes that would take shards, so that each takes its share only.';

INSERT INTO alert_shards (shard) SELECT generate_series(0, 3);
INSERT INTO alert_leases (shard) SELECT shard FROM alert_shards;

CREATE TABLE alert_rules (
  rule_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  user_id text NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 255),
  shard smallint NOT NULL GENERATED ALWAYS AS ((hashtextextended(user_id, 0) & 3)::smallint) STORED,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  description text CHECK (char_length(description) <= 2000),
  conditions jsonb NOT NULL CHECK (jsonb_typeof(conditions) = 'array'),
  where_tree jsonb,
  actions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(actions) = 'array'),
  throttle_minutes integer NOT NULL DEFAULT 5 CHECK (throttle_minutes >= 0),
  mode text NOT NULL DEFAULT 'while_true' CHECK (mode IN ('while_true', 'crossing', 'once')),
  hysteresis double precision NOT NULL DEFAULT 0 CHECK (hysteresis >= 0),
  for_seconds integer NOT NULL DEFAULT 0 CHECK (for_seconds >= 0),
  notify_resolved boolean NOT NULL DEFAULT false,
  priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high', 'critical')),
  is_active boolean NOT NULL DEFAULT true,
  snoozed_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_triggered_at timestamptz,
  version integer NOT NULL DEFAULT 1
) WITH (fillfactor = 80);
CREATE INDEX alert_rules_user ON alert_rules (user_id, position);
CREATE INDEX alert_rules_active ON alert_rules (shard, rule_id) WHERE is_active;

CREATE TABLE alert_rule_edits (
  shard smallint NOT NULL REFERENCES alert_shards (shard),
  revision bigint NOT NULL,
  rule_id uuid NOT NULL,
  PRIMARY KEY (shard, revision)
);
COMMENT ON TABLE alert_rule_edits IS 'Rules that were made, changed or deleted; removed once the shard''s owner knows.';

CREATE TABLE alert_rule_versions (
  rule_id uuid NOT NULL,
  version integer NOT NULL,
  user_id text NOT NULL,
  change text NOT NULL CHECK (change IN ('created', 'changed', 'deleted')),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by text NOT NULL,
  rule jsonb NOT NULL,
  PRIMARY KEY (rule_id, version)
);
COMMENT ON TABLE alert_rule_versions IS 'The audit of rules: every version that ever held, and who made it. Append-only.';

CREATE TABLE alert_rule_creations (
  user_id text,
  idempotency_key text CHECK (char_length(idempotency_key) <= 200),
  body_hash text NOT NULL,
  rule_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, idempotency_key)
);
CREATE INDEX alert_rule_creations_age ON alert_rule_creations (created_at);
COMMENT ON TABLE alert_rule_creations IS 'Idempotency keys of new rules, kept for a day.';

CREATE TABLE alert_rule_state (
  rule_id uuid PRIMARY KEY REFERENCES alert_rules (rule_id) ON DELETE CASCADE,
  rule_version integer NOT NULL,
  seq bigint NOT NULL,
  throttled_until timestamptz,
  suppressed integer NOT NULL,
  spent boolean NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE alert_instances (
  rule_id uuid NOT NULL REFERENCES alert_rules (rule_id) ON DELETE CASCADE,
  instance_key text NOT NULL,
  leaves integer NOT NULL,
  phase text NOT NULL CHECK (phase IN ('ok', 'pending', 'firing')),
  since timestamptz NOT NULL,
  told boolean NOT NULL,
  PRIMARY KEY (rule_id, instance_key)
) WITH (fillfactor = 70);
COMMENT ON TABLE alert_instances IS 'What of a rule is not at rest: the rule itself, or one protocol, chain or token of it.';

CREATE TABLE alert_transitions (
  id uuid PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  user_id text NOT NULL,
  rule_id uuid NOT NULL,
  rule_version integer NOT NULL,
  instance_key text NOT NULL,
  seq bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('fired', 'resolved', 'summary')),
  reason text NOT NULL,
  at timestamptz NOT NULL,
  alert jsonb NOT NULL,
  outcome jsonb NOT NULL,
  evaluated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT alert_transitions_once UNIQUE (rule_id, instance_key, seq)
);
CREATE INDEX alert_transitions_user ON alert_transitions (user_id, position);
CREATE INDEX alert_transitions_rule ON alert_transitions (rule_id, position);
CREATE INDEX alert_transitions_recent ON alert_transitions (rule_id, instance_key, at);
CREATE INDEX alert_transitions_at ON alert_transitions USING brin (at);
COMMENT ON COLUMN alert_transitions.alert IS 'As its owner was told: the fields of the alert event, explanation included.';
COMMENT ON COLUMN alert_transitions.outcome IS 'How it was told: number of messages, or why there were none.';

GRANT SELECT ON alert_shards TO rta_app;
GRANT UPDATE (rules_revision) ON alert_shards TO rta_app;
GRANT SELECT ON alert_leases TO rta_app;
GRANT UPDATE (owner, term, held_until, clock) ON alert_leases TO rta_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_workers, alert_rules, alert_rule_state, alert_instances TO rta_app;
GRANT SELECT, INSERT, DELETE ON alert_rule_edits, alert_rule_creations, alert_transitions TO rta_app;
GRANT SELECT, INSERT ON alert_rule_versions TO rta_app;
`;

const down = `
DROP TABLE alert_transitions, alert_instances, alert_rule_state, alert_rule_creations, alert_rule_versions,
  alert_rule_edits, alert_rules, alert_workers, alert_leases, alert_shards;
DELETE FROM log_readers WHERE name LIKE 'alerts:%';
`;

export class Alerts1790000006000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
