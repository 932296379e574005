import { isRealChain } from '../../../events/core/index.js';
import type { QuantityNumbers } from './numbers.js';
import { Gate } from './profiles.js';
import type { Quantity } from './quantity.js';
import type { Series } from './series.js';
import { ThresholdList } from '../structures/threshold-list.js';
import { ANY, instanceKey, TOTAL, variablesOf, type WatchedNumber } from '../rule/watched-number.js';

const NONE: never[] = [];

/** Whether a series is the watched one, or is in the watched family. */
export function isAmong(watched: WatchedNumber, { measure, protocol, chain, token }: Series): boolean {
  return (
    measure === watched.measure &&
    (watched.protocol === ANY || watched.protocol === protocol) &&
    (watched.chain === ANY ? chain !== TOTAL && isRealChain(chain) : watched.chain === chain) &&
    (watched.token === ANY || watched.token === token)
  );
}

/**
 * Conditions on one number, or on one family of numbers (for example `tvl` of every protocol on ethereum). The members of
 * a family share the thresholds; each member is an instance of the rules on the family.
 */
export class Scope {
  readonly thresholds = new ThresholdList();
  readonly variables: number;
  /** Members of a family. Their instances and rows are also stored as arrays, because a new rule reads all of them. */
  private readonly byInstance: Map<string, Quantity> | undefined;
  private readonly instances: string[] = NONE;
  private readonly rows: number[] = NONE;
  /** Parts of the filter that each member of a family meets, as bits, by instance. */
  private readonly gates: Map<string, number> | undefined;
  /** Quantity of a scope on a single number. */
  private only: Quantity | undefined;

  constructor(
    readonly key: string,
    readonly watched: WatchedNumber,
    private readonly numbers: QuantityNumbers,
  ) {
    this.variables = variablesOf(watched);
    if (this.variables === 0) return;
    this.byInstance = new Map();
    if (watched.filter) this.gates = new Map();
    this.instances = [];
    this.rows = [];
  }

  /** Adds a leaf's threshold and drops the members' bounds. */
  insert(threshold: number, leaf: number): void {
    this.thresholds.insert(threshold, leaf);
    if (this.only) this.numbers.forgetBounds(this.only.row);
    else this.numbers.forgetAllBounds();
  }

  includes(series: Series): boolean {
    return isAmong(this.watched, series);
  }

  /** Records the parts of the filter that an instance meets; returns false if these parts have not changed. */
  setGate(instance: string, gate: number): boolean {
    if (!this.gates || this.gates.get(instance) === gate) return false;
    this.gates.set(instance, gate);
    return true;
  }

  /**
   * Whether the filter lets a condition hold for this instance. `minTvl` is required only while the condition does not hold
   * yet.
   */
  lets(instance: string, held: boolean): boolean {
    if (!this.gates) return true;
    const gate = this.gates.get(instance) ?? 0;
    return (gate & Gate.kind) !== 0 && (held || (gate & Gate.size) !== 0);
  }

  /** Adds a member; returns the key of its instance. */
  join(quantity: Quantity): string {
    const { protocol, chain, token } = quantity.series;
    const instance = instanceKey(this.variables, protocol, chain, token);
    if (this.byInstance) {
      this.byInstance.set(instance, quantity);
      this.instances.push(instance);
      this.rows.push(quantity.row);
    } else this.only = quantity;
    return instance;
  }

  get members(): Iterable<Quantity> {
    return this.byInstance ? this.byInstance.values() : this.only ? [this.only] : [];
  }

  /** Value with which conditions are compared if the scope is on a single number; NaN for a family. */
  get value(): number {
    return this.comparable(this.only?.value ?? NaN);
  }

  /** Calls `visitor` with every member of a family whose number passes the test. */
  visitMembers(test: (value: number) => boolean, visitor: (instance: string) => void): void {
    const { rows, instances } = this;
    for (let member = 0; member < rows.length; member += 1) {
      const instance = instances[member] ?? '';
      if (test(this.comparable(this.numbers.value.get(rows[member] ?? 0))) && this.lets(instance, false))
        visitor(instance);
    }
  }

  /** Returns the member for an instance of a rule; a scope without wildcards has the same quantity for all instances. */
  quantityOf(instance: string): Quantity | undefined {
    return this.byInstance ? this.byInstance.get(instance) : this.only;
  }

  /** Returns the number in the form in which it is compared: the absolute value if both directions count. */
  comparable(value: number): number {
    return this.watched.absolute ? Math.abs(value) : value;
  }
}
