import { Records, RowNumbers } from '../structures/column.js';
import { Comparison, crosses, holds, type Test } from '../rule/comparison.js';
import type { EventScope } from '../index/event-scopes.js';
import { comparedNumber, passesField } from '../rule/field-test.js';
import type { FieldTest } from '../rule/rule.js';
import type { RuleTable } from './rule-table.js';
import { Scope } from '../index/scope.js';
import { PREVIOUS } from '../rule/watched-number.js';

const COMPARISON_BITS = 3;
const POSITION_BITS = 4;
const WHAT_BITS = POSITION_BITS + COMPARISON_BITS;

/** Conditions ("leaves") of all rules, 32 bytes each; the conditions of one rule are a linked list. */
export class LeafTable {
  private readonly records = new Records({ floats: 2, ints: 4 });
  private readonly threshold = this.records.float64();
  private readonly slack = this.records.float64();
  readonly rule = this.records.int32();
  /** Base instance of the rule, copied here so that the rule's row need not be read. */
  readonly base = this.records.int32();
  /** Next condition of the rule; −1 after the last. */
  readonly next = this.records.int32();
  /** Scope, position in the rule and comparison, in one number. */
  private readonly code = this.records.int32();
  private readonly scopes: (Scope | EventScope | undefined)[] = [];
  private readonly idOfScope = new Map<Scope | EventScope, number>();
  private readonly freeScopeIds = new RowNumbers();
  private readonly rows = new RowNumbers();
  /** Tests of event conditions on the data of the event; most conditions have none. */
  private readonly fields = new Map<number, FieldTest>();
  /** Number of conditions whose wildcard has a filter. */
  private filtered = 0;

  constructor(private readonly rules: RuleTable) {}

  /** Appends a condition to the rule; must be called in the order of positions. */
  add(rule: number, position: number, scope: Scope | EventScope, test?: Test, field?: FieldTest): number {
    const leaf = this.rows.take();
    this.records.reserve(leaf);
    this.rule.set(leaf, rule);
    this.base.set(leaf, this.rules.base.get(rule));
    this.next.set(leaf, -1);
    const what = (position << COMPARISON_BITS) | (test?.comparison ?? 0);
    this.code.set(leaf, (this.idOf(scope) << WHAT_BITS) | what);
    this.threshold.set(leaf, test?.threshold ?? 0);
    this.slack.set(leaf, test?.slack ?? 0);
    if (field) this.fields.set(leaf, field);
    if (isFiltered(scope)) this.filtered += 1;
    if (position === 0) this.rules.firstLeaf.set(rule, leaf);
    else this.next.set(this.last(rule), leaf);
    return leaf;
  }

  /** Returns the first leaf of a rule, −1 if there is none; `next` leads to the others, in the order of positions. */
  first(rule: number): number {
    return this.rules.firstLeaf.get(rule);
  }

  /** Yields the leaves of a rule in the order of positions. */
  *of(rule: number): Generator<number> {
    for (let leaf = this.first(rule); leaf >= 0; leaf = this.next.get(leaf)) yield leaf;
  }

  /** Returns the leaf's bit in the rule's program. */
  bit(leaf: number): number {
    return 1 << ((this.code.get(leaf) >>> COMPARISON_BITS) & (2 ** POSITION_BITS - 1));
  }

  scope(leaf: number): Scope | EventScope | undefined {
    return this.scopes[this.code.get(leaf) >>> WHAT_BITS];
  }

  /** Returns the scope of a leaf that compares a number; undefined for a leaf about events. */
  numberScope(leaf: number): Scope | undefined {
    const scope = this.scope(leaf);
    return scope instanceof Scope ? scope : undefined;
  }

  holds(leaf: number, held: boolean, value: number): boolean {
    return holds(this.comparison(leaf), this.threshold.get(leaf), this.slack.get(leaf), held, value);
  }

  /** Whether the leaf's wildcard has a filter. */
  hasFilter(leaf: number): boolean {
    return this.filtered > 0 && isFiltered(this.scope(leaf));
  }

