/** Base backup as far as its age decides. */
interface AgedBase {
  readonly id: string;
  /** Unix ms. */
  readonly finished: number;
}

/**
 * Returns the base backups that are no longer needed to restore every moment since `since` (Unix ms): those before the newest
 * one that had finished by then. The newest backup of all is always needed.
 */
export function unneededBases<B extends AgedBase>(bases: readonly B[], since: number): B[] {
  const oldestFirst = bases.toSorted((a, b) => a.finished - b.finished);
  const kept = Math.max(
    0,
    oldestFirst.findLastIndex(({ finished }) => finished <= since),
  );
  return oldestFirst.slice(0, kept);
}
