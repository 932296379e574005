import { renameInstances } from './rename-instances.js';

/** Functions that return SQL expressions for the new spelling of names. */
export interface Spelling {
  protocol: (column: string) => string;
  chain: (column: string) => string;
  token: (column: string) => string;
}

const WATCHED = ['protocols', 'protocol_tvl', 'token_prices', 'change_thresholds'];
const switched = (to: 'DISABLE' | 'ENABLE'): string =>
  WATCHED.map((table) => `ALTER TABLE ${table} ${to} TRIGGER USER;`).join('\n');

/**
 * Returns SQL that converts every stored name to its new spelling and merges keys that become equal: the row with the newer
 * observation is kept with its published value, and histories are merged. Nothing is published, because no value changes.
 * Log rows keep their text, except for rows that some reader has not read yet.
 */
export function joinTwins(spelling: Spelling): string {
  const { protocol, chain, token } = spelling;
  const subject = (metric: string, column: string): string =>
    `CASE ${metric} WHEN 'tvl' THEN ${protocol(column)} ELSE ${token(column)} END`;
  const chainKey = (metric: string, column: string): string =>
    `CASE ${metric} WHEN 'tvl' THEN ${chain(column)} ELSE '' END`;
  const keys = (table: string): string => `
    SELECT metric, subject, chain, ${subject('metric', 'subject')}, ${chainKey('metric', 'chain')} FROM ${table}`;
  return `
${switched('DISABLE')}

CREATE TEMPORARY TABLE spelled (metric text, subject text, chain text, to_subject text, to_chain text) ON COMMIT DROP;
INSERT INTO spelled
  SELECT 'tvl', protocol, chain, ${protocol('protocol')}, ${chain('chain')} FROM protocol_tvl
  UNION SELECT 'price', token, '', ${token('token')}, '' FROM token_prices
  UNION ${keys('retired_references')} UNION ${keys('metric_series')} UNION ${keys('published_values')};

-- Keys that change, and keys that other keys become. rank 1: the key whose row is kept.
CREATE TEMPORARY TABLE joined ON COMMIT DROP AS
SELECT s.*, coalesce(t.observed_at, p.observed_at) IS NOT NULL AS has_row,
  row_number() OVER (PARTITION BY s.metric, to_subject, to_chain
    ORDER BY coalesce(t.observed_at, p.observed_at) DESC NULLS LAST,
      (s.subject, s.chain) = (to_subject, to_chain) DESC, s.subject, s.chain) AS rank
FROM spelled s
LEFT JOIN protocol_tvl t ON s.metric = 'tvl' AND t.protocol = s.subject AND t.chain = s.chain
LEFT JOIN token_prices p ON s.metric = 'price' AND p.token = s.subject
WHERE (s.metric, to_subject, to_chain) IN
  (SELECT metric, to_subject, to_chain FROM spelled WHERE (subject, chain) <> (to_subject, to_chain));
ANALYZE joined;

DELETE FROM protocol_tvl t USING joined j
WHERE j.metric = 'tvl' AND j.rank > 1 AND t.protocol = j.subject AND t.chain = j.chain;
UPDATE protocol_tvl t SET protocol = j.to_subject, chain = j.to_chain FROM joined j
WHERE j.metric = 'tvl' AND t.protocol = j.subject AND t.chain = j.chain AND (j.subject, j.chain) <> (j.to_subject, j.to_chain);
DELETE FROM token_prices t USING joined j WHERE j.metric = 'price' AND j.rank > 1 AND t.token = j.subject;
UPDATE token_prices t SET token = j.to_subject FROM joined j
WHERE j.metric = 'price' AND t.token = j.subject AND j.subject <> j.to_subject;

DELETE FROM retired_references t USING joined j
WHERE (t.metric, t.subject, t.chain) = (j.metric, j.subject, j.chain) AND (j.rank > 1 OR EXISTS (
  SELECT FROM joined r WHERE r.has_row AND (r.metric, r.to_subject, r.to_chain) = (j.metric, j.to_subject, j.to_chain)));
UPDATE retired_references t SET subject = j.to_subject, chain = j.to_chain FROM joined j
WHERE (t.metric, t.subject, t.chain) = (j.metric, j.subject, j.chain) AND (j.subject, j.chain) <> (j.to_subject, j.to_chain);

-- The published value is that of the row that is kept; without such a row, the newest one.
DELETE FROM published_values v USING (
  SELECT j.metric, j.subject, j.chain, row_number() OVER (PARTITION BY j.metric, to_subject, to_chain
    ORDER BY j.rank = 1 AND j.has_row DESC, o.seq DESC) AS place
  FROM joined j JOIN published_values o ON (o.metric, o.subject, o.chain) = (j.metric, j.subject, j.chain)) AS ranked
WHERE ranked.place > 1 AND (v.metric, v.subject, v.chain) = (ranked.metric, ranked.subject, ranked.chain);
UPDATE published_values v SET subject = j.to_subject, chain = j.to_chain FROM joined j
WHERE (v.metric, v.subject, v.chain) = (j.metric, j.subject, j.chain) AND (j.subject, j.chain) <> (j.to_subject, j.to_chain);

CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
SELECT s.id, first_value(s.id) OVER (PARTITION BY j.metric, to_subject, to_chain
  ORDER BY (s.subject, s.chain) = (to_subject, to_chain) DESC, s.id) AS keep, to_subject, to_chain
FROM joined j JOIN metric_series s ON (s.metric, s.subject, s.chain) = (j.metric, j.subject, j.chain);
INSERT INTO history_dirty (series_id, bucket)
  SELECT DISTINCT m.keep, date_trunc('hour', p.at, 'UTC') FROM moved m JOIN metric_points p ON p.series_id = m.id
  WHERE m.id <> m.keep;
INSERT INTO metric_points (at, value, seq, series_id)
  SELECT p.at, p.value, p.seq, m.keep FROM moved m JOIN metric_points p ON p.series_id = m.id WHERE m.id <> m.keep
  ON CONFLICT DO NOTHING;
DELETE FROM metric_points p USING moved m WHERE p.series_id = m.id AND m.id <> m.keep;
${['metric_hourly', 'metric_daily'].map(joinAggregates).join('\n')}
UPDATE history_dirty d SET series_id = m.keep FROM moved m WHERE d.series_id = m.id AND m.id <> m.keep;
DELETE FROM metric_series s USING moved m WHERE s.id = m.id AND m.id <> m.keep;
UPDATE metric_series s SET subject = m.to_subject, chain = m.to_chain FROM moved m
WHERE s.id = m.keep AND (s.subject, s.chain) <> (m.to_subject, m.to_chain);

UPDATE token_prices SET chain = coalesce(${chain('chain')}, chain_of_token(token))
WHERE chain IS DISTINCT FROM coalesce(${chain('chain')}, chain_of_token(token));
UPDATE published_values SET token_chain = coalesce(${chain('token_chain')}, chain_of_token(subject))
WHERE metric = 'price' AND token_chain IS DISTINCT FROM coalesce(${chain('token_chain')}, chain_of_token(subject));

DELETE FROM change_thresholds t WHERE EXISTS (SELECT FROM change_thresholds o
  WHERE o.metric = t.metric AND ${subject('t.metric', 'o.subject')} = ${subject('t.metric', 't.subject')}
    AND o.subject <> t.subject AND ((o.subject = ${subject('t.metric', 't.subject')}) > (t.subject = ${subject('t.metric', 't.subject')})
      OR (o.subject = ${subject('t.metric', 't.subject')}) = (t.subject = ${subject('t.metric', 't.subject')}) AND o.subject < t.subject));
UPDATE change_thresholds SET subject = ${subject('metric', 'subject')} WHERE subject <> ${subject('metric', 'subject')};
UPDATE protocol_tvl t SET (min_change_ratio, min_change_absolute) = (SELECT ratio, absolute FROM threshold_of('tvl', t.protocol))
FROM joined j WHERE j.metric = 'tvl' AND t.protocol = j.to_subject AND t.published_value IS NOT NULL;
UPDATE token_prices t SET (min_change_ratio, min_change_absolute) = (SELECT ratio, absolute FROM threshold_of('price', t.token))
FROM joined j WHERE j.metric = 'price' AND t.token = j.to_subject AND t.published_value IS NOT NULL;

CREATE TEMPORARY TABLE described ON COMMIT DROP AS
SELECT slug, ${protocol('slug')} AS to_slug,
  row_number() OVER (PARTITION BY ${protocol('slug')} ORDER BY updated_at DESC, slug = ${protocol('slug')} DESC, slug) AS rank,
  (SELECT coalesce(array_agg(name ORDER BY place), '{}') FROM (
    SELECT ${chain('chain')} AS name, min((o.updated_at < p.updated_at)::integer * 10000 + position) AS place
    FROM protocols o, unnest(o.chains) WITH ORDINALITY AS given (chain, position)
    WHERE ${protocol('o.slug')} = ${protocol('p.slug')} GROUP BY 1) AS named) AS chains
FROM protocols p;
DELETE FROM protocols p USING described d WHERE p.slug = d.slug AND d.rank > 1;
UPDATE protocols p SET slug = d.to_slug, chains = d.chains FROM described d
WHERE p.slug = d.slug AND (p.slug <> d.to_slug OR p.chains <> d.chains);

${['change_outbox', 'event_log']
  .map(
    (
      table,
    ) => `UPDATE ${table} SET protocol = ${protocol('protocol')}, chain = ${chain('chain')}, token = ${token('token')}
WHERE (protocol, chain, token) IS DISTINCT FROM (${protocol('protocol')}, ${chain('chain')}, ${token('token')})
${table === 'event_log' ? 'AND seq > (SELECT min(seq) FROM log_readers)' : ''};`,
  )
  .join('\n')}

${rewriteRules(spelling)}
${renameInstances(spelling)}

${switched('ENABLE')}`;
}

