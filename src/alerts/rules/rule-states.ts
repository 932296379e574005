import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { Condition, Phase } from '../core/index.js';
import type { RuleStateView } from './rule-answer.dto.js';
import type { RuleRow } from './rule-row.js';

/** Maximum number of instances of one rule that are shown. */
const MAX_FIRING = 100;

interface InstanceRow {
  rule_id: string;
  instance_key: string;
  phase: Phase;
  since: Date;
  value: number | null;
  firing: number;
}

/** States of rules as their evaluator last stored them; at most about a second old. */
@Injectable()
export class RuleStates {
  constructor(private readonly database: Database) {}

  async of(rows: readonly RuleRow[]): Promise<Map<string, RuleStateView>> {
    const ids = rows.map((row) => row.rule_id);
    const [instances, spent] = await Promise.all([
      this.database.query<InstanceRow>(INSTANCES, [ids]),
      this.database.query<{ rule_id: string }>(SPENT, [ids]),
    ]);
    const byRule = Map.groupBy(instances, (row) => row.rule_id);
    const done = new Set(spent.map((row) => row.rule_id));
    return new Map(rows.map((row) => [row.rule_id, stateOf(row, byRule.get(row.rule_id) ?? [], done)]));
  }
}

function stateOf(rule: RuleRow, instances: readonly InstanceRow[], spent: ReadonlySet<string>): RuleStateView {
  const firing = instances.filter(({ phase }) => phase === 'firing');
  const state = {
    phase: firing.length > 0 ? ('firing' as const) : instances.length > 0 ? ('pending' as const) : ('ok' as const),
    firing: firing.map(({ instance_key: key, since, value }) => ({
      subject: key === '' ? subjectOf(rule.conditions) : key,
      since: since.toISOString(),
      value,
    })),
    firingCount: firing[0]?.firing ?? 0,
  };
  return rule.mode === 'once' ? { ...state, spent: spent.has(rule.rule_id) } : state;
}

/** Returns the subject of a rule without wildcards, in the form of an instance key. */
function subjectOf([condition]: readonly Condition[]): string {
  const { protocol, chain, token, account } = condition ?? {};
  return Object.entries({ protocol, chain, token, account })
    .flatMap(([what, name]) => (name === undefined ? [] : `${what}=${name}`))
    .join(',');
}

const INSTANCES = `
SELECT i.rule_id, i.instance_key, i.phase, i.since, i.firing::int AS firing, t.value
FROM (SELECT rule_id, instance_key, phase, since,
             row_number() OVER (PARTITION BY rule_id, phase ORDER BY since, instance_key) AS place,
             count(*) FILTER (WHERE phase = 'firing') OVER (PARTITION BY rule_id) AS firing
      FROM alert_instances JOIN alert_rules USING (rule_id)
      WHERE rule_id = ANY ($1::uuid[]) AND phase <> 'ok' AND is_active) i
LEFT JOIN LATERAL (
  SELECT (t.alert ->> 'value')::float8 AS value FROM alert_transitions t
  WHERE t.rule_id = i.rule_id AND t.instance_key = i.instance_key AND t.at >= i.since AND t.state <> 'resolved' ORDER BY t.at DESC LIMIT 1) t ON true
WHERE i.place <= ${MAX_FIRING} ORDER BY i.rule_id, i.place`;

const SPENT = 'SELECT rule_id FROM alert_rule_state WHERE rule_id = ANY ($1::uuid[]) AND spent';
