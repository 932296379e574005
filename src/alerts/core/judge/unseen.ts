import type { LeafTable } from '../table/leaf-table.js';
import { Comparison } from '../rule/comparison.js';
import { ABSENCE } from '../rule/watched-number.js';

/**
 * Conditions on the absence of a subject that was never observed: for these, the time since the creation of the rule
 * counts.
 */
export class Unseen {
  /** Creation time of each condition's rule, Unix ms. */
  private readonly since = new Map<number, number>();

  constructor(private readonly leaves: LeafTable) {}

  /** Adds a condition if its subject was never observed. */
  add(leaf: number, madeAt: number): void {
    const { comparison } = this.leaves.test(leaf);
    if (comparison === Comparison.gte && this.isUnseen(leaf)) this.since.set(leaf, madeAt);
  }

  delete(leaf: number): void {
    this.since.delete(leaf);
  }

  /** Whether the condition's threshold of minutes has been reached. */
  isDue(leaf: number, at: number): boolean {
    const since = this.since.get(leaf);
    return since !== undefined && (at - since) / MINUTE_MS >= this.leaves.test(leaf).threshold && this.isUnseen(leaf);
  }

  /**
   * Yields the conditions whose threshold of minutes has been reached; drops those whose subject has been observed since.
   */
  *due(at: number): Generator<number> {
    for (const leaf of this.since.keys()) {
      if (!this.isUnseen(leaf)) this.since.delete(leaf);
      else if (this.isDue(leaf, at)) yield leaf;
    }
  }

  private isUnseen(leaf: number): boolean {
    const scope = this.leaves.numberScope(leaf);
    if (scope?.watched.windowMs !== ABSENCE || scope.variables !== 0) return false;
    return Number.isNaN(scope.quantityOf('')?.series.seenAt ?? NaN);
  }
}

const MINUTE_MS = 60_000;
