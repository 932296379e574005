import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

/** Kinds of rule edits. */
export type RuleChange = 'created' | 'changed' | 'deleted';

/** Publishes rule edits to the evaluators in commit order. */
@Injectable()
export class RuleEdits {
  private readonly listeners = new Set<() => void>();

  /**
   * Records an edit inside the transaction that makes it. It blocks other edits of the shard until the transaction ends,
   * so it must be the last statement: the order of the numbers is then the order of the commits.
   */
  async note(tx: PoolClient, shard: number, ruleId: string): Promise<void> {
    await tx.query(
      `WITH counted AS (
         UPDATE alert_shards SET rules_revision = rules_revision + 1 WHERE shard = $1 RETURNING shard, rules_revision)
       INSERT INTO alert_rule_edits (shard, revision, rule_id) SELECT shard, rules_revision, $2 FROM counted`,
      [shard, ruleId],
    );
  }

  /** Calls `listener` after an edit was committed in this process; other processes poll the shard's revision. */
  onEdit(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  committed(): void {
    for (const listener of this.listeners) listener();
  }
}
