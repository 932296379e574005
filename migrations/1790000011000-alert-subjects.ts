import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Throttles per subject, and the evaluator's state of suppressed messages. Existing rules keep their throttle per rule.
 * Existing firings of `crossing` rules without a message count as notified, so that the upgrade sends nothing.
 */
const up = `
ALTER TABLE alert_rules ADD COLUMN throttle_scope text NOT NULL DEFAULT 'rule' CHECK (throttle_scope IN ('subject', 'rule'));
ALTER TABLE alert_rules ALTER COLUMN throttle_scope SET DEFAULT 'subject';

ALTER TABLE alert_rule_state ADD COLUMN held_back jsonb;
COMMENT ON COLUMN alert_rule_state.held_back IS 'The firings that the throttle keeps back, as the summary names them.';

ALTER TABLE alert_instances
  ADD COLUMN owed boolean NOT NULL DEFAULT false,
  ADD COLUMN assumed boolean NOT NULL DEFAULT false,
  ADD COLUMN quiet jsonb;
UPDATE alert_instances i SET assumed = true FROM alert_rules r
WHERE r.rule_id = i.rule_id AND r.mode = 'crossing' AND i.phase = 'firing' AND NOT i.told;
COMMENT ON COLUMN alert_instances.owed IS 'The owner believes that it fires; that it ended is still to be told.';
COMMENT ON COLUMN alert_instances.assumed IS 'It fired when its rule was made: a crossing is still to come.';
COMMENT ON COLUMN alert_instances.quiet IS 'A throttle of its own, what that keeps back, and when it changed lately.';

ALTER TABLE alert_transitions ADD COLUMN grouped jsonb;
COMMENT ON COLUMN alert_transitions.grouped IS 'Where one row stands for many of a minute: count, first and last value, subjects.';
GRANT UPDATE (grouped) ON alert_transitions TO rta_app;
`;

const down = `
REVOKE UPDATE (grouped) ON alert_transitions FROM rta_app;
ALTER TABLE alert_transitions DROP COLUMN grouped;
DELETE FROM alert_instances WHERE leaves = 0 AND phase = 'ok';
ALTER TABLE alert_instances DROP COLUMN owed, DROP COLUMN assumed, DROP COLUMN quiet;
ALTER TABLE alert_rule_state DROP COLUMN held_back;
ALTER TABLE alert_rules DROP COLUMN throttle_scope;
`;

export class AlertSubjects1790000011000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
