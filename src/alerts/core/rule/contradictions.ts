import { Comparison, type Test } from './comparison.js';
import type { CompiledLeaf, CompiledRule } from './compile-rule.js';
import { alternatives } from './program.js';
import { LEVEL, numberKey, type WatchedEvent, type WatchedNumber } from './watched-number.js';

/** Positions of two conditions that cannot hold together; both are the same if one condition can never hold by itself. */
interface Conflict {
  readonly first: number;
  readonly second: number;
}

interface Satisfiability {
  /** Number of sets of conditions that each make the rule true. */
  readonly alternatives: number;
  /** Conflicts in those sets that can never hold. */
  readonly conflicts: readonly Conflict[];
}

/** Finds the sets of conditions that make the rule true but that no market state satisfies. */
export function satisfiability(rule: CompiledRule): Satisfiability {
  const ways = alternatives(rule.program);
  return { alternatives: ways.length, conflicts: ways.flatMap((way) => conflictIn(rule.leaves, way) ?? []) };
}

/**
 * Returns the positions of conditions that every possible number satisfies (`always`), and of conditions that never cease
 * to hold because their hysteresis exceeds the threshold (`held`).
 */
export function endless({ leaves }: CompiledRule): { always: number[]; held: number[] } {
  const always: number[] = [];
  const held: number[] = [];
  for (const [position, leaf] of leaves.entries()) {
    if (!('number' in leaf)) continue;
    const { comparison, threshold, slack } = leaf.test;
    const { low } = possible(leaf.number, position);
    const reaches = (from: number): boolean =>
      (comparison === Comparison.gte && from <= low) || (comparison === Comparison.gt && from < low);
    if (reaches(threshold)) always.push(position);
    else if (reaches(threshold - slack)) held.push(position);
  }
  return { always, held };
}

interface Range {
  low: number;
  high: number;
  /** Whether the bounds belong to the range. */
  lowIn: boolean;
  highIn: boolean;
  /** Position of the condition that last narrowed the range. */
  by: number;
}

function conflictIn(leaves: readonly CompiledLeaf[], way: number): Conflict | undefined {
  const ranges = new Map<string, Range>();
  let event: { watched: WatchedEvent; position: number } | undefined;
  for (const [position, leaf] of leaves.entries()) {
    if ((way & (1 << position)) === 0) continue;
    if ('event' in leaf) {
      if (event && !canBeOne(event.watched, leaf.event)) return { first: event.position, second: position };
      event = { watched: leaf.event, position };
      continue;
    }
    const key = numberKey(leaf.number);
    const range = ranges.get(key) ?? possible(leaf.number, position);
    const { by } = range;
    narrow(range, leaf.test, position);
    if (isEmpty(range)) return { first: by, second: position };
    ranges.set(key, range);
  }
  return undefined;
}

/**
 * Returns the possible range of a number: money is never negative, nothing falls by more than 100 %, and the absolute
 * value of a change is never negative.
 */
function possible({ windowMs, absolute }: WatchedNumber, by: number): Range {
  const low = windowMs === LEVEL || absolute ? 0 : -1;
  return { low, high: Infinity, lowIn: true, highIn: false, by };
}

function narrow(range: Range, { comparison, threshold, slack }: Test, by: number): void {
  range.by = by;
  const isBand = comparison === Comparison.eq;
  const from = isBand ? threshold - slack : threshold;
  const to = isBand ? threshold + slack : threshold;
  if (isBand || comparison === Comparison.gt || comparison === Comparison.gte) {
    const isIn = comparison !== Comparison.gt;
    if (from > range.low || (from === range.low && !isIn)) Object.assign(range, { low: from, lowIn: isIn });
  }
  if (isBand || comparison === Comparison.lt || comparison === Comparison.lte) {
    const isIn = comparison !== Comparison.lt;
    if (to < range.high || (to === range.high && !isIn)) Object.assign(range, { high: to, highIn: isIn });
  }
}

function isEmpty({ low, high, lowIn, highIn }: Range): boolean {
  return low > high || (low === high && !(lowIn && highIn));
}

/** Whether a single event can match both conditions. */
function canBeOne(a: WatchedEvent, b: WatchedEvent): boolean {
  const agree = (x: string | null, y: string | null): boolean => x === null || y === null || x === y;
  return (
    a.eventType === b.eventType && agree(a.protocol, b.protocol) && agree(a.chain, b.chain) && agree(a.token, b.token)
  );
}
