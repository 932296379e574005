const time = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

// The condition `at >= …` in addition to the row comparison gives the index scan a start; with the comparison alone the scan
// would read and discard rows.
export const RAW_OF_ONE = `
SELECT ${millis('at')} AS at, seq, value FROM metric_points
WHERE series_id = $1 AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
  AND ($4::float8 IS NULL OR (at, seq) > (${time('$4')}, $5::bigint))
ORDER BY at, seq LIMIT $6`;

/** Time ranges in which the row of a requested series ($1) did not exist. */
const GAPS = `gaps AS MATERIALIZED (SELECT series_id, since, until FROM history_gaps WHERE series_id = ANY ($1::int[]))`;

/**
 * Whether the row of a series does not exist at the end of a range, which is excluded: it was removed before the end and not
 * inserted again until then.
 */
const isGone = (series: string, end: string) => `EXISTS (SELECT FROM gaps x
  WHERE x.series_id = ${series} AND x.since < ${end} AND (x.until IS NULL OR x.until >= ${end}))`;

/** Whether the row of a series does not exist at a time. */
const isGoneAt = (series: string, moment: string) => `EXISTS (SELECT FROM gaps g
  WHERE g.series_id = ${series} AND g.since <= ${moment} AND (g.until IS NULL OR g.until > ${moment}))`;

/**
 * Query for a series' value at a time; no row if it had none. If single values are no longer kept, the value is the last
 * hourly close.
 */
const levelAt = (series: string, moment: string) => `SELECT v.value FROM (
    (SELECT p.value, 1 AS rank FROM metric_points p WHERE p.series_id = ${series} AND p.at <= ${moment}
     ORDER BY p.at DESC, p.seq DESC LIMIT 1)
    UNION ALL
    (SELECT h.close, 2 FROM metric_hourly h WHERE h.series_id = ${series} AND h.closed_at <= ${moment} AND h.bucket <= ${moment}
     ORDER BY h.bucket DESC LIMIT 1)) v ORDER BY v.rank LIMIT 1`;

// Total of several series, at each time at which one has a value or is removed while others remain.
export const RAW_OF_MANY = `
WITH ${GAPS}, times AS (
  SELECT c.at FROM (
    SELECT at FROM metric_points
    WHERE series_id = ANY ($1::int[]) AND at >= greatest(${time('$2')}, ${time('$4')}) AND at < ${time('$3')}
    UNION SELECT x.since FROM gaps x WHERE EXISTS (
      SELECT FROM unnest($1::int[]) AS other (id) CROSS JOIN LATERAL (${levelAt('other.id', 'x.since')}) level
      WHERE other.id <> x.series_id AND NOT ${isGoneAt('other.id', 'x.since')})
    UNION SELECT ${time('$6')}
  ) c
  WHERE c.at >= ${time('$2')} AND c.at < ${time('$3')} AND ($4::float8 IS NULL OR c.at > ${time('$4')})
  ORDER BY c.at LIMIT $5
)
SELECT ${millis('times.at')} AS at, 0 AS seq, sum(level.value) AS value
FROM times CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (${levelAt('series.id', 'times.at')}) level
WHERE NOT ${isGoneAt('series.id', 'times.at')}
GROUP BY times.at ORDER BY times.at`;

/** Buckets of the range, including the bucket that contains its start. */
const bucketRange = (unit: string) => `
bucket >= date_trunc('${unit}', ${time('$2')}, 'UTC') AND bucket < ${time('$3')}
AND ($4::float8 IS NULL OR bucket > ${time('$4')})`;

const bucketsOfOne = (table: string, unit: string) => `
SELECT ${millis('bucket')} AS at, open, high, low, close, sum / samples AS average, samples FROM ${table}
WHERE series_id = $1 AND ${bucketRange(unit)}
ORDER BY bucket LIMIT $5`;

const bucketsOfMany = (table: string, unit: string, length: string) => `
WITH ${GAPS}, buckets AS (
  SELECT DISTINCT bucket FROM ${table} WHERE series_id = ANY ($1::int[]) AND ${bucketRange(unit)}
  ORDER BY bucket LIMIT $5
)
SELECT ${millis('buckets.bucket')} AS at,
       sum(CASE WHEN last.bucket = buckets.bucket THEN last.open ELSE last.close END) FILTER (WHERE last.bucket = buckets.bucket
         OR NOT ${isGone('series.id', 'buckets.bucket')}) AS open,
       coalesce(sum(last.close) FILTER (WHERE NOT ${isGone('series.id', `buckets.bucket + interval '${length}'`)}),
         sum(last.close)) AS close,
       NULL::float8 AS high, NULL::float8 AS low, NULL::float8 AS average,
       coalesce(sum(last.samples) FILTER (WHERE last.bucket = buckets.bucket), 0)::int AS samples
FROM buckets CROSS JOIN unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT h.bucket, h.open, h.close, h.samples FROM ${table} h
  WHERE h.series_id = series.id AND h.bucket <= buckets.bucket ORDER BY h.bucket DESC LIMIT 1
) last
GROUP BY buckets.bucket ORDER BY buckets.bucket`;

