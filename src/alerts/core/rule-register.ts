import { turningPoints } from './rule/comparison.js';
import type { CompiledLeaf, CompiledRule } from './rule/compile-rule.js';
import { EventScope, EventScopes } from './index/event-scopes.js';
import type { InstanceBook } from './table/instance-book.js';
import type { LeafTable } from './table/leaf-table.js';
import type { Market } from './market/market.js';
import type { RuleDefinition } from './rule/rule.js';
import type { RuleTable } from './table/rule-table.js';
import type { Scope } from './index/scope.js';
import { Unseen } from './judge/unseen.js';
import { ABSENCE } from './rule/watched-number.js';

/** Adds rules to the tables and their conditions to the scopes, and removes them again. */
export class RuleRegister {
  readonly events = new EventScopes();
  readonly unseen: Unseen;

  constructor(
    private readonly market: Market,
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
  ) {
    this.unseen = new Unseen(leaves);
  }

  add(rule: RuleDefinition, compiled: CompiledRule): number {
    const row = this.rules.add(rule, compiled.program, compiled.variables);
    this.instances.addBase(row);
    for (const [position, leaf] of compiled.leaves.entries()) {
      const scope = this.scopeOf(leaf);
      const test = 'number' in leaf ? leaf.test : undefined;
      const id = this.leaves.add(row, position, scope, test, 'event' in leaf ? leaf.field : undefined);
      if (scope instanceof EventScope) scope.leaves.add(id);
      else if (test) for (const point of turningPoints(test)) scope.insert(point, id);
      this.unseen.add(id, rule.createdAt?.getTime() ?? 0);
    }
    return row;
  }

  /** Removes a rule; returns its scopes, which must be released after rules that may join them have been added. */
  remove(row: number): (Scope | EventScope)[] {
    const left: (Scope | EventScope)[] = [];
    for (const leaf of this.leaves.of(row)) {
      const scope = this.leaves.scope(leaf);
      if (scope) left.push(scope);
      if (scope instanceof EventScope) scope.leaves.delete(leaf);
      else for (const point of turningPoints(this.leaves.test(leaf))) scope?.thresholds.remove(point, leaf);
      this.unseen.delete(leaf);
      this.leaves.remove(leaf);
    }
    this.instances.removeAll(row);
    this.rules.remove(row);
    return left;
  }

  /** Drops those scopes that have no conditions. */
  release(scopes: readonly (Scope | EventScope)[]): void {
    for (const scope of scopes) {
      const isForgotten = scope instanceof EventScope ? this.events.release(scope) : this.market.release(scope);
      if (isForgotten) this.leaves.forgetScope(scope);
    }
  }

  /** Whether an edited rule has the same conditions with the same meaning. */
  isLike(row: number, rule: RuleDefinition, compiled: CompiledRule): boolean {
    if (!this.rules.isLike(row, rule, compiled.program)) return false;
    const present = [...this.leaves.of(row)];
    return (
      present.length === compiled.leaves.length &&
      compiled.leaves.every((leaf, position) => {
        const id = present[position];
        if (id === undefined) return false;
        const test = 'number' in leaf ? leaf.test : undefined;
        return this.leaves.isLike(id, this.scopeOf(leaf), test, 'event' in leaf ? leaf.field : undefined);
      })
    );
  }

  /** Sets the conditions of a new rule from the current values of the market. */
  readMarket(row: number): void {
    for (const leaf of this.leaves.of(row)) {
      const scope = this.leaves.numberScope(leaf);
      if (scope && scope.variables === 0) this.readOne(row, leaf, scope);
      else if (scope) this.readFamily(row, leaf, scope);
    }
  }

  /**
   * Updates a restored rule by observations and filter changes since its state was stored, which cause no move of a
   * number. Returns the instances to judge.
   */
  recheck(row: number): number[] {
    const changed: number[] = [];
    for (const leaf of this.leaves.of(row)) {
      const watched = this.leaves.numberScope(leaf)?.watched;
      if (watched?.filter || watched?.windowMs === ABSENCE) changed.push(...this.recheckLeaf(row, leaf));
    }
    const { table } = this.instances;
    const isOver = (one: number): boolean => !this.rules.isTrue(row, this.instances.held(one));
    // Includes rows whose conditions a previous evaluator had updated but not judged.
    return [
      ...changed,
      ...[...this.instances.firingRows(row)].filter((one) => table.phase(one) !== 'ok' && isOver(one)),
    ];
  }

  private recheckLeaf(row: number, leaf: number): number[] {
    const { table } = this.instances;
    const bit = this.leaves.bit(leaf);
    const scope = this.leaves.numberScope(leaf);
    const changed: number[] = [];
    for (const instance of this.instances.all(row)) {
      const key = table.key(instance);
      const quantity = scope?.quantityOf(key);
      if (!scope || !quantity || (table.held.get(instance) & bit) === 0 || this.unseen.isDue(leaf, this.market.clock))
        continue;
      if (this.leaves.holds(leaf, true, scope.comparable(quantity.value)) && scope.lets(key, true)) continue;
      table.flip(instance, bit);
      changed.push(instance);
    }
    const begin = (key: string): void => {
      const instance = this.instances.obtain(row, key);
      if ((table.held.get(instance) & bit) !== 0) return;
      table.flip(instance, bit);
      changed.push(instance);
    };
    const holds = (value: number): boolean => this.leaves.holds(leaf, false, value);
    if (scope?.variables === 0 && holds(scope.value)) begin('');
    scope?.visitMembers(holds, begin);
    return changed;
  }

  private readOne(row: number, leaf: number, scope: Scope): void {
    if (this.leaves.holds(leaf, false, scope.value) || this.unseen.isDue(leaf, this.market.clock)) {
      this.instances.table.flip(this.rules.base.get(row), this.leaves.bit(leaf));
    }
  }

  private readFamily(row: number, leaf: number, scope: Scope): void {
    const bit = this.leaves.bit(leaf);
    scope.visitMembers(
      (value) => this.leaves.holds(leaf, false, value),
      (instance) => this.instances.table.flip(this.instances.obtain(row, instance), bit),
    );
  }

  private scopeOf(leaf: CompiledLeaf): Scope | EventScope {
    return 'number' in leaf ? this.market.scope(leaf.number) : this.events.scope(leaf.event, leaf.variables);
  }
}
