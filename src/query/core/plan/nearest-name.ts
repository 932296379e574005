/** Maximum number of typing errors in a recognised name. */
const MAX_DISTANCE = 2;
/** Number of names compared in one step, less than a millisecond. */
const NAMES_PER_STEP = 1_000;

/**
 * Finds the name that the client probably meant: one that differs by at most two errors (a letter omitted, added or changed,
 * or two letters swapped), or else one of which the given name is a prefix or the other way round. Undefined if there is
 * none. There may be very many names, so the generator yields regularly for callers that work in slices.
 */
export function* nearestName(given: string, names: Iterable<string>): Generator<undefined, string | undefined> {
  const name = given.toLowerCase();
  let nearest: { name: string; distance: number } | undefined;
  let seen = 0;
  for (const candidate of names) {
    if (++seen % NAMES_PER_STEP === 0) yield;
    const distance = distanceOf(name, candidate.toLowerCase());
    if (distance < (nearest?.distance ?? Infinity)) nearest = { name: candidate, distance };
  }
  return nearest?.name;
}

function distanceOf(name: string, candidate: string): number {
  const [short, long] = name.length < candidate.length ? [name, candidate] : [candidate, name];
  if (short.length >= 3 && long.startsWith(short)) return MAX_DISTANCE + 1 + (long.length - short.length) / 1_000;
  const allowed = Math.min(MAX_DISTANCE, Math.floor(short.length / 2));
  if (long.length - short.length > allowed) return Infinity;
  const distance = edits(short, long, allowed);
  return distance > allowed ? Infinity : distance;
}

/** Rows of the table in `edits`; reused, because there are very many candidates. */
let [before, row, next]: [number[], number[], number[]] = [[], [], []];

/** Returns the edit distance between two texts, exact up to `allowed`. Computes the usual table only near its diagonal. */
function edits(from: string, to: string, allowed: number): number {
  const beyond = allowed + 1;
  for (let j = 0; j <= Math.min(to.length, beyond); j += 1) row[j] = j;
  for (let i = 1; i <= from.length; i += 1) {
    const low = Math.max(1, i - allowed);
    const high = Math.min(to.length, i + allowed);
    next[low - 1] = low === 1 ? i : beyond;
    let least = i;
    for (let j = low; j <= high; j += 1) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      next[j] = cost;
      least = Math.min(least, cost);
    }
    next[high + 1] = beyond;
    if (least > allowed) return least;
    [before, row, next] = [row, next, before];
  }
  return row[to.length] ?? beyond;
}
