const COLUMNS = `l.seq::float8, l.epoch, l.type, l.protocol, l.chain, l.token, l.previous, l.current, l.moved, l.protocol_tvl, l.name,
      l.category, l.symbol, l.volume_24h, l.market_cap, l.data, l.source, l.confidence, nullif(l.tags, '{}'),
      date_part('epoch', l.observed_at) * 1000, date_part('epoch', l.captured_at) * 1000,
      date_part('epoch', l.logged_at) * 1000, l.owner, l.correlation_id, l.trace_parent`;

/**
 * Returns the SQL of the function that reads the log. `isBounded`: its rows have at most `most_bytes` of data together, but it
 * always returns the first row with data; `followed` tells whether it has left rows for that reason. Rows from before `data_bytes`
 * count as a multiple of their compressed size, which is known without reading their data.
 */
export function readFunction(isBounded: boolean): string {
  const page = (rows: string): string =>
    isBounded
      ? `RETURN QUERY SELECT ${COLUMNS}, l.followed FROM (
      SELECT *, lead(seq) OVER w IS NOT NULL AS followed,
        coalesce(sum(bytes) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM (SELECT *, coalesce(data_bytes, 4 * pg_column_size(data), 0) AS bytes FROM ${rows}) AS found WINDOW w AS (ORDER BY seq)
    ) AS l WHERE l.before = 0 OR l.before + l.bytes <= most_bytes ORDER BY l.seq`
      : `RETURN QUERY SELECT ${COLUMNS} FROM ${rows}`;
  return `/* Two plans, neither of which sorts. seq has no gaps, so a read without conditions selects a range of exactly that many
   numbers; with conditions the partitions' indexes are merged until enough rows match or up_to is reached. */
CREATE FUNCTION read_event_log(after bigint, up_to bigint, most integer, of_types text[], of_protocol text, of_chain text, of_token text,
  by_owner boolean, of_owner text${isBounded ? ', most_bytes bigint DEFAULT 9e18' : ''})
RETURNS TABLE (seq double precision, epoch text, type text, protocol text, chain text, token text,
  previous double precision, current double precision, moved double precision, protocol_tvl double precision,
  name text, category text, symbol text, volume_24h double precision, market_cap double precision, data jsonb,
  source text, confidence real, tags text[], observed_at double precision, captured_at double precision,
  logged_at double precision, owner text, correlation_id text, trace_parent text${isBounded ? ', followed boolean' : ''})
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  IF of_types IS NULL AND of_protocol IS NULL AND of_chain IS NULL AND of_token IS NULL AND NOT by_owner THEN
    -- If rows were dropped, the first row may be long after the requested position.
    after := greatest(after, (SELECT l.seq - 1 FROM event_log l ORDER BY l.seq LIMIT 1));
    ${page(`event_log l
    WHERE l.seq > after AND l.seq <= least(after + most, up_to) ORDER BY l.seq`)};
  ELSE
    ${page(`event_log l
    WHERE l.seq > after AND l.seq <= up_to
      AND (of_types IS NULL OR l.type = ANY (of_types)) AND (of_protocol IS NULL OR l.protocol = of_protocol)
      AND (of_chain IS NULL OR l.chain = of_chain) AND (of_token IS NULL OR l.token = of_token)
      AND (NOT by_owner OR l.owner IS NULL OR l.owner = of_owner)
    ORDER BY l.seq LIMIT most`)};
  END IF;
END $$;`;
}
