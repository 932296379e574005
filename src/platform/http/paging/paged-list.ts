import { keysetPage, type Order, type Ranked } from './keyset-page.js';
import { decodeCursor, encodeCursor } from './list-cursor.js';
import { pageInfo, type Paged } from './page.js';

interface PageRequest {
  /** Identifies the list and everything that filters or sorts its rows. */
  scope: unknown;
  order: Order;
  limit: number;
  cursor: string | undefined;
  /** Type of the entries' `rank`. */
  rankedBy: 'number' | 'string';
}

/** Returns one page of a list in memory, in the form of every list's answer; `entries` are as for `keysetPage`. */
export async function pagedList<T, A>(
  entries: Iterable<Ranked<T> | undefined>,
  { scope, order, limit, cursor, rankedBy }: PageRequest,
  answer: (item: T) => A,
): Promise<Paged<A>> {
  const [rank, id] = decodeCursor(scope, cursor, [rankedBy, 'string']) ?? [];
  const after = typeof id === 'string' ? { rank: rank ?? null, id } : undefined;
  const { items, next } = await keysetPage(entries, order, limit, after);
  return {
    data: items.map(answer),
    page: pageInfo(next === undefined ? null : encodeCursor(scope, [next.rank, next.id])),
  };
}
