import { GATEWAY_TIMEOUT, NO_ANSWER } from '../core/outcome.js';
import { IN_ORDER_INTERVAL_MS } from '../core/still-wanted.js';

/** Returns the SQL condition of messages that are not finished yet. */
const isOpen = (of: string): string => `${of}.state IN ('pending', 'sending', 'retrying')`;

/** Returns the SQL condition of messages that wait for a previous message. */
const isHeld = (of: string): string => `${of}.reason IN ('after_firing', 'after_resolution', 'after_test')`;

/**
 * Returns the SQL for the time of the next attempt of a message (of). For a message that waits for a previous one, it is
 * the time of the previous message's next attempt; null: it is being sent.
 */
const nextOf = (of: string): string => `CASE WHEN ${of}.state <> 'sending'
  THEN ${of}.next_attempt_at - CASE WHEN ${isHeld(of)} THEN ${IN_ORDER_INTERVAL_MS} ELSE 0 END * interval '1 ms' END`;

/**
 * Returns the SQL for whether a message (of) takes back what an earlier one reported, so that it must arrive after it. Rows
 * from before the column are computed.
 */
const isEnd = (of: string): string => `coalesce(${of}.is_end, delivery_is_end(${of}.type, ${of}.data))`;

/**
 * Returns the SQL for the priority of a message (of) in the queue. Resolutions must not overtake the firings for which
 * they wait.
 */
export const priorityOf = (of: string): string => `CASE WHEN ${isEnd(of)} THEN 'normal' ELSE ${of}.priority END`;

/** Returns the SQL for the hashes of the subjects that a message (of) names, each with its rule; without a subject, none. */
const subjectsOf = (of: string): string =>
  `coalesce(${of}.subject_keys, delivery_subject_keys(${of}.type, ${of}.data))`;

/** SQL condition of storms and summaries (s) that precede a message (d) to the same target. */
const SUMMARY_BEFORE = `s.target_id = d.target_id AND s.type = 'alert.summary' AND s.position < d.position
  AND s.rule_ids && d.rule_ids`;

/**
 * Returns the SQL of a WITH list that finds, for the deliveries (d) that a condition selects (asked), the unfinished
 * messages that must arrive before them because of a storm or summary: those that report the opposite about one of their
 * subjects. Of each subject only the first unfinished message counts: the later ones wait for it as well.
 *
 * The open messages of a target are read once per statement and grouped by subject. Comparing them pair by pair took 7 s
 * for 5,000 open storms of one target, in which the messages of all others waited.
 */
export const withLines = (selected: string): string => `
  WITH asked AS MATERIALIZED (
    SELECT d.id, d.target_id, d.position, d.type, ${isEnd('d')} AS is_end, ${subjectsOf('d')} AS subjects
    FROM deliveries d WHERE ${selected}
  ), lines AS MATERIALIZED (
    SELECT s.target_id, subject, ${isEnd('s')} AS is_end, true AS is_summary, min(s.position) AS first
    FROM deliveries s CROSS JOIN LATERAL unnest(${subjectsOf('s')}) subject
    WHERE s.target_id IN (SELECT target_id FROM asked WHERE type LIKE 'alert.%')
      AND s.type = 'alert.summary' AND ${isOpen('s')}
    GROUP BY s.target_id, subject, ${isEnd('s')}
    UNION ALL
    SELECT f.target_id, subject, f.type = 'alert.resolved', false, min(f.position)
    FROM deliveries f CROSS JOIN LATERAL unnest(${subjectsOf('f')}) subject
    WHERE f.target_id IN (SELECT target_id FROM asked WHERE type = 'alert.summary')
      AND f.type IN ('alert.fired', 'alert.resolved') AND ${isOpen('f')}
    GROUP BY f.target_id, subject, f.type
  ), summarised AS MATERIALIZED (
    SELECT a.id, array_agg(DISTINCT l.first) AS positions
    FROM asked a CROSS JOIN LATERAL unnest(a.subjects) named JOIN lines l ON l.target_id = a.target_id AND l.subject = named
    WHERE l.is_end <> a.is_end AND l.first < a.position AND (l.is_summary OR a.type = 'alert.summary')
    GROUP BY a.id
  )`;

/**
 * SQL that selects whether there are unfinished messages that must arrive before a message (d), and the latest next
 * attempt of them. For a test it is the previous test; otherwise they are messages that report the opposite about one of
 * its subjects, alone, or in a storm or summary (line).
 */
export const UNFINISHED = `
  SELECT count(*) > 0 AS is_open, max(next_attempt_at) AS next FROM (
    SELECT ${nextOf('f')} AS next_attempt_at FROM deliveries f
    WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position AND ${isOpen('f')}
      AND f.type = CASE d.type WHEN 'alert.fired' THEN 'alert.resolved' WHEN 'alert.resolved' THEN 'alert.fired'
        WHEN 'alert.retracted' THEN 'alert.fired' ELSE 'test' END
      AND (d.type <> 'alert.retracted' OR f.transition_id = d.transition_id)
    UNION ALL
    SELECT ${nextOf('s')} FROM deliveries s WHERE s.position = ANY(line.positions)) before`;

/**
 * SQL for whether a delivery (f) may have arrived although none of its attempts is successful, because the receiver may
 * have answered too late.
 */
