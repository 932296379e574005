import { readFunction } from './read-function.js';

/**
 * Partitions of six hours, reading functions, and positions of readers. Creating partitions requires the owner of the
 * tables, so the maintenance function runs as the migration's role and does nothing else.
 */
export const createLog = `
CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;
CREATE UNIQUE INDEX event_log_default_seq ON event_log_default (seq);

CREATE FUNCTION add_log_partition(starts timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part text := to_char(starts AT TIME ZONE 'UTC', '"event_log_"YYYYMMDD"_"HH24');
  ends timestamptz := starts + interval '6 hours';
BEGIN
  EXECUTE format('CREATE TABLE %I (LIKE event_log INCLUDING ALL)', part);
  EXECUTE format('CREATE UNIQUE INDEX %I ON %I (seq)', part || '_seq', part);
  -- Rows that were inserted into the default partition while this one was missing.
  EXECUTE format('WITH caught AS (DELETE FROM event_log_default WHERE logged_at >= %L AND logged_at < %L RETURNING *)
    INSERT INTO %I SELECT * FROM caught', starts, ends, part);
  EXECUTE format('ALTER TABLE event_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, starts, ends);
END $$;

/* Creates partitions for the next 30 hours. Drops partitions, the oldest first, that are older than keep_hours or while all
   together exceed keep_bytes, but none that a reader has not read to its end. A partition that is in use is left for the
   next call: no session waits for this function longer than its lock_timeout. */
CREATE FUNCTION maintain_event_log(keep_hours double precision, keep_bytes bigint, OUT made integer, OUT dropped integer,
  OUT held_by text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '200ms'
SET timezone = 'UTC'
AS $$
DECLARE
  first_start timestamptz := date_bin('6 hours', clock_timestamp(), '2000-01-01');
  starts timestamptz;
  part record;
  total numeric;
  last_seq bigint;
  reader record;
BEGIN
  made := 0;
  dropped := 0;
  FOR starts IN SELECT generate_series(first_start, first_start + interval '30 hours', interval '6 hours') LOOP
    IF to_regclass(to_char(starts, '"event_log_"YYYYMMDD"_"HH24')) IS NULL THEN
      BEGIN
        PERFORM add_log_partition(starts);
        made := made + 1;
      EXCEPTION WHEN lock_not_available OR duplicate_table THEN
        NULL;
      END;
    END IF;
  END LOOP;

  SELECT sum(pg_total_relation_size(inhrelid)) INTO total FROM pg_inherits WHERE inhparent = 'event_log'::regclass;
  SELECT r.name, r.seq INTO reader FROM log_readers r ORDER BY r.seq LIMIT 1;
  FOR part IN
    SELECT c.oid, c.relname AS name, pg_total_relation_size(c.oid) AS bytes,
      to_timestamp(right(c.relname, 11) || ':00+00', 'YYYYMMDD_HH24:MITZH') + interval '6 hours' AS ends
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event_log'::regclass AND c.relname ~ '^event_log_[0-9]{8}_[0-9]{2}$'
    ORDER BY c.relname
  LOOP
    EXIT WHEN part.ends > first_start; -- never the partition that is being written
    EXIT WHEN part.ends >= clock_timestamp() - keep_hours * interval '1 hour' AND total <= keep_bytes;
    EXECUTE format('SELECT max(seq) FROM %I', part.name) INTO last_seq;
    IF last_seq > reader.seq THEN
      held_by := reader.name;
      EXIT;
    END IF;
    BEGIN
      -- The lower bound of the head must remain after the rows are dropped.
      UPDATE log_head SET seq = greatest(seq, last_seq) WHERE seq < last_seq;
      EXECUTE format('DROP TABLE %I', part.name);
      dropped := dropped + 1;
      total := total - part.bytes;
    EXCEPTION WHEN lock_not_available THEN
      EXIT; -- partitions are dropped in order only
    END;
  END LOOP;
END $$;

CREATE FUNCTION event_log_bounds(OUT epoch text, OUT epoch_start_seq bigint, OUT first_seq bigint, OUT head_seq bigint)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT h.epoch, h.epoch_start_seq,
    coalesce((SELECT seq FROM event_log ORDER BY seq LIMIT 1), greatest(h.seq, 0) + 1),
    greatest(h.seq, (SELECT seq FROM event_log ORDER BY seq DESC LIMIT 1))
  FROM log_head h
$$;

${readFunction(false)}

-- Returns the position of a reader and locks it until the end of the transaction; null while another session holds the lock.
CREATE FUNCTION lock_log_reader(reader text, at_newest boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  position bigint;
BEGIN
  SELECT r.seq INTO position FROM log_readers r WHERE r.name = reader FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    RETURN position;
  END IF;
  INSERT INTO log_readers (name, epoch, seq)
  SELECT reader, b.epoch, CASE WHEN at_newest THEN b.head_seq ELSE b.first_seq - 1 END FROM event_log_bounds() b
  WHERE NOT EXISTS (SELECT FROM log_readers r WHERE r.name = reader)
  ON CONFLICT (name) DO NOTHING RETURNING seq INTO position;
  RETURN position;
END $$;

SELECT maintain_event_log(1e6, 9e18::bigint);
`;
