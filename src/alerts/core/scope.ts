import { isRealChain } from '../../events/core/index.js';
import type { QuantityNumbers } from './numbers.js';
import type { Quantity } from './quantity.js';
import type { Series } from './series.js';
import { ThresholdList } from './threshold-list.js';
import { ANY, instanceKey, TOTAL, variablesOf, type WatchedNumber } from './watched.js';

/**
 * All conditions on one number, or on one family of numbers (`tvl` of every protocol on ethereum). A family's members
 * share the thresholds; each is an instance of the rules on it.
 */
export class Scope {
  readonly thresholds = new ThresholdList();
  readonly variables: number;
  readonly members: Quantity[] = [];
  /** Instance of each member. */
  readonly instances: string[] = [];
  /** Rows of the members, because a new rule looks at the values of all. */
  private readonly rows: number[] = [];
  private readonly byInstance: Map<string, Quantity> | undefined;

  constructor(
    readonly key: string,
    readonly watched: WatchedNumber,
    private readonly numbers: QuantityNumbers,
  ) {
    this.variables = variablesOf(watched);
    if (this.variables > 0) this.byInstance = new Map();
  }

  /** Puts a leaf's threshold on the members. */
  insert(threshold: number, leaf: number): void {
    this.thresholds.insert(threshold, leaf);
    if (this.rows.length === 1) this.numbers.forgetBounds(this.rows[0] ?? 0);
    else this.numbers.forgetAllBounds();
  }

  includes({ measure, protocol, chain, token }: Series): boolean {
    const { watched } = this;
    return (
      measure === watched.measure &&
      (watched.protocol === ANY || watched.protocol === protocol) &&
      (watched.chain === ANY ? chain !== TOTAL && isRealChain(chain) : watched.chain === chain) &&
      (watched.token === ANY || watched.token === token)
    );
  }

  join(quantity: Quantity): number {
    const { protocol, chain, token } = quantity.series;
    const instance = instanceKey(this.variables, protocol, chain, token);
    this.instances.push(instance);
    this.byInstance?.set(instance, quantity);
    this.rows.push(quantity.row);
    return this.members.push(quantity) - 1;
  }

  valueOf(member: number): number {
    const value = this.numbers.value.get(this.rows[member] ?? 0);
    return this.watched.absolute ? Math.abs(value) : value;
  }

  /** The member that an instance of a rule is about; instances of conditions without wildcard have one for all. */
  quantityOf(instance: string): Quantity | undefined {
    return this.byInstance ? this.byInstance.get(instance) : this.members[0];
  }
}
