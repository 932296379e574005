import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

/** Classes of rule edits. */
export type RuleChange = 'created' | 'changed' | 'deleted';

/** Publishes rule edits to the evaluators in commit order. */
@Injectable()
export class RuleEdits {
  private readonly listeners = new Set<() => void>();

  /**
   * Notes an edit inside the transaction that makes it. Blocks other edits of the shard until that ends, so it comes last: the
   * numbers' order is then the order of the commits.
   */
  async note(tx: PoolClient, shard: number, ruleId: string): Promise<void> {
    await tx.query(
      `WITH counted AS (
         UPDATE alert_shards SET rules_revision = rules_revision + 1 WHERE shard = $1 RETURNING shard, rules_revision)
       INSERT INTO alert_rule_edits (shard, revision, rule_id) SELECT shard, rules_revision, $2 FROM counted`,
      [shard, ruleId],
    );
  }

  /** Calls `listener` after an edit was committed in this process; other processes see the shard's revision within their poll. */
  onEdit(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  committed(): void {
    for (const listener of this.listeners) listener();
  }
}
