import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { withinPageBytes, type PageRow } from '../../platform/database/page-bytes.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { type PageQuery } from '../../platform/http/paging/page.dto.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { pageOf, type Paged } from '../../platform/http/paging/page.js';
import { isUuid } from '../../platform/input/ids.js';
import { Targets, type TargetStatus } from '../../notifications/index.js';
import type { SavedRuleRow } from './alert-rules.js';
import type { ListRulesQuery, RuleStateView, RuleVersionView, RuleView } from './rule-answer.dto.js';
import { ruleColumns, ruleOf, type RuleRow } from './rule-row.js';
import { RuleStates } from './rule-states.js';
import { COUNT_RULES } from './rule-store.js';

/** Queries of a user's rules. */
@Injectable()
export class RuleReads {
  constructor(
    private readonly database: Database,
    private readonly targets: Targets,
    private readonly states: RuleStates,
  ) {}

  /** Lists the user's rules, newest first. */
  async list(userId: string, query: ListRulesQuery): Promise<Paged<RuleView>> {
    const { limit, cursor, ...filters } = query;
    const scope = ['rules', filters];
    const rows = await this.database.query<RuleRow & PageRow>(LIST, [
      userId,
      decodeNumber(scope, cursor),
      query.isActive ?? null,
      query.priority ?? null,
      query.metric ?? null,
      query.protocol ?? null,
      query.token ?? null,
      query.q ?? null,
      limit + 1,
      query.state ?? null,
    ]);
    const shown = await this.shown(userId, rows);
    return pageOf(rows, { scope, limit, position: (row) => row.position, found: rows[0]?.found }, (row) =>
      viewOf(row, shown),
    );
  }

  async get(userId: string, ruleId: string): Promise<RuleView> {
    const row = await this.row(userId, ruleId);
    return viewOf(row, await this.shown(userId, [row]));
  }

  async count(userId: string): Promise<number> {
    return (await this.database.one<{ count: number }>(COUNT_RULES, [userId]))?.count ?? 0;
  }

  async row(userId: string, ruleId: string): Promise<RuleRow> {
    const row = isUuid(ruleId)
      ? await this.database.one<RuleRow>(
          `SELECT ${ruleColumns('r')} FROM alert_rules r WHERE rule_id = $1 AND user_id = $2`,
          [ruleId, userId],
        )
      : undefined;
    if (row === undefined) throw new DomainError('not_found', 'Rule not found.');
    return row;
  }

  /** Returns the answer to a change. */
  async saved({ row, warnings }: SavedRuleRow): Promise<RuleView> {
    return Object.assign(viewOf(row, await this.shown(row.user_id, [row])), { warnings: [...warnings] });
  }

  /** Lists the versions of the rule, newest first, even if it is deleted. */
  async versions(userId: string, ruleId: string, { limit, cursor }: PageQuery): Promise<Paged<RuleVersionView>> {
    const scope = ['rule-versions', ruleId.toLowerCase()];
    const before = decodeNumber(scope, cursor);
    const rows = isUuid(ruleId)
      ? await this.database.query<VersionRow>(VERSIONS, [userId, ruleId, before, limit + 1])
      : [];
    if (rows.length === 0 && before === null) throw new DomainError('not_found', 'Rule not found.');
    return pageOf(rows, { scope, limit, position: (row) => row.version }, versionOf);
  }

  private async shown(userId: string, rows: readonly RuleRow[]): Promise<Shown> {
    const [statuses, states] = await Promise.all([this.statuses(userId, rows), this.states.of(rows)]);
    return { statuses, states };
  }

  private async statuses(userId: string, rows: readonly RuleRow[]): Promise<Map<string, TargetStatus>> {
    const targets = new Set(rows.flatMap((row) => row.actions.map((action) => action.target)));
    return targets.size === 0 ? new Map() : this.targets.statuses(userId, [...targets]);
  }
}

/** Fields of the answer that are not columns of the rule. */
interface Shown {
  statuses: ReadonlyMap<string, TargetStatus>;
  states: ReadonlyMap<string, RuleStateView>;
}

function viewOf(row: RuleRow, { statuses, states }: Shown): RuleView {
  const {
    userId,
    description = null,
    where = null,
    quietHours = null,
    snoozedUntil,
    lastTriggered,
    ...rule
  } = ruleOf(row);
  return {
    ruleId: rule.ruleId,
    userId,
    name: rule.name,
    description,
    conditions: rule.conditions,
    where,
    actions: rule.actions.map((action) => ({ ...action, status: statuses.get(action.target) ?? 'disabled' })),
    throttleMinutes: rule.throttleMinutes,
    throttleScope: rule.throttleScope ?? 'rule',
    mode: rule.mode,
    hysteresis: rule.hysteresis,
    forSeconds: rule.forSeconds,
    notifyResolved: rule.notifyResolved,
    finality: rule.finality ?? 'instant',
    priority: rule.priority,
    quietHours,
    isActive: rule.isActive,
    snoozedUntil: snoozedUntil?.toISOString() ?? null,
    createdAt: rule.createdAt.toISOString(),
    updatedAt: rule.updatedAt.toISOString(),
    lastTriggered: lastTriggered?.toISOString() ?? null,
    version: rule.version,
    state: states.get(rule.ruleId) ?? { phase: 'ok', firing: [], firingCount: 0 },
  };
}

interface VersionRow {
  version: number;
  change: RuleVersionView['change'];
  changed_at: Date;
  changed_by: string;
  rule: object;
}

function versionOf({ version, change, changed_at, changed_by, rule }: VersionRow): RuleVersionView {
  return { version, change, changedAt: changed_at.toISOString(), changedBy: changed_by, rule };
}

/** Returns the SQL for: any condition of the rule, at any depth, has this value in this field. */
const names = (field: string, parameter: string): string =>
  `(${parameter}::text IS NULL OR jsonb_path_exists(jsonb_build_array(r.conditions, r.where_tree),
    '$.**.${field} ? (@ == $value)', jsonb_build_object('value', ${parameter}::text)))`;

const LIST = withinPageBytes(
  `
SELECT ${ruleColumns('r')} FROM alert_rules r
WHERE r.user_id = $1 AND ($2::bigint IS NULL OR r.position < $2) AND ($3::boolean IS NULL OR r.is_active = $3)
  AND ($4::text IS NULL OR r.priority = $4) AND ${names('metric', '$5')} AND ${names('protocol', '$6')}
  AND ${names('token', '$7')} AND ($8::text IS NULL OR strpos(lower(r.name), lower($8)) > 0)
  AND ($10::text IS NULL OR $10 = CASE WHEN r.is_active THEN coalesce(
    (SELECT i.phase FROM alert_instances i WHERE i.rule_id = r.rule_id ORDER BY array_position('{firing,pending,ok}', i.phase)
     LIMIT 1), 'ok') ELSE 'ok' END)
ORDER BY r.position DESC LIMIT $9`,
  `octet_length(p.conditions::text || p.actions::text || coalesce(p.where_tree::text, ''))`,
  'position::bigint',
);

const VERSIONS = `
SELECT version, change, changed_at, changed_by, rule FROM alert_rule_versions
WHERE user_id = $1 AND rule_id = $2 AND ($3::bigint IS NULL OR version < $3) ORDER BY version DESC LIMIT $4`;
