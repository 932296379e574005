import type { HistoryPoint, MarketRow } from '../market-row.js';

/** Place of a chain's value in the log. Times are Unix ms; stored ones have fractions. */
interface ChainMoment {
  readonly protocol: string;
  readonly chain: string;
  readonly observedAt: number;
  readonly loggedAt: number;
}

/**
 * Yields rows, in log order, with whether each is only a part of its protocol's total: the protocol's next row is of
 * another chain, was logged in the same step and observed in the same millisecond. Chains that were observed together make
 * one total: a sum of only some of the new values never was. The last of such rows completes the total.
 * @param momentOf returns the place of a chain's value; undefined for other rows
 */
function* withParts<Row>(
  rows: Iterable<Row>,
  momentOf: (row: Row) => ChainMoment | undefined,
): Generator<readonly [row: Row, isPart: boolean]> {
  let step: (readonly [Row, ChainMoment | undefined])[] = [];
  let millisecond: number | undefined;
  for (const row of rows) {
    const moment = momentOf(row);
    if (moment && millisecond !== Math.floor(moment.loggedAt)) {
      yield* ofStep(step);
      step = [];
      millisecond = Math.floor(moment.loggedAt);
    }
    step.push([row, moment]);
  }
  yield* ofStep(step);
}

function* ofStep<Row>(step: readonly (readonly [Row, ChainMoment | undefined])[]): Generator<readonly [Row, boolean]> {
  const next = new Map<string, ChainMoment>();
  const parts = step.map(() => false);
  for (let index = step.length - 1; index >= 0; index -= 1) {
    const moment = step[index]?.[1];
    if (!moment) continue;
    parts[index] = isCompletedBy(moment, next.get(moment.protocol));
    next.set(moment.protocol, moment);
  }
  for (const [index, [row]] of step.entries()) yield [row, parts[index] === true];
}

function isCompletedBy({ chain, observedAt }: ChainMoment, next: ChainMoment | undefined): boolean {
  return next !== undefined && next.chain !== chain && Math.floor(next.observedAt) === Math.floor(observedAt);
}

/** Yields rows of the log with whether each is only a part of its protocol's total, see `withParts`. */
export function rowsWithParts<Row extends MarketRow>(rows: Iterable<Row>): Generator<readonly [Row, boolean]> {
  return withParts(rows, ({ type, protocol, chain, observedAt, loggedAt }) =>
    protocol === null || chain === null || !type.startsWith('tvl_')
      ? undefined
      : // A removal is no observation: it completes no total.
        { protocol, chain, observedAt: type === 'tvl_removed' ? NaN : observedAt, loggedAt },
  );
}

/** Yields stored values, in log order, with `isPart` set for those that are only a part of their protocol's total. */
export function* markParts(points: Iterable<HistoryPoint>): Generator<HistoryPoint> {
  const momentOf = ({ protocol, chain, at, loggedAt }: HistoryPoint): ChainMoment | undefined =>
    protocol === null || chain === null ? undefined : { protocol, chain, observedAt: at, loggedAt: loggedAt ?? at };
  for (const [point, isPart] of withParts(points, momentOf)) yield isPart ? { ...point, isPart } : point;
}
