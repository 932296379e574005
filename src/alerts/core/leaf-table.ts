import { Column, RowNumbers } from './column.js';
import { Comparison, crosses, holds, type Test } from './comparison.js';
import type { EventScope } from './event-scopes.js';
import { Scope } from './scope.js';

/** More than there are. */
const COMPARISONS = 8;

/** Every condition of every rule, a row each; those of one rule are chained. */
export class LeafTable {
  private readonly numbers = Column.sideBySide('float64', 2);
  private readonly threshold = this.numbers.next();
  private readonly slack = this.numbers.next();
  private readonly words = Column.sideBySide('int32', 3);
  readonly rule = this.words.next();
  /** Position in the rule and comparison, in one number. */
  private readonly code = this.words.next();
  private readonly next = this.words.next();
  private readonly first = Column.int32();
  private readonly scopes: (Scope | EventScope | undefined)[] = [];
  private readonly rows = new RowNumbers();

  /** Appends a condition to the rule; call in the order of positions. */
  add(rule: number, position: number, scope: Scope | EventScope, test?: Test): number {
    const leaf = this.rows.take();
    this.rule.set(leaf, rule);
    this.code.set(leaf, position * COMPARISONS + (test?.comparison ?? 0));
    this.next.set(leaf, -1);
    this.scopes[leaf] = scope;
    this.threshold.set(leaf, test?.threshold ?? 0);
    this.slack.set(leaf, test?.slack ?? 0);
    if (position === 0) this.first.set(rule, leaf);
    else this.next.set(this.last(rule), leaf);
    return leaf;
  }

  /** Leaves of a rule in the order of positions. */
  *of(rule: number): Generator<number> {
    for (let leaf = this.first.get(rule); leaf >= 0; leaf = this.next.get(leaf)) yield leaf;
  }

  /** The leaf's bit in the rule's program. */
  bit(leaf: number): number {
    return 1 << (this.code.get(leaf) / COMPARISONS);
  }

  scope(leaf: number): Scope | EventScope | undefined {
    return this.scopes[leaf];
  }

  /** The scope if the leaf compares a number. */
  numberScope(leaf: number): Scope | undefined {
    const scope = this.scopes[leaf];
    return scope instanceof Scope ? scope : undefined;
  }

  holds(leaf: number, held: boolean, value: number): boolean {
    return holds(this.comparison(leaf), this.threshold.get(leaf), this.slack.get(leaf), held, value);
  }

  /** Whether the move passed the value that an `eq` waits for. */
  isPassed(leaf: number, before: number, after: number): boolean {
    return this.comparison(leaf) === Comparison.eq && crosses(this.threshold.get(leaf), before, after);
  }

  test(leaf: number): Test {
    return {
      comparison: this.comparison(leaf),
      threshold: this.threshold.get(leaf),
      slack: this.slack.get(leaf),
    };
  }

  isLike(leaf: number, scope: Scope | EventScope, test?: Test): boolean {
    return (
      this.scopes[leaf] === scope &&
      this.comparison(leaf) === (test?.comparison ?? 0) &&
      this.threshold.get(leaf) === (test?.threshold ?? 0) &&
      this.slack.get(leaf) === (test?.slack ?? 0)
    );
  }

  remove(leaf: number): void {
    this.scopes[leaf] = undefined;
    this.rows.giveBack(leaf);
  }

  private comparison(leaf: number): number {
    return this.code.get(leaf) % COMPARISONS;
  }

  private last(rule: number): number {
    let leaf = this.first.get(rule);
    while (this.next.get(leaf) >= 0) leaf = this.next.get(leaf);
    return leaf;
  }
}
