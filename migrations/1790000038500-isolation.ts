import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables whose rows name their user. */
const OF_USERS = [
  'alert_rules',
  'alert_rule_versions',
  'alert_transitions',
  'deliveries',
  'notification_targets',
  'notification_preferences',
  'notification_templates',
];

/** Tables whose rows belong to the user of a row of another table. */
const OF_ROWS = [
  { table: 'alert_rule_state', column: 'rule_id', parent: 'alert_rules', key: 'rule_id' },
  { table: 'alert_instances', column: 'rule_id', parent: 'alert_rules', key: 'rule_id' },
  { table: 'webhook_secrets', column: 'target_id', parent: 'notification_targets', key: 'id' },
  { table: 'delivery_attempts', column: 'delivery_id', parent: 'deliveries', key: 'id' },
];

const GUARDED = [...OF_USERS, ...OF_ROWS.map(({ table }) => table), 'event_log'];

const USER = `nullif(current_setting('rta.user_id', true), '')`;

/**
 * Role of the process's own work. Roles belong to the whole cluster: other databases may create or grant them at the same time.
 * Logins of the server, which are members of rta_app, become members of the new role; where the version has a choice they do not
 * inherit it, so that such a login reads nobody's rows until it takes the role.
 */
const roles = `
DO $$
DECLARE
  login record;
  choice text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
  may_take text := CASE choice WHEN '' THEN 'MEMBER' ELSE 'SET' END;
BEGIN
  BEGIN
    IF to_regrole('rta_worker') IS NULL THEN CREATE ROLE rta_worker NOLOGIN; END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  FOR login IN
    SELECT 'rta_worker' AS name, 'rta_app' AS role WHERE NOT pg_has_role('rta_worker', 'rta_app', 'USAGE')
    UNION ALL SELECT rolname, role FROM pg_roles, unnest(ARRAY['rta_app', 'rta_worker']) AS role
      WHERE rolname = current_user AND NOT pg_has_role(rolname, role, may_take)
    UNION ALL SELECT r.rolname, 'rta_worker' FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
      WHERE m.roleid = 'rta_app'::regrole AND r.rolcanlogin AND r.rolname <> current_user
        AND NOT pg_has_role(r.oid, 'rta_worker', 'MEMBER')
  LOOP
    BEGIN
      EXECUTE format('GRANT %I TO %I%s', login.role, login.name, CASE WHEN login.name <> 'rta_worker' THEN choice ELSE '' END);
    EXCEPTION WHEN unique_violation OR internal_error THEN -- "tuple concurrently updated": another session grants it
      NULL;
    END;
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('This login must not create or grant roles; as an '
    'administrator run CREATE ROLE rta_worker NOLOGIN; GRANT rta_app TO rta_worker; GRANT rta_app, rta_worker TO %I; and repeat '
    'the migration.', current_user);
END $$;
`;

const up = `
${roles}
CREATE FUNCTION unproven_targets(of_key bytea) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*) FROM notification_targets WHERE target_key = of_key AND status = 'pending'
$$;
COMMENT ON FUNCTION unproven_targets IS 'Number of users, over all, who wait for the confirmation of one address.';
REVOKE ALL ON FUNCTION unproven_targets FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unproven_targets TO rta_app;
ALTER FUNCTION event_log_bounds() SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION newest_seq() SECURITY DEFINER SET search_path = public, pg_temp;
${OF_USERS.map(
  (table) => `
CREATE POLICY own ON ${table} TO rta_app USING (user_id = ${USER});
CREATE POLICY administrators ON ${table} FOR SELECT TO rta_app USING (current_setting('rta.role', true) = 'admin');`,
).join('')}
${OF_ROWS.map(
  ({ table, column, parent, key }) => `
CREATE POLICY own ON ${table} TO rta_app
  USING (EXISTS (SELECT FROM ${parent} p WHERE p.${key} = ${table}.${column} AND p.user_id = ${USER}));
CREATE POLICY administrators ON ${table} FOR SELECT TO rta_app USING (current_setting('rta.role', true) = 'admin');`,
).join('')}

-- Rows without an owner are for everybody.
CREATE POLICY own ON event_log FOR SELECT USING (owner IS NULL OR owner = ${USER});
CREATE POLICY administrators ON event_log FOR SELECT TO rta_app USING (current_setting('rta.role', true) = 'admin');
${GUARDED.map(
  (table) => `
CREATE POLICY workers ON ${table} TO rta_worker USING (true);
CREATE POLICY definers ON ${table} TO CURRENT_USER USING (current_setting('role') <> 'none');
ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;`,
).join('')}
`;

const down = `
${GUARDED.map(
  (table) => `
ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
DROP POLICY definers ON ${table};
DROP POLICY workers ON ${table};
DROP POLICY administrators ON ${table};
DROP POLICY own ON ${table};`,
).join('')}
DROP FUNCTION unproven_targets(bytea);
ALTER FUNCTION event_log_bounds() SECURITY INVOKER RESET search_path;
ALTER FUNCTION newest_seq() SECURITY INVOKER RESET search_path;
`;

/**
 * Row-level security on the rows of users, as a second wall behind the conditions of the statements. It is forced, so that it
 * holds for an owner without the attribute BYPASSRLS, too: such an owner sees the rows only in its functions and views that a
 * session with another role uses. A later migration that changes rows of these tables therefore lifts FORCE meanwhile.
 */
export class Isolation1790000038500 implements MigrationInterface {
  readonly name = 'Isolation1790000038500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  /** Leaves the role: it belongs to the whole cluster, and other databases in it may need it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