/** Time ranges in which the row of the chain `all` ($2) exists, but the row of no real chain ($1). */
export const SPANS_OF_WHOLE = `
WITH existing AS (
  SELECT s.id, tstzmultirange(tstzrange(first.at, NULL)) - coalesce((SELECT range_agg(tstzrange(x.since, x.until))
    FROM history_gaps x WHERE x.series_id = s.id), '{}') AS spans
  FROM unnest($1::int[] || $2::int) AS s (id) CROSS JOIN LATERAL (SELECT min(v.at) AS at FROM (
    (SELECT p.at FROM metric_points p WHERE p.series_id = s.id ORDER BY p.at LIMIT 1)
    UNION ALL (SELECT h.opened_at FROM metric_hourly h WHERE h.series_id = s.id ORDER BY h.bucket LIMIT 1)) v) first
  WHERE first.at IS NOT NULL
)
SELECT ${millis('lower(span)')} AS "from", ${millis('upper(span)')} AS "to"
FROM unnest(coalesce((SELECT range_agg(spans) FROM existing WHERE id = $2), '{}')
  - coalesce((SELECT range_agg(spans) FROM existing WHERE id <> $2), '{}')) AS span ORDER BY lower(span)`;

export const RAW_FROM = `SELECT ${millis('raw_from')} AS raw_from FROM history_state`;

/**
 * Part of the bucket from $2 up to $4: its complete hours, and single values from the end of the last complete hour ($3).
 */
export const OPEN_BUCKET = `
WITH ${GAPS}
SELECT ${millis(time('$2'))} AS at,
       sum(coalesce(own.open, earlier.value)) FILTER (WHERE own.samples > 0 OR NOT ${isGone('series.id', time('$2'))}) AS open,
       coalesce(sum(coalesce(own.close, earlier.value)) FILTER (WHERE cardinality($1::int[]) = 1
         OR NOT ${isGone('series.id', time('$4'))}), sum(coalesce(own.close, earlier.value))) AS close,
       CASE WHEN cardinality($1::int[]) = 1 THEN max(own.high) END AS high,
       CASE WHEN cardinality($1::int[]) = 1 THEN min(own.low) END AS low,
       CASE WHEN cardinality($1::int[]) = 1 THEN sum(own.sum) / sum(own.samples) END AS average,
       sum(own.samples)::int AS samples
FROM unnest($1::int[]) AS series (id)
CROSS JOIN LATERAL (
  SELECT (array_agg(part.open ORDER BY part.opened_at, part.first DESC))[1] AS open, max(part.high) AS high, min(part.low) AS low,
    (array_agg(part.close ORDER BY part.closed_at DESC, part.last DESC))[1] AS close, sum(part.sum) AS sum,
    sum(part.samples) AS samples
  FROM (
    SELECT open, high, low, close, sum, samples, opened_at, closed_at, 0 AS first, 0 AS last FROM metric_hourly
    WHERE series_id = series.id AND bucket >= ${time('$2')} AND bucket < ${time('$3')}
    UNION ALL
    SELECT value, value, value, value, value, 1, at, at, seq, seq FROM metric_points
    WHERE series_id = series.id AND at >= greatest(${time('$2')}, ${time('$3')}) AND at < ${time('$4')}
  ) part
) own
LEFT JOIN LATERAL (
  SELECT h.close AS value FROM metric_hourly h WHERE h.series_id = series.id AND h.bucket < ${time('$2')}
  ORDER BY h.bucket DESC LIMIT 1
) earlier ON own.samples IS NULL
HAVING sum(own.samples) > 0`;

export const BUCKETS_OF_ONE = {
  '1h': bucketsOfOne('metric_hourly', 'hour'),
  '1d': bucketsOfOne('metric_daily', 'day'),
};
export const BUCKETS_OF_MANY = {
  '1h': bucketsOfMany('metric_hourly', 'hour', '1 hour'),
  '1d': bucketsOfMany('metric_daily', 'day', '24 hours'),
};
