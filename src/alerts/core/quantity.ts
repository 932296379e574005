import type { QuantityNumbers } from './numbers.js';
import type { Scope } from './scope.js';
import type { Series } from './series.js';
import type { Bounds, ThresholdList } from './threshold-list.js';

/**
 * Listener to moves of a number: the thresholds of a scope that it is a member of, and the instance (`instance`) of that scope's
 * rules.
 */
export type MoveListener = (thresholds: ThresholdList, instance: string, before: number, after: number) => void;

/** Membership of a number in a scope. A chain, because the cost of reading is the number of objects. */
interface Membership {
  readonly scope: Scope;
  readonly thresholds: ThresholdList;
  readonly instance: string;
  /** Whether the scope compares the size of the number. */
  readonly isAbsolute: boolean;
  readonly next: Membership | undefined;
}

/**
 * Number that conditions compare with their thresholds: a series itself, or its change over one window. Computed once per event,
 * however many rules look at it.
 */
export class Quantity {
  /** Memberships of scopes that compare the signed number. */
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

  /** Reference of a change. */
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

  join(scope: Scope): void {
    const { thresholds } = scope;
    const isAbsolute = scope.watched.absolute;
    this.memberships = append(this.memberships, { scope, thresholds, instance: scope.join(this), isAbsolute });
    this.numbers.forgetBounds(this.row);
  }

  leave(scope: Scope): void {
    this.memberships = without(this.memberships, scope);
  }

  /** Lowest threshold on the number. */
  get lowestThreshold(): number {
    let lowest = Infinity;
    for (let one = this.memberships; one; one = one.next) lowest = Math.min(lowest, one.thresholds.lowest);
    return lowest;
  }

  /** Whether no scope has it as a member. */
  get isUnused(): boolean {
    return this.memberships === undefined;
  }

  /** Notifies the listener of a move, and notes how far the number can move on without reaching a threshold. */
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

/** Narrows the bounds of a number to the thresholds next to its size, and to its sign. */
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

function without(chain: Membership | undefined, scope: Scope): Membership | undefined {
  if (!chain) return undefined;
  const next = without(chain.next, scope);
  return chain.scope === scope ? next : { ...chain, next };
}