  /** Whether the filter of the leaf's wildcard allows it to hold for an instance. */
  lets(leaf: number, instance: string, held: boolean): boolean {
    return this.filtered === 0 || (this.numberScope(leaf)?.lets(instance, held) ?? true);
  }

  /** Whether the leaf is an `eq` whose value the number passed. */
  isPassed(leaf: number, before: number, after: number): boolean {
    return this.comparison(leaf) === Comparison.eq && crosses(this.threshold.get(leaf), before, after);
  }

  /** Whether the data of an event satisfies the leaf's test. */
  isMetBy(leaf: number, data: unknown): boolean {
    const field = this.fields.size > 0 ? this.fields.get(leaf) : undefined;
    return field === undefined || passesField(field, data);
  }

  /** Whether a rule has a condition on events. */
  waitForEvents(rule: number): boolean {
    return [...this.of(rule)].some((leaf) => this.numberScope(leaf) === undefined);
  }

  /** Whether a rule is only about changes from one published value to the next; each of these is a firing of its own. */
  isMove(rule: number): boolean {
    for (let leaf = this.first(rule); leaf >= 0; leaf = this.next.get(leaf)) {
      if (this.numberScope(leaf)?.watched.windowMs !== PREVIOUS) return false;
    }
    return true;
  }

  /** Returns the number in the data of an event that the leaf compares; null if it compares none. */
  comparedIn(leaf: number, data: unknown): number | null {
    const field = this.fields.get(leaf);
    return field === undefined ? null : comparedNumber(field, data);
  }

  /** Returns the threshold of a condition; 0 for a test that compares text. */
  comparesWith(rule: number, position: number): number {
    const leaf = [...this.of(rule)][position] ?? this.first(rule);
    const field = this.fields.get(leaf);
    if (field === undefined) return this.threshold.get(leaf);
    return typeof field.threshold === 'number' ? field.threshold : 0;
  }

  test(leaf: number): Test {
    return {
      comparison: this.comparison(leaf),
      threshold: this.threshold.get(leaf),
      slack: this.slack.get(leaf),
    };
  }

  isLike(leaf: number, scope: Scope | EventScope, test?: Test, field?: FieldTest): boolean {
    const known = this.fields.get(leaf);
    return (
      known?.field === field?.field &&
      known?.operator === field?.operator &&
      known?.threshold === field?.threshold &&
      this.scope(leaf) === scope &&
      this.comparison(leaf) === (test?.comparison ?? 0) &&
      this.threshold.get(leaf) === (test?.threshold ?? 0) &&
      this.slack.get(leaf) === (test?.slack ?? 0)
    );
  }

  remove(leaf: number): void {
    this.fields.delete(leaf);
    if (isFiltered(this.scope(leaf))) this.filtered -= 1;
    this.rows.giveBack(leaf);
  }

  /** Releases the id of a scope that has no leaves. */
  forgetScope(scope: Scope | EventScope): void {
    const id = this.idOfScope.get(scope);
    if (id === undefined) return;
    this.idOfScope.delete(scope);
    this.scopes[id] = undefined;
    this.freeScopeIds.giveBack(id);
  }

  private idOf(scope: Scope | EventScope): number {
    const known = this.idOfScope.get(scope);
    if (known !== undefined) return known;
    const id = this.freeScopeIds.take();
    this.idOfScope.set(scope, id);
    this.scopes[id] = scope;
    return id;
  }

  private comparison(leaf: number): number {
    return this.code.get(leaf) & (2 ** COMPARISON_BITS - 1);
  }

  private last(rule: number): number {
    let leaf = this.first(rule);
    while (this.next.get(leaf) >= 0) leaf = this.next.get(leaf);
    return leaf;
  }
}

function isFiltered(scope: Scope | EventScope | undefined): boolean {
  return scope instanceof Scope && scope.watched.filter !== undefined;
}