const PERHAPS_ARRIVED = `f.attempts > 0 AND f.state <> 'delivered' AND EXISTS (SELECT FROM delivery_attempts a
  WHERE a.delivery_id = f.id AND (a.outcome = 'interrupted' OR a.outcome = 'failed'
    AND (a.status_code = ${GATEWAY_TIMEOUT} OR starts_with(a.detail, '${NO_ANSWER}'))))`;

/** SQL for the position of the last delivered resolution before a resolution (d). */
const ENDED_BEFORE = `coalesce((SELECT max(r.position) FROM deliveries r
  WHERE r.target_id = d.target_id AND r.collapse_key = d.collapse_key AND r.position < d.position
    AND r.type = 'alert.resolved' AND r.state = 'delivered'), 0)`;

/**
 * SQL for the state of the newest storm or summary that names the subject of a resolution (d) as firing. It is used if a
 * later firing was superseded, because that firing only repeated what this message reports.
 */
const NAMED = `(SELECT CASE WHEN s.state = 'delivered' OR ${PERHAPS_ARRIVED.replaceAll('f.', 's.')} THEN 'delivered' ELSE 'lost' END
  FROM deliveries s WHERE ${SUMMARY_BEFORE} AND s.position > ${ENDED_BEFORE} AND NOT ${isEnd('s')}
    AND ${subjectsOf('s')} && asked.subjects
  ORDER BY s.position DESC LIMIT 1)`;

/** SQL for whether a later firing of the subject of a resolution (d) was delivered, alone or in a storm. */
const OVERTAKEN = `EXISTS (SELECT FROM deliveries n WHERE n.target_id = d.target_id AND n.collapse_key = d.collapse_key
    AND n.position > d.position AND n.type = 'alert.fired' AND n.state = 'delivered')
  OR EXISTS (SELECT FROM deliveries s WHERE s.target_id = d.target_id AND s.type = 'alert.summary' AND s.position > d.position
    AND s.rule_ids && d.rule_ids AND s.state = 'delivered' AND NOT ${isEnd('s')}
    AND ${subjectsOf('s')} && asked.subjects)`;

/**
 * SQL for what became of the firings that a resolution (d) ends, those since the last delivered resolution. `delivered`: one
 * arrived or may have arrived, alone or in a storm or summary. `lost`: none arrived. `none`: there was no firing.
 * `overtaken`: a later firing was already delivered.
 */
export const FIRING = `
  SELECT CASE WHEN ${OVERTAKEN} THEN 'overtaken' WHEN bool_or(f.state = 'delivered' OR ${PERHAPS_ARRIVED}) THEN 'delivered'
      ELSE coalesce(${NAMED}, CASE WHEN count(*) > 0 THEN 'lost' ELSE 'none' END) END
  FROM deliveries f WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position
    AND f.type = 'alert.fired' AND f.position > ${ENDED_BEFORE}`;

/**
 * SQL that makes messages due that wait for one of the given messages ($1), after the state of these has changed. Of those
 * that wait because of a storm or summary, the first of each subject: its own end wakes the next, so that a line of
 * thousands is not checked as a whole with each message.
 */
export const WAKE = `
  WITH done AS MATERIALIZED (
    SELECT f.target_id, f.position, f.type = 'alert.summary' AS is_summary, named
    FROM deliveries f CROSS JOIN LATERAL unnest(${subjectsOf('f')}) named WHERE f.id = ANY($1)
  ), open AS MATERIALIZED (
    SELECT s.id, s.target_id, s.position, s.subject_keys, s.is_end, s.type, s.data FROM deliveries s
    WHERE s.target_id IN (SELECT target_id FROM done) AND s.type = 'alert.summary' AND ${isOpen('s')} AND ${isHeld('s')}
    UNION ALL
    SELECT s.id, s.target_id, s.position, s.subject_keys, s.is_end, s.type, s.data FROM deliveries s
    WHERE s.target_id IN (SELECT target_id FROM done WHERE is_summary) AND s.type <> 'alert.summary' AND ${isOpen('s')}
      AND ${isHeld('s')}
  )
  UPDATE deliveries d SET next_attempt_at = now(), due_at = now() FROM (SELECT w.id FROM (
      SELECT n.id FROM deliveries f CROSS JOIN LATERAL (SELECT id FROM deliveries n WHERE n.target_id = f.target_id
        AND n.collapse_key = f.collapse_key AND n.position > f.position AND ${isOpen('n')} ORDER BY n.position LIMIT 1) n
      WHERE f.id = ANY($1)
      UNION
      SELECT first.id FROM (SELECT DISTINCT ON (o.target_id, subject, ${isEnd('o')}) o.id
        FROM open o CROSS JOIN LATERAL unnest(${subjectsOf('o')}) subject
        JOIN done ON done.target_id = o.target_id AND done.named = subject AND done.position < o.position
        ORDER BY o.target_id, subject, ${isEnd('o')}, o.position) first) later
    JOIN deliveries w USING (id)
    WHERE w.state IN ('pending', 'retrying') AND ${isHeld('w')}
    FOR UPDATE OF w SKIP LOCKED) waiting
  WHERE d.id = waiting.id`;
