/**
 * Functions on the partitions of `onchain_logs`, which only their owner may create and drop, and the lease of a chain.
 */
export const onchainFunctions = `
-- Creates the partitions of each day up to \`until\`; returns their number.
CREATE FUNCTION prepare_onchain_logs(until timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  day timestamptz := date_trunc('day', now());
  name text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('onchain_logs'));
  WHILE day < least(until, now() + interval '60 days') LOOP
    name := 'onchain_logs_' || to_char(day, 'YYYYMMDD');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE onchain_logs INCLUDING ALL)', name);
      EXECUTE format('ALTER TABLE onchain_logs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, day, day + interval '1 day');
      made := made + 1;
    END IF;
    day := day + interval '1 day';
  END LOOP;
  RETURN made;
END $$;

-- Drops the partitions of days that ended before \`before\`, but none with a canonical row that is not final or not projected.
-- Returns each old partition with the reason why it stays; null if it was dropped.
CREATE FUNCTION retire_onchain_logs(before timestamptz) RETURNS TABLE (partition text, kept text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
  part record;
  waiting text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('onchain_logs'));
  FOR part IN SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'onchain_logs'::regclass ORDER BY c.relname
  LOOP
    CONTINUE WHEN to_date(right(part.name, 8), 'YYYYMMDD') + 1 > (before AT TIME ZONE 'UTC')::date;
    waiting := NULL;
    EXECUTE format($q$
      SELECT CASE WHEN l.block_number > s.block OR (l.block_number = s.block AND l.log_index > s.log)
          THEN 'unprocessed' ELSE 'not final' END || ' events of ' || h.name || ' from block ' || l.block_number
      FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain
        JOIN onchain_contracts c ON c.stream = s.id
        CROSS JOIN LATERAL (SELECT p.block_number, p.log_index FROM %I p WHERE p.contract = c.id AND p.canonical
          AND (p.block_number > least(s.block, h.final_number) OR (p.block_number = s.block AND p.log_index > s.log))
          ORDER BY p.block_number, p.log_index LIMIT 1) l
      LIMIT 1$q$, part.name) INTO waiting;
    IF waiting IS NULL THEN EXECUTE format('DROP TABLE %I', part.name); END IF;
    partition := part.name;
    kept := waiting;
    RETURN NEXT;
  END LOOP;
END $$;

-- Acquires or renews a chain's lease by the database's clock; null if another process holds it. A new owner gets a new epoch,
-- so a process that lost the lease without noticing cannot commit.
CREATE FUNCTION acquire_chain_lease(of_chain smallint, by_owner text, lease_ms integer) RETURNS bigint
LANGUAGE sql SET search_path = public, pg_temp AS $$
  UPDATE onchain_chains SET leader = by_owner,
    leader_epoch = leader_epoch + CASE WHEN leader = by_owner AND lease_until >= clock_timestamp() THEN 0 ELSE 1 END,
    lease_until = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
  WHERE id = of_chain AND (leader IS NULL OR leader = by_owner OR lease_until < clock_timestamp())
  RETURNING leader_epoch
$$;

SELECT prepare_onchain_logs(now() + interval '14 days');
REVOKE ALL ON FUNCTION prepare_onchain_logs(timestamptz), retire_onchain_logs(timestamptz),
  acquire_chain_lease(smallint, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prepare_onchain_logs(timestamptz), retire_onchain_logs(timestamptz),
  acquire_chain_lease(smallint, text, integer) TO rta_app;
`;

export const dropOnchainFunctions = `
DROP FUNCTION acquire_chain_lease(smallint, text, integer), retire_onchain_logs(timestamptz), prepare_onchain_logs(timestamptz);
`;