/**
 * Merges the buckets of both series: of two equal buckets, the earlier open and the later close are kept. Buckets that still
 * have points are recomputed.
 */
function joinAggregates(table: string): string {
  return `
INSERT INTO ${table} AS h (series_id, bucket, open, high, low, close, sum, samples, opened_at, closed_at)
  SELECT m.keep, a.bucket, (array_agg(a.open ORDER BY a.opened_at))[1], max(a.high), min(a.low),
    (array_agg(a.close ORDER BY a.closed_at DESC))[1], sum(a.sum), sum(a.samples), min(a.opened_at), max(a.closed_at)
  FROM moved m JOIN ${table} a ON a.series_id = m.id WHERE m.id <> m.keep GROUP BY m.keep, a.bucket
  ON CONFLICT (series_id, bucket) DO UPDATE SET
    open = CASE WHEN excluded.opened_at < h.opened_at THEN excluded.open ELSE h.open END,
    high = greatest(h.high, excluded.high), low = least(h.low, excluded.low),
    close = CASE WHEN excluded.closed_at >= h.closed_at THEN excluded.close ELSE h.close END,
    sum = h.sum + excluded.sum, samples = h.samples + excluded.samples,
    opened_at = least(h.opened_at, excluded.opened_at), closed_at = greatest(h.closed_at, excluded.closed_at);
DELETE FROM ${table} a USING moved m WHERE a.series_id = m.id AND m.id <> m.keep;`;
}

