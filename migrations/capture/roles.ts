/**
 * Roles belong to the whole cluster: other databases may have created them, or be creating them at the same time, which the
 * exceptions handle. The migration's login must be able to become each of the roles.
 */
export const createRoles = `
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['rta_app', 'rta_writer', 'rta_reader'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
  FOREACH name IN ARRAY ARRAY['rta_app', 'rta_writer', 'rta_reader'] LOOP
    BEGIN
      IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
        EXECUTE format('GRANT %I TO CURRENT_USER', name);
      END IF;
      IF name <> 'rta_app' AND NOT pg_has_role('rta_app', name, 'MEMBER') THEN
        EXECUTE format('GRANT %I TO rta_app', name);
      END IF;
    EXCEPTION WHEN unique_violation OR internal_error THEN -- "tuple concurrently updated": another session grants it
      NULL;
    END;
  END LOOP;
END $$;
`;

/** Grants each role only the rights it needs. Roles have no access to a new table until a migration grants it. */
export const grantRoles = `
REVOKE ALL ON protocols, protocol_tvl, token_prices, change_thresholds, retired_references, change_outbox, event_log,
  log_head, log_readers FROM PUBLIC;
DO $$
DECLARE
  routine regprocedure;
BEGIN
  FOR routine IN SELECT oid::regprocedure FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND xmin = pg_current_xact_id()::xid -- created by this migration
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO rta_app, rta_writer, rta_reader;

-- Writers: the contract's columns. No capture columns, no DELETE, no TRUNCATE. ON CONFLICT needs SELECT.
GRANT SELECT ON protocols, protocol_tvl, token_prices, change_thresholds TO rta_writer, rta_reader, rta_app;
GRANT INSERT (slug, name, symbol, category, chains, url, metadata, updated_at),
      UPDATE (slug, name, symbol, category, chains, url, metadata, updated_at) ON protocols TO rta_writer;
GRANT INSERT (protocol, chain, tvl, source, confidence, tags, observed_at),
      UPDATE (protocol, chain, tvl, source, confidence, tags, observed_at) ON protocol_tvl TO rta_writer;
GRANT INSERT (token, symbol, chain, price, volume_24h, market_cap, source, confidence, tags, observed_at),
      UPDATE (token, symbol, chain, price, volume_24h, market_cap, source, confidence, tags, observed_at)
      ON token_prices TO rta_writer;
GRANT INSERT, UPDATE ON change_thresholds TO rta_writer;
GRANT EXECUTE ON FUNCTION threshold_of(text, text), is_real_chain(text), are_chains(text[]), are_tags(text[])
  TO rta_writer, rta_reader, rta_app;

GRANT SELECT ON delivered_events TO rta_reader, rta_app;

-- Application: the rights of rta_writer (it is a member), all columns of thresholds, and the log.
GRANT DELETE ON change_thresholds TO rta_app;
GRANT SELECT, INSERT, DELETE ON change_outbox TO rta_app;
GRANT SELECT, INSERT ON event_log TO rta_app;
GRANT SELECT, UPDATE ON log_head TO rta_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON log_readers TO rta_app;
GRANT EXECUTE ON FUNCTION append_events(jsonb), sequencer_step(text, bigint, integer), event_log_bounds(),
  read_event_log(bigint, bigint, integer, text[], text, text, text, boolean, text), report_log_position(text, bigint),
  new_log_epoch(), lock_log_reader(text, boolean), acquire_log_lease(text, integer, text, bigint),
  renew_log_lease(text, bigint, integer), release_log_lease(text, bigint), maintain_event_log(double precision, bigint)
  TO rta_app;
`;
