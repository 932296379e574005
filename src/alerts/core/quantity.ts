import type { QuantityNumbers } from './numbers.js';
import type { Scope } from './scope.js';
import type { Series } from './series.js';

/** A scope as one series takes part in it. */
export interface Membership {
  readonly scope: Scope;
  /** Instance of the scope's rules that the series is. */
  readonly instance: string;
}

/**
 * A number that conditions compare with their thresholds: a series itself, or its change over one window. Computed once
 * per event, however many rules look at it.
 */
export class Quantity {
  /** Scopes that compare it as it is, and those that compare its size. Replaced, not appended to: most have one. */
  signed: readonly Membership[] = [];
  absolute: readonly Membership[] = [];
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
    const membership = { scope, instance: scope.join(this) };
    if (scope.watched.absolute) this.absolute = [...this.absolute, membership];
    else this.signed = [...this.signed, membership];
    this.numbers.forgetBounds(this.row);
  }

  leave(scope: Scope): void {
    this.signed = this.signed.filter((membership) => membership.scope !== scope);
    this.absolute = this.absolute.filter((membership) => membership.scope !== scope);
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
