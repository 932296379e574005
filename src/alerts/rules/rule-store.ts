import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Caller } from '../../access/index.js';
import { Deliveries } from '../../notifications/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { bodyHash, refuseOtherBody } from '../../platform/input/idempotency.js';
import { isUuid } from '../../platform/input/ids.js';
import type { RuleDraft } from './rule-draft.js';
import { RuleEdits, type RuleChange } from './rule-edits.js';
import { ruleColumns, ruleOf, type RuleRow } from './rule-row.js';

const NOT_FOUND = 'Rule not found.';

/** SQL that counts the rules of a user for the limit, including disabled rules. */
export const COUNT_RULES = 'SELECT count(*)::int AS count FROM alert_rules WHERE user_id = $1';

/** Author of a change: the user, and the key used. */
export type Author = Pick<Caller, 'userId' | 'keyId'>;

/**
 * Rows of rules, their versions and edits. Every statement has the user id as a condition: rules of other users are not
 * found.
 */
@Injectable()
export class RuleStore {
  constructor(
    private readonly edits: RuleEdits,
    private readonly deliveries: Deliveries,
  ) {}

  /** Locks the rule against other changes until the transaction ends. */
  async lock(tx: PoolClient, userId: string, ruleId: string): Promise<RuleRow> {
    if (!isUuid(ruleId)) throw new DomainError('not_found', NOT_FOUND);
    const { rows } = await tx.query<RuleRow>(
      `SELECT ${ruleColumns('r')} FROM alert_rules r WHERE rule_id = $1 AND user_id = $2 FOR UPDATE`,
      [ruleId, userId],
    );
    if (rows[0] === undefined) throw new DomainError('not_found', NOT_FOUND);
    return rows[0];
  }

  /** Refuses a new rule above the limit. Concurrent creations of one user wait for each other, in all processes. */
  async reserve(tx: PoolClient, { userId, limits, tier }: Caller): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('alert_rules ' || $1, 0))`, [userId]);
    if (limits.alertRules === 0) return;
    const { rows } = await tx.query<{ count: number }>(COUNT_RULES, [userId]);
    if ((rows[0]?.count ?? 0) < limits.alertRules) return;
    const detail = `Tier ${tier} allows ${limits.alertRules} alert rules; delete one or choose another tier.`;
    throw new DomainError('limit_exceeded', detail, { field: 'alertRules' });
  }

  /** Waits, after the commit of an edit, until no message of the rule's previous version can be sent. */
  settled(ruleId: string): Promise<void> {
    return this.deliveries.settled(ruleId);
  }

  async insert(tx: PoolClient, caller: Caller, draft: RuleDraft): Promise<RuleRow> {
    const { rows } = await tx.query<RuleRow>(
      `INSERT INTO alert_rules AS r (user_id, name, description, conditions, where_tree, actions, throttle_minutes, mode,
         hysteresis, for_seconds, notify_resolved, priority, is_active, snoozed_until, throttle_scope, quiet_hours, finality)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING ${ruleColumns('r')}`,
      [caller.userId, ...valuesOf(draft)],
    );
    return this.versioned(tx, caller, 'created', rows[0]);
  }

  async update(tx: PoolClient, caller: Author, ruleId: string, draft: RuleDraft): Promise<RuleRow> {
    const { rows } = await tx.query<RuleRow>(
      `UPDATE alert_rules r SET name = $3, description = $4, conditions = $5, where_tree = $6, actions = $7,
         throttle_minutes = $8, mode = $9, hysteresis = $10, for_seconds = $11, notify_resolved = $12, priority = $13,
         is_active = $14, snoozed_until = $15, throttle_scope = $16, quiet_hours = $17, finality = $18, version = version + 1, updated_at = clock_timestamp()
       WHERE user_id = $1 AND rule_id = $2 RETURNING ${ruleColumns('r')}`,
      [caller.userId, ruleId, ...valuesOf(draft)],
    );
    return this.versioned(tx, caller, 'changed', rows[0]);
  }

  /** Allows a rule with mode `once` to fire once more. */
  async rearm(tx: PoolClient, caller: Author, ruleId: string): Promise<RuleRow> {
    const { rows } = await tx.query<RuleRow>(
      `UPDATE alert_rules r SET version = version + 1, armed_version = version + 1, updated_at = clock_timestamp()
       WHERE user_id = $1 AND rule_id = $2 RETURNING ${ruleColumns('r')}`,
      [caller.userId, ruleId],
    );
    return this.versioned(tx, caller, 'changed', rows[0]);
  }

  async remove(tx: PoolClient, caller: Caller, row: RuleRow): Promise<void> {
    await tx.query('DELETE FROM alert_rules WHERE user_id = $1 AND rule_id = $2', [caller.userId, row.rule_id]);
    await this.versioned(tx, caller, 'deleted', { ...row, version: row.version + 1 });
  }

  private async versioned(tx: PoolClient, { keyId }: Author, change: RuleChange, row?: RuleRow): Promise<RuleRow> {
    if (row === undefined) throw new DomainError('not_found', NOT_FOUND);
    await tx.query(
      `INSERT INTO alert_rule_versions (rule_id, version, user_id, change, changed_by, rule)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [row.rule_id, row.version, row.user_id, change, `key:${keyId}`, JSON.stringify(ruleOf(row))],
    );
    if (change !== 'created') await this.deliveries.reconsider(tx, { ruleId: row.rule_id, userId: row.user_id });
    await this.edits.note(tx, row.shard, row.rule_id);
    return row;
  }

  /**
   * Returns the id of the rule that an earlier request with this Idempotency-Key created; undefined for a new key, which is
   * then bound to this body. Waits for a concurrent request with the same key.
   */
  async earlier(tx: PoolClient, userId: string, key: string, body: object): Promise<string | undefined> {
    await tx.query(`DELETE FROM alert_rule_creations WHERE created_at < clock_timestamp() - interval '1 day'`);
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      JSON.stringify(['alert_rule', userId, key]),
    ]);
    const { rows } = await tx.query<{ body_hash: string; rule_id: string }>(
      'SELECT body_hash, rule_id FROM alert_rule_creations WHERE user_id = $1 AND idempotency_key = $2',
      [userId, key],
    );
    if (rows[0] === undefined) return undefined;
    refuseOtherBody(rows[0].body_hash, bodyHash(body));
    return rows[0].rule_id;
  }

  async remember(tx: PoolClient, row: RuleRow, key: string, body: object): Promise<void> {
    await tx.query(
      'INSERT INTO alert_rule_creations (user_id, idempotency_key, body_hash, rule_id) VALUES ($1, $2, $3, $4)',
      [row.user_id, key, bodyHash(body), row.rule_id],
    );
  }
}

function valuesOf(draft: RuleDraft): unknown[] {
  return [
    draft.name,
    draft.description,
    JSON.stringify(draft.conditions),
    jsonOrNull(draft.where),
    JSON.stringify(draft.actions),
    draft.throttleMinutes,
    draft.mode,
    draft.hysteresis,
    draft.forSeconds,
    draft.notifyResolved,
    draft.priority,
    draft.isActive,
    draft.snoozedUntil,
    draft.throttleScope ?? 'subject',
    jsonOrNull(draft.quietHours),
    draft.finality ?? 'instant',
  ];
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
