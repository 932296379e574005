import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Data that is read right before a message is sent: its rules, the preferences of its user, and the mail server's reply for
 * its address.
 *
 * From now on only a refusal of the mailbox itself (5.1.x) suppresses an address; addresses suppressed for another reason
 * are released. A mailbox is one target, whatever the case of its name.
 */
const up = `
ALTER TABLE deliveries ADD COLUMN rule_ids uuid[], ADD COLUMN asked boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN deliveries.rule_ids IS 'The rules it speaks of; sent only while one of them wants it. NULL: no rule is asked.';
COMMENT ON COLUMN deliveries.asked IS 'Its user asked for it by hand, so it waits for no quiet hours and no digest.';
UPDATE deliveries SET rule_ids = ARRAY[(data ->> 'ruleId')::uuid]
WHERE state IN ('pending', 'retrying', 'sending') AND type LIKE 'alert.%'
  AND data ->> 'ruleId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
UPDATE deliveries SET reason = CASE WHEN digest THEN 'digest' ELSE 'quiet_hours' END
WHERE state = 'pending' AND reason IS NULL AND attempts = 0 AND next_attempt_at > now() AND type LIKE 'alert.%';
CREATE INDEX deliveries_open_rules ON deliveries USING gin (rule_ids)
  WHERE state IN ('pending', 'retrying', 'sending') AND rule_ids IS NOT NULL;
CREATE INDEX deliveries_open_users ON deliveries (user_id) WHERE state IN ('pending', 'retrying', 'sending');
CREATE INDEX deliveries_subjects ON deliveries (target_id, collapse_key, position DESC)
  WHERE type IN ('alert.fired', 'alert.resolved');

ALTER TABLE notification_targets ADD COLUMN status_detail text CHECK (char_length(status_detail) <= 1000),
  ADD COLUMN status_since timestamptz;
CREATE INDEX notification_targets_key ON notification_targets (target_key);
COMMENT ON COLUMN notification_targets.status_detail IS 'Of a bounced address the words of the mail server.';

UPDATE notification_targets t SET status = 'disabled', status_reason = 'bounced', status_detail = left(s.reason, 1000),
  status_since = s.created_at
FROM mail_suppressions s WHERE s.address_key = t.target_key AND t.channel = 'email' AND t.status <> 'disabled'
  AND s.reason ~ '(^|[ -])5\\.1\\.(0|1|2|3|4|5|6|9|10)([^0-9]|$)';
DROP TABLE mail_suppressions;

UPDATE notification_targets t SET target_key = one.key
FROM (SELECT DISTINCT ON (user_id, lower(target)) id, sha256(convert_to(lower(target), 'UTF8')) AS key
      FROM notification_targets WHERE channel = 'email'
      ORDER BY user_id, lower(target), target <> lower(target), status = 'active' DESC, created_at) one
WHERE t.id = one.id AND t.target_key <> one.key;
`;

const down = `
DROP INDEX notification_targets_key;
DROP INDEX deliveries_subjects, deliveries_open_users, deliveries_open_rules;
ALTER TABLE deliveries DROP COLUMN rule_ids, DROP COLUMN asked;
UPDATE notification_targets SET target_key = sha256(convert_to(target, 'UTF8')) WHERE channel = 'email';
CREATE TABLE mail_suppressions (
  address_key bytea PRIMARY KEY CHECK (octet_length(address_key) = 32),
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO mail_suppressions (address_key, reason)
SELECT DISTINCT ON (target_key) target_key, coalesce(status_detail, 'bounced') FROM notification_targets
WHERE status_reason = 'bounced';
GRANT SELECT, INSERT, DELETE ON mail_suppressions TO rta_app;
ALTER TABLE notification_targets DROP COLUMN status_detail, DROP COLUMN status_since;
`;

export class Sending1790000013000 implements MigrationInterface {
  readonly name = 'Sending1790000013000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
