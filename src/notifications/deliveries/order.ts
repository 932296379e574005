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

/** Returns the SQL for whether a message (of) takes back what an earlier one reported, so that it must arrive after it. */
export const isEnd = (of: string): string =>
  `(${of}.type IN ('alert.resolved', 'alert.retracted') OR ${of}.data #>> '{explanation,state}' IS NOT DISTINCT FROM 'resolved')`;

/**
 * Returns the SQL for the priority of a message (of) in the queue. Resolutions must not overtake the firings for which
 * they wait.
 */
export const priorityOf = (of: string): string => `CASE WHEN ${isEnd(of)} THEN 'normal' ELSE ${of}.priority END`;

/** Returns the SQL for rule and subject of a message, or of a list item, from its `data`. */
const subjectOf = (data: string, ruleId: string): string => `jsonb_strip_nulls(jsonb_build_object('ruleId', ${ruleId},
  'protocol', ${data} -> 'protocol', 'chain', ${data} -> 'chain', 'token', ${data} -> 'token'))`;

/** Returns the SQL for whether a storm or summary (of) names a subject; the subject is given with its rule. */
const names = (
  of: string,
  subject: string,
): string => `(${of}.data #> '{explanation,alerts}' @> jsonb_build_array(${subject})
  OR ${of}.data -> 'ruleId' = ${subject} -> 'ruleId'
    AND ${of}.data #> '{explanation,subjects}' @> jsonb_build_array(${subject} - 'ruleId'))`;

/** SQL that selects the subjects named in a message (d), each with its rule. */
const SUBJECTS = `SELECT ${subjectOf('one', `coalesce(one -> 'ruleId', d.data -> 'ruleId')`)} AS subject
  FROM jsonb_array_elements(CASE WHEN d.type = 'alert.summary'
    THEN coalesce(d.data #> '{explanation,alerts}', d.data #> '{explanation,subjects}', '[]')
    ELSE jsonb_build_array(d.data) END) one`;

/** SQL condition of storms and summaries (s) that precede a message (d) to the same target. */
const SUMMARY_BEFORE = `s.target_id = d.target_id AND s.type = 'alert.summary' AND s.position < d.position
  AND s.rule_ids && d.rule_ids`;

/**
 * SQL that selects whether there are unfinished messages that must arrive before a message (d), and the latest next
 * attempt of them. For a test it is the previous test; otherwise they are messages that report the opposite about one of
 * its subjects, alone, in a storm or in a summary.
 */
export const UNFINISHED = `
  SELECT count(*) > 0 AS is_open, max(next_attempt_at) AS next FROM (
    SELECT ${nextOf('f')} AS next_attempt_at FROM deliveries f
    WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position AND ${isOpen('f')}
      AND f.type = CASE d.type WHEN 'alert.fired' THEN 'alert.resolved' WHEN 'alert.resolved' THEN 'alert.fired'
        WHEN 'alert.retracted' THEN 'alert.fired' ELSE 'test' END
      AND (d.type <> 'alert.retracted' OR f.transition_id = d.transition_id)
    UNION ALL
    SELECT ${nextOf('s')} FROM deliveries s
    WHERE d.type <> 'test' AND ${SUMMARY_BEFORE} AND ${isOpen('s')} AND ${isEnd('s')} <> ${isEnd('d')}
      AND EXISTS (SELECT FROM (${SUBJECTS}) named WHERE ${names('s', 'named.subject')})
    UNION ALL
    SELECT ${nextOf('f')} FROM deliveries f
    WHERE d.type = 'alert.summary' AND f.target_id = d.target_id AND f.position < d.position AND ${isOpen('f')}
      AND f.type = CASE WHEN ${isEnd('d')} THEN 'alert.fired' ELSE 'alert.resolved' END AND f.rule_ids && d.rule_ids
      AND ${names('d', subjectOf('f.data', `f.data -> 'ruleId'`))}) before`;

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
    AND ${names('s', subjectOf('d.data', `d.data -> 'ruleId'`))}
  ORDER BY s.position DESC LIMIT 1)`;

/** SQL for whether a later firing of the subject of a resolution (d) was delivered, alone or in a storm. */
const OVERTAKEN = `EXISTS (SELECT FROM deliveries n WHERE n.target_id = d.target_id AND n.collapse_key = d.collapse_key
    AND n.position > d.position AND n.type = 'alert.fired' AND n.state = 'delivered')
  OR EXISTS (SELECT FROM deliveries s WHERE s.target_id = d.target_id AND s.type = 'alert.summary' AND s.position > d.position
    AND s.rule_ids && d.rule_ids AND s.state = 'delivered' AND NOT ${isEnd('s')}
    AND ${names('s', subjectOf('d.data', `d.data -> 'ruleId'`))})`;

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

/** SQL that makes messages due that wait for one of the given messages ($1), after the state of these has changed. */
export const WAKE = `
  UPDATE deliveries d SET next_attempt_at = now(), due_at = now() FROM (SELECT w.id FROM (
      SELECT n.id FROM deliveries f CROSS JOIN LATERAL (SELECT id FROM deliveries n WHERE n.target_id = f.target_id
        AND n.collapse_key = f.collapse_key AND n.position > f.position AND ${isOpen('n')} ORDER BY n.position LIMIT 1) n
      WHERE f.id = ANY($1)
      UNION
      SELECT s.id FROM deliveries f JOIN deliveries s ON s.target_id = f.target_id AND s.type = 'alert.summary'
        AND ${isOpen('s')} AND s.position > f.position AND s.rule_ids && f.rule_ids WHERE f.id = ANY($1)
      UNION
      SELECT n.id FROM deliveries f JOIN deliveries n ON n.target_id = f.target_id AND ${isOpen('n')}
        AND n.position > f.position AND n.rule_ids && f.rule_ids WHERE f.id = ANY($1) AND f.type = 'alert.summary') later
    JOIN deliveries w USING (id)
    WHERE w.state IN ('pending', 'retrying') AND ${isHeld('w')}
    FOR UPDATE OF w SKIP LOCKED) waiting
  WHERE d.id = waiting.id`;
