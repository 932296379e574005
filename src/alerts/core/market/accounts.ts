import type { Scope } from '../index/scope.js';
import type { Series } from '../index/series.js';
import type { AccountNumbers, MarketRow } from '../market-row.js';
import {
  ACCOUNT_MEASURES,
  isOfAccount,
  variablesOf,
  type AccountMeasure,
  type WatchedNumber,
} from '../rule/watched-number.js';
import type { SeriesBook } from './series-book.js';

type Numbers = Omit<AccountNumbers, 'at'>;
type Update = (series: Series, value: number) => void;

const MEASURES = Object.keys(ACCOUNT_MEASURES).filter(isOfAccount);

/** Returns the numbers that a row of the log announces of an account; undefined if it is no `points_change`. */
export function accountNumbersOf({ type, data }: MarketRow): Numbers | undefined {
  const account = type === 'points_change' ? data?.['account'] : undefined;
  if (typeof account !== 'string') return undefined;
  const number = (measure: AccountMeasure): number => Number(data?.[ACCOUNT_MEASURES[measure]] ?? NaN);
  return { account, points: number('points'), staked_tokens: number('staked_tokens') };
}

/**
 * Series of accounts. There may be a million accounts of which no rule speaks, so only those that a rule names have
 * series, or all while a rule is about each account.
 */
export class Accounts {
  /** Scopes about each account. */
  private readonly families = new Set<Scope>();

  constructor(private readonly series: SeriesBook) {}

  add(scope: Scope): void {
    if (isOfAccount(scope.watched.measure)) this.families.add(scope);
  }

  remove(scope: Scope): void {
    this.families.delete(scope);
  }

  /** Updates the series that rules watch; returns these. */
  apply(numbers: Numbers, update: Update): Series[] {
    return MEASURES.flatMap((measure) => {
      const { account } = numbers;
      const series = this.isFamilyWatched(measure)
        ? this.series.ofToken(measure, account)
        : this.series.find(measure, '', '', account);
      if (!series || Number.isNaN(numbers[measure])) return [];
      update(series, numbers[measure]);
      return [series];
    });
  }

  /** Gives an account its first values. */
  seed(numbers: Numbers, update: Update): void {
    for (const measure of MEASURES) {
      const series = this.series.ofToken(measure, numbers.account);
      if (Number.isNaN(series.value)) update(series, numbers[measure]);
    }
  }

  /** Whether the present value of an account, or of each account, is known here. */
  isKnown(watched: WatchedNumber): boolean {
    const { measure, token } = watched;
    if (variablesOf(watched) !== 0) return this.isFamilyWatched(measure);
    return !Number.isNaN(this.series.find(measure, '', '', token)?.value ?? NaN);
  }

  private isFamilyWatched(measure: string): boolean {
    for (const { watched } of this.families) if (watched.measure === measure) return true;
    return false;
  }
}
