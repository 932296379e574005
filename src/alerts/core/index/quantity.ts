import type { QuantityNumbers } from './numbers.js';
import type { Series } from './series.js';
import type { Bounds, ThresholdList } from '../structures/threshold-list.js';
import type { WatchedNumber } from '../rule/watched-number.js';

/** Conditions on a number, or on a family of numbers. */
interface ComparedScope {
  readonly thresholds: ThresholdList;
  readonly watched: Pick<WatchedNumber, 'absolute'>;
  /** Adds a member; returns the key of its instance. */
  join(quantity: Quantity): string;
}

/**
 * Called when a number changes. `thresholds`: those of one scope that contains the number; `instance`: the instance of
 * that scope's rules to which the number belongs.
 */
export type MoveListener = (thresholds: ThresholdList, instance: string, before: number, after: number) => void;

/** Membership of a number in a scope; a linked list, because the number of objects determines the cost of reading. */
interface Membership {
  readonly scope: ComparedScope;
  readonly thresholds: ThresholdList;
  readonly instance: string;
  /** Whether the scope compares the absolute value of the number. */
  readonly isAbsolute: boolean;
  readonly next: Membership | undefined;
}

/**
 * Number that conditions compare with their thresholds: the value of a series, or its change over one window. Computed
 * once per event, for all rules that use it.
 */
export class Quantity {
  /** Scopes that contain the number; those that compare the signed number are first. */
  private memberships: Membership | undefined;
  readonly row: number;

  constructor(
    private readonly numbers: QuantityNumbers,
    readonly series: Series,
    readonly windowMs: number,
  ) {
    this.row = numbers.add(windowMs);
  }

  get value(): number {
    return this.numbers.value.get(this.row);
  }

  /** Value against which a change is measured. */
  get reference(): number {
    return this.numbers.reference.get(this.row);
  }

  /** Time at which the reference was observed, Unix ms. */
  get referenceAt(): number {
    return this.numbers.referenceAt.get(this.row);
  }

  setNext(next: Quantity | undefined): void {
    this.numbers.next.set(this.row, next?.row ?? -1);
  }

  join(scope: ComparedScope): void {
    const { thresholds } = scope;
    const isAbsolute = scope.watched.absolute;
    this.memberships = append(this.memberships, { scope, thresholds, instance: scope.join(this), isAbsolute });
    this.numbers.forgetBounds(this.row);
  }

  leave(scope: ComparedScope): void {
    this.memberships = without(this.memberships, scope);
  }

  /** Lowest threshold of all conditions on the number. */
  get lowestThreshold(): number {
    let lowest = Infinity;
    for (let one = this.memberships; one; one = one.next) lowest = Math.min(lowest, one.thresholds.lowest);
    return lowest;
  }

  /** Whether no scope contains the number. */
  get isUnused(): boolean {
    return this.memberships === undefined;
  }

  /** Notifies the listener of a change, and records the range within which the number reaches no further threshold. */
  moved(before: number, after: number, listener: MoveListener): void {
    const bounds = { low: -Infinity, high: Infinity };
    for (let one = this.memberships; one; one = one.next) {
      if (one.isAbsolute) {
        listener(one.thresholds, one.instance, Math.abs(before), Math.abs(after));
        narrowBySize(bounds, one.thresholds, after);
      } else {
        listener(one.thresholds, one.instance, before, after);
        one.thresholds.narrow(bounds, after);
      }
    }
    this.numbers.setBounds(this.row, bounds.low, bounds.high);
  }
}

/** Narrows the bounds of a number to the thresholds next to its absolute value, with the sign of the number. */
function narrowBySize(bounds: Bounds, thresholds: ThresholdList, value: number): void {
  const size = { low: 0, high: Infinity };
  thresholds.narrow(size, Math.abs(value));
  bounds.low = Math.max(bounds.low, value < 0 ? -size.high : size.low);
  bounds.high = Math.min(bounds.high, value < 0 ? -size.low : size.high);
}

function append(chain: Membership | undefined, added: Omit<Membership, 'next'>): Membership {
  if (chain && (added.isAbsolute || !chain.isAbsolute)) return { ...chain, next: append(chain.next, added) };
  return { ...added, next: chain };
}

function without(chain: Membership | undefined, scope: ComparedScope): Membership | undefined {
  if (!chain) return undefined;
  const next = without(chain.next, scope);
  return chain.scope === scope ? next : { ...chain, next };
}
