import { isRealChain } from '../../events/core/index.js';
import type { Quantity, Series } from './series.js';
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
  /** Of a family: what each member is compared by, side by side, because a new rule looks at all of them. */
  private readonly values: number[] | undefined;
  private readonly byInstance: Map<string, Quantity> | undefined;

  constructor(
    readonly key: string,
    readonly watched: WatchedNumber,
  ) {
    this.variables = variablesOf(watched);
    if (this.variables === 0) return;
    this.values = [];
    this.byInstance = new Map();
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
    const member = this.members.push(quantity) - 1;
    this.instances.push(instance);
    this.byInstance?.set(instance, quantity);
    this.noteValue(member, this.watched.absolute ? Math.abs(quantity.value) : quantity.value);
    return member;
  }

  noteValue(member: number, value: number): void {
    if (this.values) this.values[member] = value;
  }

  valueOf(member: number): number {
    if (this.values) return this.values[member] ?? NaN;
    const value = this.members[member]?.value ?? NaN;
    return this.watched.absolute ? Math.abs(value) : value;
  }

  /** The member that an instance of a rule is about; instances of conditions without wildcard have one for all. */
  quantityOf(instance: string): Quantity | undefined {
    return this.byInstance ? this.byInstance.get(instance) : this.members[0];
  }
}
