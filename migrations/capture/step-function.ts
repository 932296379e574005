/**
 * Returns the SQL of the function of a step. `isBounded`: its rows have at most `most_bytes` of data together, but it always
 * takes the first row with data. A step that leaves rows for that reason is full, like one with `most` rows.
 */
export function stepFunction(isBounded: boolean): string {
  const bytes = isBounded ? ', o.data_bytes' : '';
  const claimed = isBounded
    ? `SELECT array_agg(at) FILTER (WHERE fits), max(id) FILTER (WHERE fits), NOT bool_and(fits) OR count(*) = most
    INTO chosen, last_id, is_full FROM (SELECT at, id, before = 0 OR before + coalesce(data_bytes, 0) <= most_bytes AS fits
      FROM (SELECT *, coalesce(sum(data_bytes) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before`
    : 'SELECT array_agg(at), max(id) INTO chosen, last_id';
  const weighed = isBounded ? ') AS weighed) AS found' : '';
  return `
CREATE FUNCTION sequencer_step(leader text, epoch_of_lease bigint, most integer${isBounded ? ', most_bytes bigint DEFAULT 9e18' : ''})
RETURNS TABLE (seq double precision, epoch text, type text, protocol text, chain text, token text,
  previous double precision, current double precision, moved double precision, protocol_tvl double precision,
  name text, category text, symbol text, volume_24h double precision, market_cap double precision, data jsonb,
  source text, confidence real, tags text[], observed_at double precision, captured_at double precision,
  logged_at double precision, owner text, correlation_id text, trace_parent text)
LANGUAGE plpgsql
-- A plan is cached for the session, perhaps from estimates on empty tables: these settings prevent plans that scan a whole
-- table or join a batch with itself by a nested loop.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_nestloop = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  -- '1:1:' is older than every transaction, so all rows are candidates.
  saved pg_snapshot := coalesce(nullif(current_setting('rta.saved_snapshot', true), ''), '1:1:')::pg_snapshot;
  newer pg_snapshot := pg_current_snapshot();
  -- Set while a backlog is processed page by page.
  page_of pg_snapshot := nullif(current_setting('rta.page_snapshot', true), '')::pg_snapshot;
  page_after bigint := nullif(current_setting('rta.page_after', true), '')::bigint;
  head bigint := nullif(current_setting('rta.head_seq', true), '')::bigint;
  head_epoch text;
  chosen tid[];
  last_id bigint;${isBounded ? '\n  is_full boolean;' : ''}
  now_logged timestamptz;
BEGIN
  IF page_of IS NOT NULL THEN
    ${claimed} FROM (
      SELECT o.ctid AS at, o.id${bytes} FROM change_outbox o
      WHERE o.id > page_after AND pg_visible_in_snapshot(o.txid, page_of) ORDER BY o.id LIMIT most
    ) AS candidate${weighed};
    IF chosen IS NULL THEN
      saved := page_of;
      page_of := NULL;
    END IF;
  END IF;
  IF page_of IS NULL THEN
    ${claimed} FROM (
      SELECT o.ctid AS at, o.id${bytes} FROM change_outbox o WHERE o.txid >= pg_snapshot_xmax(saved)
      UNION ALL
      SELECT o.ctid, o.id${bytes} FROM change_outbox o WHERE o.txid = ANY (ARRAY(SELECT pg_snapshot_xip(saved)))
      ORDER BY id LIMIT most
    ) AS candidate${weighed};
  END IF;

  IF chosen IS NOT NULL THEN
    SELECT h.epoch INTO head_epoch FROM log_head h
    WHERE h.owner = leader AND h.lease_epoch = epoch_of_lease FOR KEY SHARE;
    IF NOT FOUND OR head IS NULL THEN
      RAISE EXCEPTION 'not the leader of the event log' USING ERRCODE = 'RT001';
    END IF;
  END IF;
  IF ${isBounded ? 'is_full' : 'cardinality(chosen) = most'} THEN
    PERFORM set_config('rta.page_snapshot', coalesce(page_of, newer)::text, false),
      set_config('rta.page_after', last_id::text, false);
  ELSE
    PERFORM set_config('rta.saved_snapshot', coalesce(page_of, newer)::text, false),
      set_config('rta.page_snapshot', '', false);
  END IF;
  IF chosen IS NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('rta.head_seq', (head + cardinality(chosen))::text, false);

  now_logged := clock_timestamp();
  RETURN QUERY
  WITH claimed AS (
    DELETE FROM change_outbox o WHERE o.ctid = ANY (chosen) RETURNING o.*
  ), total AS (
    -- Published values in this statement's snapshot; a row that was never updated has published its current value.
    SELECT t.protocol, coalesce(sum(coalesce(t.published_value, t.tvl)) FILTER (WHERE is_real_chain(t.chain)),
                                sum(coalesce(t.published_value, t.tvl)) FILTER (WHERE t.chain = 'all')) AS value
    FROM protocol_tvl t
    WHERE t.protocol = ANY (ARRAY(SELECT DISTINCT c.protocol FROM claimed c WHERE c.type IN ('tvl_change', 'tvl_baseline')))
    GROUP BY t.protocol
  ), listed AS (
    SELECT p.slug, p.name, p.category FROM protocols p WHERE p.slug = ANY (ARRAY(SELECT DISTINCT c.protocol FROM claimed c))
  ), written AS (
    INSERT INTO event_log (seq, epoch, type, protocol, chain, token, previous, current, moved, protocol_tvl, name, category,
      symbol, volume_24h, market_cap, data, source, confidence, tags, observed_at, captured_at, logged_at, owner,
      correlation_id, trace_parent${isBounded ? ', data_bytes' : ''})
    SELECT head + row_number() OVER (ORDER BY c.id), head_epoch, c.type, c.protocol, c.chain, c.token, c.previous, c.current,
      c.moved, CASE WHEN c.type IN ('tvl_change', 'tvl_baseline') THEN total.value END, listed.name, listed.category, c.symbol,
      c.volume_24h, c.market_cap, c.data, c.source, c.confidence, c.tags, c.observed_at, c.captured_at, now_logged, c.owner,
      c.correlation_id, c.trace_parent${isBounded ? ', c.data_bytes' : ''}
    FROM claimed c LEFT JOIN total ON total.protocol = c.protocol LEFT JOIN listed ON listed.slug = c.protocol
    ORDER BY c.id
    RETURNING event_log.*
  )
  SELECT w.seq::float8, w.epoch, w.type, w.protocol, w.chain, w.token, w.previous, w.current, w.moved, w.protocol_tvl,
    w.name, w.category, w.symbol, w.volume_24h, w.market_cap, w.data, w.source, w.confidence, nullif(w.tags, '{}'),
    date_part('epoch', w.observed_at) * 1000, date_part('epoch', w.captured_at) * 1000,
    date_part('epoch', w.logged_at) * 1000, w.owner, w.correlation_id, w.trace_parent
  FROM written w;
END $$;
COMMENT ON FUNCTION sequencer_step IS 'Numbers what waits in the outbox and moves it into the log; returns the rows in order.';
`;
}
