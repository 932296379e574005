import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Quiet hours of single rules, and limits for tables that grew without end: the most recent versions of a rule are kept;
 * versions of deleted rules and audit entries are kept until they reach an age. The application triggers the deletion but
 * does not choose the rows, so it cannot delete recent ones.
 */
const up = `
ALTER TABLE alert_rules ADD COLUMN quiet_hours jsonb;
COMMENT ON COLUMN alert_rules.quiet_hours IS 'Of its messages: an object, never as a string, or null for those of its user.';

-- The version that an evaluator still uses is kept, too.
CREATE FUNCTION keep_newest_rule_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM alert_rule_versions v WHERE v.rule_id = NEW.rule_id AND v.version <= NEW.version - 100
    AND v.version IS DISTINCT FROM (SELECT s.rule_version FROM alert_rule_state s WHERE s.rule_id = NEW.rule_id);
  RETURN NULL;
END $$;
CREATE TRIGGER alert_rule_versions_newest AFTER INSERT ON alert_rule_versions
  FOR EACH ROW WHEN (NEW.version > 100) EXECUTE FUNCTION keep_newest_rule_versions();

CREATE INDEX alert_rule_versions_deleted ON alert_rule_versions (user_id, changed_at DESC) WHERE change = 'deleted';
CREATE FUNCTION end_rule_versions(days double precision) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH ended AS (
    SELECT rule_id FROM (
      SELECT rule_id, changed_at, row_number() OVER (PARTITION BY user_id ORDER BY changed_at DESC) AS place
      FROM alert_rule_versions WHERE change = 'deleted') deleted
    WHERE place > 1000 OR changed_at < now() - greatest(days, 1) * interval '1 day' LIMIT 1000
  ), gone AS (DELETE FROM alert_rule_versions v USING ended WHERE v.rule_id = ended.rule_id RETURNING v.rule_id)
  SELECT count(DISTINCT rule_id)::integer FROM gone
$$;
COMMENT ON TABLE alert_rule_versions IS 'The audit of rules: the newest 100 versions of each, and who made them, until some time after its end.';

DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
  FOR EACH ROW WHEN (OLD.at > now() - interval '30 days') EXECUTE FUNCTION refuse_audit_change();
CREATE FUNCTION end_audit_lines(days double precision) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH gone AS (DELETE FROM audit_log WHERE id IN (
    SELECT id FROM audit_log WHERE at < now() - greatest(days, 30) * interval '1 day' LIMIT 5000) RETURNING id)
  SELECT count(*)::integer FROM gone
$$;

REVOKE ALL ON FUNCTION keep_newest_rule_versions(), end_rule_versions(double precision), end_audit_lines(double precision)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_rule_versions(double precision), end_audit_lines(double precision) TO rta_app;
`;

const down = `
DROP FUNCTION end_audit_lines(double precision);
DROP TRIGGER audit_log_kept ON audit_log;
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
DROP FUNCTION end_rule_versions(double precision);
DROP INDEX alert_rule_versions_deleted;
DROP TRIGGER alert_rule_versions_newest ON alert_rule_versions;
DROP FUNCTION keep_newest_rule_versions();
ALTER TABLE alert_rules DROP COLUMN quiet_hours;
`;

export class RuleSchedules1790000017100 implements MigrationInterface {
  readonly name = 'RuleSchedules1790000017100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
