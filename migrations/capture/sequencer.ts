import { stepFunction } from './step-function.js';

/**
 * Step of the single sequencer, and its lease.
 *
 * Fence. The head row is locked FOR KEY SHARE instead of being updated: while an old snapshot is open somewhere, every
 * update leaves a row version that cannot be removed and that each later step must skip. Measured with one open snapshot:
 * the lock takes 0.08 ms, however long the snapshot lasts; an update takes 0.2 ms at first, 0.8 ms after 21,000 steps, and
 * ever more. Therefore the values that change with every step, the last seq and the saved snapshot, are settings of the
 * leader's session: transactional like a row (a failed step restores them), invisible to other sessions, lost with the
 * session.
 *
 * Claim. Rows are deleted from the outbox when they are numbered, so each is numbered exactly once. They are found by a
 * saved snapshot, so that dead index entries of earlier rows need not be skipped, however long a transaction elsewhere keeps
 * them:
 * (1) Every row visible in the saved snapshot has been claimed. Any other row was written by a transaction that was in
 * progress at that time (xip) or began later (>= xmax): these rows are the candidates, and no row is missed.
 * (2) The saved snapshot is replaced by a newer one, taken before the claim, only if the claim found fewer rows than its
 * limit and so took all rows visible at that time; (1) remains true.
 * (3) Two changes of a key are serialised by its row lock, so the later change has the larger id and does not become visible
 * before the earlier one: batches are in order per key, and ORDER BY id gives the order inside a batch.
 * (4) A full claim took the lowest ids, so the other rows visible in its snapshot have larger ids. The next claims scan the
 * index on id from there and take only rows visible in that snapshot, until a claim is not full; then (2) holds for that
 * snapshot. Without this, every page of a backlog would sort the whole remaining backlog. A new session has no saved
 * snapshot and reads all rows once.
 */
export const createSequencer = `
CREATE FUNCTION is_real_chain(chain text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT split_part(chain, '-', -1) NOT IN ('staking', 'pool2', 'borrowed', 'vesting', 'treasury', 'offers', 'owntokens',
    'doublecounted', 'liquidstaking', 'dcandlsoverlap', 'masterchef') AND chain <> 'all'
$$;
COMMENT ON FUNCTION is_real_chain IS 'Whether a chain counts towards the total of a protocol: neither all nor a pseudo chain.';

${stepFunction(false)}
-- Identifies the history of this database: a restored copy or a promoted standby has another timeline.
CREATE FUNCTION current_timeline() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
$$;
CREATE FUNCTION random_epoch() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT left(replace(gen_random_uuid()::text, '-', ''), 10)
$$;
INSERT INTO log_head (epoch, system_identifier, timeline)
  SELECT random_epoch(), system_identifier::text, current_timeline() FROM pg_control_system();

CREATE FUNCTION newest_seq() RETURNS bigint LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT greatest((SELECT seq FROM log_head), (SELECT seq FROM event_log ORDER BY seq DESC LIMIT 1))
$$;

CREATE FUNCTION new_log_epoch() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  name text;
BEGIN
  PERFORM FROM log_head FOR UPDATE; -- waits for a running step, so that no row of the old epoch follows one of the new epoch
  UPDATE log_head SET epoch = random_epoch(), epoch_start_seq = newest_seq(), seq = newest_seq(), timeline = current_timeline(),
    system_identifier = (SELECT system_identifier::text FROM pg_control_system()) RETURNING epoch INTO name;
  UPDATE log_readers SET seq = newest_seq() WHERE seq > newest_seq();
  RETURN name;
END $$;
COMMENT ON FUNCTION new_log_epoch IS
  'Ends the validity of all cursors. To be called after a restore; the sequencer does it by itself where it can tell.';

CREATE FUNCTION report_log_position(of_epoch text, of_seq bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM FROM log_head WHERE epoch = of_epoch FOR UPDATE;
  IF NOT FOUND OR newest_seq() >= of_seq THEN
    RETURN false;
  END IF;
  PERFORM new_log_epoch();
  RETURN true;
END $$;
COMMENT ON FUNCTION report_log_position IS 'A pod has seen this position: a log that ends before it has stepped back.';

-- Acquires the lease and returns its number; null while another process holds it. Must be called on the leader's connection.
CREATE FUNCTION acquire_log_lease(candidate text, lease_ms integer, known_epoch text, known_seq bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before log_head;
  granted bigint;
BEGIN
  SELECT * INTO before FROM log_head;
  IF before.lease_until > clock_timestamp() AND before.owner <> candidate THEN
    RETURN NULL;
  END IF;
  -- A frozen leader may hold a lock on the head row in a statement whose result it does not read, so its session is terminated.
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = before.leader_pid AND backend_start = before.leader_started_at AND pid <> pg_backend_pid();
  UPDATE log_head SET owner = candidate, lease_epoch = lease_epoch + 1, leader_pid = pg_backend_pid(),
    lease_until = clock_timestamp() + lease_ms * interval '1 ms', seq = newest_seq(),
    leader_started_at = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
  WHERE lease_epoch = before.lease_epoch RETURNING lease_epoch INTO granted;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF before.timeline <> current_timeline()
    OR before.system_identifier <> (SELECT system_identifier::text FROM pg_control_system())
    OR before.epoch = known_epoch AND newest_seq() < known_seq THEN
    PERFORM new_log_epoch();
  END IF;
  PERFORM set_config('rta.head_seq', newest_seq()::text, false), set_config('rta.saved_snapshot', '', false),
    set_config('rta.page_snapshot', '', false);
  RETURN granted;
END $$;

CREATE FUNCTION renew_log_lease(holder text, epoch_of_lease bigint, lease_ms integer) RETURNS boolean LANGUAGE sql AS $$
  WITH renewed AS (
    UPDATE log_head SET lease_until = clock_timestamp() + lease_ms * interval '1 ms'
    WHERE owner = holder AND lease_epoch = epoch_of_lease AND lease_until > '-infinity' RETURNING 1
  ) SELECT EXISTS (SELECT FROM renewed)
$$;

CREATE FUNCTION release_log_lease(holder text, epoch_of_lease bigint) RETURNS boolean LANGUAGE sql AS $$
  WITH released AS (
    UPDATE log_head SET lease_until = '-infinity', owner = NULL, leader_pid = NULL, leader_started_at = NULL
    WHERE owner = holder AND lease_epoch = epoch_of_lease RETURNING 1
  ) SELECT EXISTS (SELECT FROM released)
$$;
`;
