import type { QuantityNumbers } from './numbers.js';
import type { Scope } from './scope.js';
import type { Series } from './series.js';

/** A scope as one series takes part in it. */
export interface Membership {
  readonly scope: Scope;
  /** Position of the series among the scope's members. */
  readonly member: number;
}

/**
 * A number that conditions compare with their thresholds: a series itself, or its change over one window. Computed once
 * per event, however many rules look at it.
 */
export class Quantity {
  readonly signed: Membership[] = [];
  readonly absolute: Membership[] = [];
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

  /** What a change is measured against. */
  get reference(): number {
    return this.numbers.reference.get(this.row);
  }

  /** When the reference was observed, Unix ms. */
  get referenceAt(): number {
    return this.numbers.referenceAt.get(this.row);
  }

  setNext(next: Quantity | undefined): void {
    this.numbers.next.set(this.row, next?.row ?? -1);
  }

  join(scope: Scope): void {
    const memberships = scope.watched.absolute ? this.absolute : this.signed;
    memberships.push({ scope, member: scope.join(this) });
    this.numbers.forgetBounds(this.row);
  }

  leave(scope: Scope): void {
    for (const memberships of [this.signed, this.absolute]) {
      const at = memberships.findIndex((membership) => membership.scope === scope);
      if (at >= 0) memberships.splice(at, 1);
    }
  }

  /** Notes how far the number can move without reaching a threshold. */
  noteBounds(): void {
    const { value } = this;
    const bounds = { low: -Infinity, high: Infinity };
    for (const { scope } of this.signed) scope.thresholds.narrow(bounds, value);
    if (this.absolute.length > 0) {
      const size = { low: 0, high: Infinity };
      for (const { scope } of this.absolute) scope.thresholds.narrow(size, Math.abs(value));
      bounds.low = Math.max(bounds.low, value < 0 ? -size.high : size.low);
      bounds.high = Math.min(bounds.high, value < 0 ? -size.low : size.high);
    }
    this.numbers.setBounds(this.row, bounds.low, bounds.high);
  }
}
