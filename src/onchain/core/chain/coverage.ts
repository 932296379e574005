import type { BlockRange } from './range-size.js';

/** Blocks whose logs of one contract are stored. */
export interface Coverage {
  /** First block that is wanted. */
  readonly fromBlock: number;
  /** Ascending, without overlaps. */
  readonly covered: readonly BlockRange[];
}

/** Blocks whose logs are missing, and the contracts that lack all of them. */
export interface Gap<T> extends BlockRange {
  readonly contracts: readonly T[];
}

/** Returns the lowest blocks up to `last` that contracts lack; undefined if they lack none. */
export function lowestGap<T extends Coverage>(contracts: readonly T[], last: number): Gap<T> | undefined {
  const missing = contracts.flatMap((contract) => {
    const range = firstMissing(contract, last);
    return range === undefined ? [] : [{ contract, range }];
  });
  const from = missing.reduce((lowest, { range }) => Math.min(lowest, range.from), Infinity);
  if (from === Infinity) return undefined;
  let to = last;
  for (const { range } of missing) to = Math.min(to, range.from === from ? range.to : range.from - 1);
  return { from, to, contracts: missing.filter(({ range }) => range.from === from).map(({ contract }) => contract) };
}

/** Blocks that a contract lacks at most to be read before others that lack more: else its new blocks would wait for them. */
const MAX_BLOCKS_BEHIND = 1_000;

/** Returns the gap to be read next: that of contracts which are nearly complete, else the lowest one. */
export function nextGap<T extends Coverage>(contracts: readonly T[], last: number): Gap<T> | undefined {
  const near = contracts.filter((each) => blocksMissing([each], last) <= MAX_BLOCKS_BEHIND);
  return lowestGap(near, last) ?? lowestGap(contracts, last);
}

/** Returns the number of wanted blocks up to `last` that some contract lacks, at most. */
export function blocksMissing(contracts: readonly Coverage[], last: number): number {
  const from = contracts.reduce(
    (lowest, each) => Math.min(lowest, firstMissing(each, last)?.from ?? Infinity),
    Infinity,
  );
  return from === Infinity ? 0 : last - from + 1;
}

function firstMissing({ fromBlock, covered }: Coverage, last: number): BlockRange | undefined {
  let from = fromBlock;
  for (const range of covered) {
    if (range.to < from) continue;
    if (range.from > from) return from > last ? undefined : { from, to: Math.min(last, range.from - 1) };
    from = range.to + 1;
  }
  return from > last ? undefined : { from, to: last };
}
