import { InstanceTable } from './instance-table.js';
import type { RuleTable } from './rule-table.js';
import type { SavedInstance } from '../saved-state.js';
import { variablesOfKey } from '../rule/watched-number.js';

const NONE: ReadonlyMap<string, number> = new Map();

/**
 * Index of the instances of each rule. The base instance (empty key) always exists, the others exist only while they are
 * not at rest.
 */
export class InstanceBook {
  readonly table = new InstanceTable();
  /** Instances of wildcard rules by key; rules without instances have no entry. */
  private readonly byKey = new Map<number, Map<string, number>>();
  private removed: Pick<SavedInstance, 'ruleId' | 'instanceKey'>[] = [];

  constructor(private readonly rules: RuleTable) {}

  addBase(rule: number): void {
    this.rules.base.set(rule, this.table.add(rule, ''));
  }

  find(rule: number, key: string): number | undefined {
    return key === '' ? this.rules.base.get(rule) : this.byKey.get(rule)?.get(key);
  }

  obtain(rule: number, key: string): number {
    const known = this.find(rule, key);
    if (known !== undefined) return known;
    const row = this.table.add(rule, key);
    const keyed = this.byKey.get(rule);
    if (keyed) keyed.set(key, row);
    else this.byKey.set(rule, new Map([[key, row]]));
    return row;
  }

  /** Returns the rows that can fire: the instances of a wildcard rule, or the base of a rule without wildcards. */
  firingRows(rule: number): Iterable<number> {
    return this.rules.variables.get(rule) === 0 ? [this.rules.base.get(rule)] : this.keyed(rule).values();
  }

  /** Returns the base and every instance of the rule that is not at rest. */
  all(rule: number): readonly number[] {
    return [this.rules.base.get(rule), ...this.keyed(rule).values()];
  }

  /** Whether the row is an instance that can fire, not only the base of a wildcard rule. */
  isOne(row: number): boolean {
    return this.isKeyOf(this.table.rule.get(row), this.table.key(row));
  }

  /** Whether the key has exactly the wildcards of the rule, so that its instance can fire. */
  isKeyOf(rule: number, key: string): boolean {
    return variablesOfKey(key) === this.rules.variables.get(rule);
  }

  /** Whether the row is the base of a wildcard rule, which only stores the conditions without wildcards. */
  isShared(row: number): boolean {
    return this.table.key(row) === '' && this.rules.variables.get(this.table.rule.get(row)) !== 0;
  }

  /** Returns the conditions that hold for the instance, as bits, including the rule's conditions without wildcards. */
  held(row: number): number {
    const { table } = this;
    const own = table.held.get(row);
    return table.key(row) === '' ? own : own | table.held.get(this.baseOf(row));
  }

  /** Returns the conditions as `held` does, including those that hold only for the current event. */
  heldNow(row: number): number {
    const { table } = this;
    const own = table.held.get(row) | table.momentary.get(row);
    if (table.key(row) === '') return own;
    const base = this.baseOf(row);
    return own | table.held.get(base) | table.momentary.get(base);
  }

  /** Drops an instance of a wildcard rule that is at rest; otherwise every subject with a value would keep one. */
  dropIfAtRest(row: number): void {
    const key = this.table.key(row);
    if (key === '' || !this.table.isAtRest(row)) return;
    const rule = this.table.rule.get(row);
    const keyed = this.byKey.get(rule);
    keyed?.delete(key);
    if (keyed?.size === 0) this.byKey.delete(rule);
    this.drop(rule, key, row);
  }

  removeAll(rule: number): void {
    for (const [key, row] of this.keyed(rule)) this.drop(rule, key, row);
    this.drop(rule, '', this.rules.base.get(rule));
    this.byKey.delete(rule);
  }

  saved(rule: number): SavedInstance[] {
    return this.all(rule)
      .filter((row) => !this.table.isAtRest(row))
      .map((row) => this.table.saved(row, this.rules.id(rule)));
  }

  takeChanges(): { instances: SavedInstance[]; removed: Pick<SavedInstance, 'ruleId' | 'instanceKey'>[] } {
    const { removed, table } = this;
    this.removed = [];
    const instances: SavedInstance[] = [];
    const rows = table.takeDirty();
    this.rules.fetchIds(rows, table.rule);
    for (const row of rows) {
      const isAtRest = table.isAtRest(row);
      const wasStored = table.setStored(row, !isAtRest);
      if (isAtRest && !wasStored) continue;
      const rule = table.rule.get(row);
      const ruleId = this.rules.id(rule);
      if (isAtRest) removed.push({ ruleId, instanceKey: table.key(row) });
      else {
        instances.push(table.saved(row, ruleId));
        this.rules.store(rule);
      }
    }
    return { instances, removed };
  }

  /** Returns the rows sorted so that the instances of one rule are in the order of their keys. */
  inOrder(rows: readonly number[]): readonly number[] {
    if (rows.length < 2) return rows;
    const { table } = this;
    const isKeyed = (row: number): boolean => this.rules.variables.get(table.rule.get(row)) !== 0;
    const wildcard = rows.filter(isKeyed);
    if (wildcard.length < 2) return rows;
    wildcard.sort((a, b) => table.rule.get(a) - table.rule.get(b) || (table.key(a) < table.key(b) ? -1 : 1));
    return [...rows.filter((row) => !isKeyed(row)), ...wildcard];
  }

  private keyed(rule: number): ReadonlyMap<string, number> {
    return this.byKey.get(rule) ?? NONE;
  }

  private baseOf(row: number): number {
    return this.rules.base.get(this.table.rule.get(row));
  }

  private drop(rule: number, key: string, row: number): void {
    if (this.table.setStored(row, false)) this.removed.push({ ruleId: this.rules.id(rule), instanceKey: key });
    this.table.remove(row);
  }
}
