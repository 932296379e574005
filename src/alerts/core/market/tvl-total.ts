import { ALL_CHAINS, isPseudoChain, isRealChain } from '../../../events/core/index.js';

/** Whether a chain's value is part of its protocol's total: `all` only if no real chain is known, pseudo chains never. */
export function countsInTotal(chain: string, known: Iterable<string>): boolean {
  if (isPseudoChain(chain)) return false;
  if (chain !== ALL_CHAINS) return true;
  for (const other of known) if (isRealChain(other)) return false;
  return true;
}

interface Whole {
  readonly value: number;
  readonly isSum: boolean;
}

/**
 * Newest TVL of each chain of one protocol, and their total: the sum of its real chains, or the value that a source gave
 * as `all` if there are none. The sum is computed in the order of the chains' names, so that equal values give the same
 * total to the last bit, regardless of their order of arrival.
 */
export class TvlTotal {
  /** Names of the real chains in sorted order, and their values. */
  private readonly chains: string[] = [];
  private readonly values: number[] = [];
  private readonly places = new Map<string, number>();
  private all = NaN;
  /** Total before the first of the parts that no later chain has completed yet. */
  private open: Whole | undefined;
  /** Total before the last `set`, and before the parts that it completed. */
  before: Whole = { value: NaN, isSum: false };

  /** Value of the total; NaN before the first value that counts. */
  get value(): number {
    if (this.values.length === 0) return this.all;
    let sum = 0;
    for (const value of this.values) sum += value;
    return sum;
  }

  /** Whether the total is a sum of real chains. */
  get isSum(): boolean {
    return this.values.length > 0;
  }

  /**
   * Sets the value of a chain; returns whether the total is then a new one.
   * @param isPart whether a later chain of the same write completes the total
   */
  set(chain: string, value: number, isPart = false): boolean {
    this.before = this.open ?? { value: this.value, isSum: this.isSum };
    const isCounted = this.place(chain, value) || this.open !== undefined;
    this.open = isPart && isCounted ? this.before : undefined;
    return isCounted && !isPart;
  }

  /** Stores the value of a chain; returns whether it is part of the total. */
  private place(chain: string, value: number): boolean {
    const place = this.places.get(chain);
    if (place !== undefined) {
      this.values[place] = value;
      return true;
    }
    if (chain === ALL_CHAINS) {
      this.all = value;
      return this.values.length === 0;
    }
    if (isPseudoChain(chain)) return false;
    this.insert(chain, value);
    return true;
  }

  /** Whether a chain's value is part of the total. */
  counts(chain: string): boolean {
    return this.places.has(chain) || (chain === ALL_CHAINS && !this.isSum);
  }

  /** Removes a chain; returns whether it was part of the total. */
  remove(chain: string): boolean {
    if (chain === ALL_CHAINS) {
      this.all = NaN;
      return this.values.length === 0;
    }
    const at = this.places.get(chain);
    if (at === undefined) return false;
    this.chains.splice(at, 1);
    this.values.splice(at, 1);
    this.places.delete(chain);
    for (let place = at; place < this.chains.length; place += 1) this.places.set(this.chains[place] ?? '', place);
    return true;
  }

  private insert(chain: string, value: number): void {
    const found = this.chains.findIndex((other) => other > chain);
    const at = found < 0 ? this.chains.length : found;
    this.chains.splice(at, 0, chain);
    this.values.splice(at, 0, value);
    for (let place = at; place < this.chains.length; place += 1) this.places.set(this.chains[place] ?? '', place);
  }
}
