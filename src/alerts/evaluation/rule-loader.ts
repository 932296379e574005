import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { Phase, Rule, SavedInstance, SavedRule, SavedState } from '../core/index.js';
import { ruleColumns, ruleOf, type RuleRow } from '../rules/rule-row.js';

/** Rule with the saved state of its evaluation; a rule without it is new. */
export interface StoredRule {
  rule: Rule;
  saved: SavedState | undefined;
  /**
   * Earlier version of the rule to which the saved state belongs; absent if that is the current version or the rule was
   * deactivated since.
   */
  before?: Rule;
}

/** Edit of a rule for the evaluator: the current version, or none if the rule was deleted or deactivated. */
interface Edit {
  ruleId: string;
  stored: StoredRule | undefined;
}

/**
 * Number of rules per query: parsing takes about 10 ms, so that the process stays responsive while it loads a million
 * rules.
 */
const RULES_PER_QUERY = 1_000;

/** Loads rules and their saved evaluation state. */
@Injectable()
export class RuleLoader {
  constructor(private readonly database: Database) {}

  /** Returns the revision of the rules of each shard: the number of edits so far. */
  async revisions(): Promise<Map<number, number>> {
    const rows = await this.database.query<{ shard: number; revision: number }>(
      'SELECT shard, rules_revision::float8 AS revision FROM alert_shards',
    );
    return new Map(rows.map(({ shard, revision }) => [shard, revision]));
  }

  /**
   * Yields all active rules of a shard in slices, sorted by the subject and threshold of their first condition. The
   * evaluator stores rules in the order in which they are added; in this order the rules that one event reaches are
   * adjacent in memory, which makes a million rules half as fast again. A cursor over the ids alone sorts only once and
   * needs no memory in this process.
   */
  async *active(shard: number): AsyncGenerator<StoredRule[]> {
    const client = await this.database.connect('-c work_mem=64MB');
    try {
      await client.query('BEGIN READ ONLY');
      await client.query(IN_ORDER, [shard]);
      for (;;) {
        const { rows: ids } = await client.query<{ rule_id: string }>(`FETCH ${RULES_PER_QUERY} FROM ordered`);
        if (ids.length === 0) return;
        const rows = await this.database.query<RuleRow>(BY_ID, [ids.map((row) => row.rule_id)]);
        yield await this.withMemory(rows);
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Returns the rules edited after a revision; active ones with their definition. */
  async edits(shard: number, after: number): Promise<Edit[]> {
    const edited = await this.database.query<{ rule_id: string }>(
      'SELECT DISTINCT rule_id FROM alert_rule_edits WHERE shard = $1 AND revision > $2',
      [shard, after],
    );
    const ids = edited.map((row) => row.rule_id);
    if (ids.length === 0) return [];
    const rows = await this.database.query<RuleRow>(BY_ID, [ids]);
    const stored = new Map((await this.withMemory(rows)).map((entry) => [entry.rule.ruleId, entry]));
    return ids.map((ruleId) => ({ ruleId, stored: stored.get(ruleId) }));
  }

  /** Deletes edits that the shard's owner has applied; the next owner reads the rules themselves. */
  async forget(shard: number, upTo: number): Promise<void> {
    await this.database.query('DELETE FROM alert_rule_edits WHERE shard = $1 AND revision <= $2', [shard, upTo]);
  }

  private async withMemory(rows: readonly RuleRow[]): Promise<StoredRule[]> {
    const ids = rows.map((row) => row.rule_id);
    const [rules, instances] = await Promise.all([
      this.database.query<SavedRule & { ruleId: string }>(RULE_MEMORY, [ids]),
      this.database.query<SavedInstance & { phase: Phase }>(INSTANCE_MEMORY, [ids]),
    ]);
    const saved = new Map(
      rules.map((rule): [string, { rule: SavedRule; instances: SavedInstance[] }] => [
        rule.ruleId,
        { rule, instances: [] },
      ]),
    );
    for (const instance of instances) saved.get(instance.ruleId)?.instances.push(instance);
    const stored = rows.map((row): StoredRule => ({ rule: ruleOf(row), saved: saved.get(row.rule_id) }));
    await this.withVersions(stored);
    return stored;
  }

  /** Adds the earlier rule versions to which the saved states of edited rules belong. */
  private async withVersions(stored: readonly StoredRule[]): Promise<void> {
    const edited = stored.filter(({ rule, saved }) => saved !== undefined && saved.rule.ruleVersion < rule.version);
    if (edited.length === 0) return;
    const rows = await this.database.query<{ id: string; rule: Rule }>(VERSIONS, [
      edited.map(({ rule }) => rule.ruleId),
      edited.map(({ saved }) => saved?.rule.ruleVersion ?? 0),
    ]);
    const before = new Map(rows.map(({ id, rule }) => [id, rule]));
    for (const entry of edited) {
      const version = before.get(entry.rule.ruleId);
      if (version !== undefined) entry.before = { ...version, snoozedUntil: null, createdAt: entry.rule.createdAt };
    }
  }
}

/**
 * Order of the rules. Numbers and texts are sorted separately, so that one rule with text in place of a number does not
 * prevent the loading of the others.
 */
const IN_ORDER = `
DECLARE ordered NO SCROLL CURSOR FOR
SELECT rule_id FROM alert_rules r, LATERAL (SELECT r.conditions -> 0 AS first) c
WHERE r.shard = $1 AND r.is_active
ORDER BY (first ->> 'protocol') COLLATE "C", (first ->> 'chain') COLLATE "C", (first ->> 'token') COLLATE "C",
         (first ->> 'metric') COLLATE "C", first -> 'timeWindow', first -> 'threshold', rule_id`;

/** SQL that returns rules in the order of the given ids. */
const BY_ID = `
SELECT ${ruleColumns('r')} FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (rule_id, place)
JOIN alert_rules r USING (rule_id) WHERE r.is_active ORDER BY wanted.place`;

const RULE_MEMORY = `
SELECT rule_id AS "ruleId", rule_version AS "ruleVersion", seq::float8 AS seq,
       coalesce(extract(epoch FROM throttled_until) * 1000, 0)::float8 AS "throttledUntil", suppressed,
       coalesce(held_back, '[]') AS "heldBack", spent,
       coalesce(farewells, '[]') AS farewells
FROM alert_rule_state WHERE rule_id = ANY ($1::uuid[])`;

const INSTANCE_MEMORY = `
SELECT rule_id AS "ruleId", instance_key AS "instanceKey", leaves, phase,
       (extract(epoch FROM since) * 1000)::float8 AS since, told AS notified, owed, assumed, quiet
FROM alert_instances WHERE rule_id = ANY ($1::uuid[])`;

const VERSIONS = `
SELECT v.rule_id AS id, v.rule FROM unnest($1::uuid[], $2::int[]) AS known (rule_id, version)
JOIN alert_rule_versions v USING (rule_id, version)
WHERE NOT EXISTS (SELECT FROM alert_rule_versions o
                  WHERE o.rule_id = v.rule_id AND o.version >= v.version AND o.rule -> 'isActive' = 'false')`;
