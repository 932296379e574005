import type { PoolClient } from 'pg';
import type { SavedInstance, SavedRule, StateChanges } from '../core/index.js';

/** Changes of an evaluator's state since the last commit; only the newest of each rule and instance. */
export class MemoryChanges {
  private readonly rules = new Map<string, SavedRule>();
  private readonly instances = new Map<string, SavedInstance>();
  private readonly removed = new Map<string, Pick<SavedInstance, 'ruleId' | 'instanceKey'>>();

  add(changes: StateChanges): void {
    for (const rule of changes.rules) this.rules.set(rule.ruleId, rule);
    for (const gone of changes.removed) {
      this.instances.delete(keyOf(gone));
      this.removed.set(keyOf(gone), gone);
    }
    for (const instance of changes.instances) {
      this.removed.delete(keyOf(instance));
      this.instances.set(keyOf(instance), instance);
    }
  }

  /** Writes all changes; rules that were deleted in the meantime are skipped. */
  async write(tx: PoolClient): Promise<void> {
    if (this.removed.size > 0) {
      const gone = [...this.removed.values()];
      await tx.query(FORGET, [gone.map((entry) => entry.ruleId), gone.map((entry) => entry.instanceKey)]);
    }
    if (this.rules.size > 0) await tx.query(REMEMBER_RULES, [JSON.stringify([...this.rules.values()])]);
    if (this.instances.size > 0) await tx.query(REMEMBER_INSTANCES, [JSON.stringify([...this.instances.values()])]);
  }
}

const keyOf = ({ ruleId, instanceKey }: Pick<SavedInstance, 'ruleId' | 'instanceKey'>): string =>
  `${ruleId} ${instanceKey}`;

const FORGET = `
DELETE FROM alert_instances i USING unnest($1::uuid[], $2::text[]) AS gone (rule_id, instance_key)
WHERE i.rule_id = gone.rule_id AND i.instance_key = gone.instance_key`;

const REMEMBER_RULES = `
INSERT INTO alert_rule_state AS s (rule_id, rule_version, seq, throttled_until, suppressed, held_back, spent, farewells)
SELECT g."ruleId", g."ruleVersion", g.seq, CASE WHEN g."throttledUntil" > 0 THEN to_timestamp(g."throttledUntil" / 1000) END,
       g.suppressed, nullif(g."heldBack", '[]'), g.spent, nullif(g.farewells, '[]')
FROM jsonb_to_recordset($1::jsonb) AS g ("ruleId" uuid, "ruleVersion" int, seq bigint, "throttledUntil" float8,
  suppressed int, "heldBack" jsonb, spent boolean, farewells jsonb)
WHERE EXISTS (SELECT FROM alert_rules r WHERE r.rule_id = g."ruleId" FOR KEY SHARE)
ON CONFLICT (rule_id) DO UPDATE SET rule_version = excluded.rule_version, seq = excluded.seq,
  throttled_until = excluded.throttled_until, suppressed = excluded.suppressed,
  held_back = excluded.held_back, spent = excluded.spent, farewells = excluded.farewells`;

const REMEMBER_INSTANCES = `
INSERT INTO alert_instances (rule_id, instance_key, leaves, phase, since, told, owed, assumed, quiet)
SELECT g."ruleId", g."instanceKey", g.leaves, g.phase, to_timestamp(g.since / 1000), g.notified, g.owed, g.assumed,
       nullif(g.quiet, 'null')
FROM jsonb_to_recordset($1::jsonb) AS g ("ruleId" uuid, "instanceKey" text, leaves int, phase text, since float8,
  notified boolean, owed boolean, assumed boolean, quiet jsonb)
WHERE EXISTS (SELECT FROM alert_rules r WHERE r.rule_id = g."ruleId" FOR KEY SHARE)
ON CONFLICT (rule_id, instance_key) DO UPDATE SET leaves = excluded.leaves, phase = excluded.phase,
  since = excluded.since, told = excluded.told, owed = excluded.owed, assumed = excluded.assumed, quiet = excluded.quiet`;
