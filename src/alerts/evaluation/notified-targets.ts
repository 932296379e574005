import type { PoolClient } from 'pg';
import { sameTarget } from '../../notifications/core/index.js';
import type { Rule, RuleAction, Transition } from '../core/index.js';

/**
 * Returns the actions of a rule to which a transition is sent. A resolution is sent only to targets that received the
 * firing; a target that was added since does not know the firing.
 */
type ActionsFor = (transition: Transition, rule: Pick<Rule, 'actions'>) => readonly RuleAction[];

/**
 * Looks up the targets that received the firings, for resolutions of edited rules.
 * @param rules current rules by id
 */
export async function actionsByFirings(
  tx: PoolClient,
  transitions: readonly Transition[],
  rules: ReadonlyMap<string, Pick<Rule, 'version'>>,
): Promise<ActionsFor> {
  // A firing and its resolution in one commit are sent to the same targets.
  const firing = new Set(transitions.filter(({ to, silenced }) => to === 'firing' && !silenced).map(instanceOf));
  const asked = transitions.filter(
    (one) => isResolution(one) && (rules.get(one.ruleId)?.version ?? 1) > 1 && !firing.has(instanceOf(one)),
  );
  const aimed = asked.length === 0 ? undefined : await aimedAt(tx, asked);
  return (transition, { actions }) => {
    const notified = isResolution(transition) ? aimed?.get(instanceOf(transition)) : undefined;
    return notified === undefined ? actions : actions.filter((action) => notified.some((one) => isSame(one, action)));
  };
}

function isResolution({ from, to, reason, silenced }: Transition): boolean {
  return from === 'firing' && to === 'ok' && reason !== 'throttle_summary' && !silenced;
}

const instanceOf = ({ ruleId, instanceKey }: Transition): string => `${ruleId} ${instanceKey}`;

function isSame(one: RuleAction, other: RuleAction): boolean {
  return one.type === other.type && sameTarget(one.type, one.target, other.target);
}

async function aimedAt(tx: PoolClient, asked: readonly Transition[]): Promise<Map<string, RuleAction[]>> {
  const { rows } = await tx.query<{ id: string; actions: RuleAction[] }>(AIMED_AT, [
    asked.map(({ ruleId }) => ruleId),
    asked.map(({ instanceKey }) => instanceKey),
  ]);
  return new Map(rows.map(({ id, actions }) => [id, actions]));
}

/**
 * Targets of each instance: those in the rule version that last sent a notification about it, and in later versions
 * stored before that notification was evaluated. If the whole rule has one throttle, the firing is recorded under the
 * rule's own key. Without a recorded firing all targets are used.
 */
const AIMED_AT = `
SELECT last.id, coalesce(jsonb_agg(action) FILTER (WHERE action IS NOT NULL), '[]') AS actions
FROM (
  SELECT DISTINCT ON (given.rule_id, given.instance_key)
    given.rule_id || ' ' || given.instance_key AS id, given.rule_id, notified.rule_version, notified.evaluated_at
  FROM unnest($1::uuid[], $2::text[]) AS given (rule_id, instance_key)
  CROSS JOIN LATERAL unnest(ARRAY[given.instance_key, '']) AS kept (key)
  CROSS JOIN LATERAL (
    SELECT t.rule_version, t.evaluated_at, t.at FROM alert_transitions t
    WHERE t.rule_id = given.rule_id AND t.instance_key = kept.key AND t.state IN ('fired', 'summary')
      AND t.outcome ->> 'suppressed' IS NULL
    ORDER BY t.at DESC LIMIT 1) notified
  ORDER BY given.rule_id, given.instance_key, notified.at DESC
) last
JOIN alert_rule_versions v ON v.rule_id = last.rule_id AND v.version >= last.rule_version
  AND (v.version = last.rule_version OR v.changed_at <= last.evaluated_at)
LEFT JOIN LATERAL jsonb_array_elements(v.rule -> 'actions') AS action ON true
GROUP BY last.id`;
