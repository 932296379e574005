import type { SavedInstance, SavedRule, SavedState, StateChanges } from '../../../src/alerts/core/index.js';

/** Evaluator state, stored as in the database. */
export class StateStore {
  private readonly rules = new Map<string, SavedRule>();
  private readonly instances = new Map<string, Map<string, SavedInstance>>();

  write({ rules, instances, removed }: StateChanges): void {
    for (const { ruleId, instanceKey } of removed) this.instances.get(ruleId)?.delete(instanceKey);
    for (const rule of rules) this.rules.set(rule.ruleId, rule);
    for (const instance of instances) {
      const known = this.instances.get(instance.ruleId) ?? new Map<string, SavedInstance>();
      this.instances.set(instance.ruleId, known.set(instance.instanceKey, instance));
    }
  }

  drop(ruleId: string): void {
    this.rules.delete(ruleId);
    this.instances.delete(ruleId);
  }

  /**
   * Returns the state of a rule; undefined if it never changed. Instances without a rule's state are ignored, as in the
   * database.
   */
  of(ruleId: string): SavedState | undefined {
    const rule = this.rules.get(ruleId);
    return rule && { rule, instances: [...(this.instances.get(ruleId)?.values() ?? [])] };
  }
}
