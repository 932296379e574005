/** How many letters a name may be written wrong and still be meant. */
const MAX_DISTANCE = 2;

/**
 * The name that is perhaps meant: one that begins as the given one does or the other way round, else one that differs in at
 * most two letters (one that is left out, added, changed or two that changed places). Undefined when none is near.
 */
export function nearestName(given: string, names: Iterable<string>): string | undefined {
  const name = given.toLowerCase();
  let nearest: { name: string; distance: number } | undefined;
  for (const candidate of names) {
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

/** Edits that lead from one text to the other, exact up to `allowed`: rows of the usual table, near its diagonal only. */
function edits(from: string, to: string, allowed: number): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = Array.from({ length: to.length + 1 }, () => allowed + 1);
    next[0] = i;
    let least = i;
    for (let j = Math.max(1, i - allowed); j <= Math.min(to.length, i + allowed); j += 1) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      next[j] = cost;
      least = Math.min(least, cost);
    }
    if (least > allowed) return least;
    before = row;
    row = next;
  }
  return row[to.length] ?? allowed + 1;
}