/** Rewrites names in the conditions of alert rules; the evaluators are notified of each changed rule. */
function rewriteRules({ protocol, chain, token }: Spelling): string {
  return `
CREATE FUNCTION pg_temp.spelled_names(node jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE jsonb_typeof(node)
    WHEN 'array' THEN (SELECT coalesce(jsonb_agg(pg_temp.spelled_names(item) ORDER BY place), '[]')
      FROM jsonb_array_elements(node) WITH ORDINALITY AS list (item, place))
    WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(key, CASE
        WHEN jsonb_typeof(value) <> 'string' THEN pg_temp.spelled_names(value)
        WHEN key = 'protocol' THEN to_jsonb(${protocol(`(value #>> '{}')`)})
        WHEN key = 'chain' THEN to_jsonb(${chain(`(value #>> '{}')`)})
        WHEN key = 'token' THEN to_jsonb(${token(`(value #>> '{}')`)})
        ELSE value END), '{}') FROM jsonb_each(node))
    ELSE node END;
END $$;
DO $$
DECLARE
  changed record;
BEGIN
  FOR changed IN UPDATE alert_rules SET conditions = pg_temp.spelled_names(conditions),
      where_tree = pg_temp.spelled_names(where_tree)
    WHERE (conditions, where_tree) IS DISTINCT FROM (pg_temp.spelled_names(conditions), pg_temp.spelled_names(where_tree))
    RETURNING shard, rule_id
  LOOP
    WITH numbered AS (
      UPDATE alert_shards SET rules_revision = rules_revision + 1 WHERE shard = changed.shard RETURNING rules_revision)
    INSERT INTO alert_rule_edits (shard, revision, rule_id) SELECT changed.shard, rules_revision, changed.rule_id FROM numbered;
  END LOOP;
END $$;
DROP FUNCTION pg_temp.spelled_names(jsonb);`;
}
