import type { LogEvent } from '../../events/index.js';
import { affects, isDescription } from '../core/plan/dependencies.js';
import type { LiveQuery } from './live-query.js';

/**
 * Finds the live queries that an event can change. A query is indexed by the first of these to which it is restricted: its
 * protocols, its tokens, its chains, or (`*`) nothing. So an event checks only few queries.
 */
export class QueryIndex {
  private readonly byConstant = new Map<string, Set<LiveQuery>>();

  add(query: LiveQuery): void {
    for (const place of placesOf(query)) {
      const held = this.byConstant.get(place);
      if (held) held.add(query);
      else this.byConstant.set(place, new Set([query]));
    }
  }

  remove(query: LiveQuery): void {
    for (const place of placesOf(query)) {
      const held = this.byConstant.get(place);
      held?.delete(query);
      if (held?.size === 0) this.byConstant.delete(place);
    }
  }

  /** Calls `found` for each query that the event can change; possibly twice for the same query. */
  forAffected(event: LogEvent, found: (query: LiveQuery) => void): void {
    this.look('*', event, found);
    if (event.protocol !== null) this.look(`protocol ${event.protocol}`, event, found);
    if (event.token !== null) this.look(`token ${event.token}`, event, found);
    if (isDescription(event)) this.look('chains', event, found);
    else if (event.chain !== null) this.look(`chain ${event.chain}`, event, found);
  }

  private look(place: string, event: LogEvent, found: (query: LiveQuery) => void): void {
    const queries = this.byConstant.get(place);
    if (!queries) return;
    for (const query of queries) if (affects(event, query.dependencies)) found(query);
  }
}

function placesOf({ dependencies }: LiveQuery): string[] {
  const { dataset, protocols, tokens, chains } = dependencies;
  if (protocols) return [...protocols].map((protocol) => `protocol ${protocol}`);
  if (tokens) return [...tokens].map((token) => `token ${token}`);
  // A protocol's description has no chain and belongs to all of them; totals in the dataset `protocols` are over all chains.
  if (chains && dataset !== 'protocols') return ['chains', ...[...chains].map((chain) => `chain ${chain}`)];
  return ['*'];
}
