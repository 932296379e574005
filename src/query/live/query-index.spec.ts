import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LogEvent } from '../../events/index.js';
import { affects, type Dependencies } from '../core/plan/dependencies.js';
import { LiveQuery } from './live-query.js';
import { QueryIndex } from './query-index.js';

const names = fc.option(
  fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }).map((list) => new Set(list)),
  {
    nil: undefined,
  },
);
const dependencies: fc.Arbitrary<Dependencies> = fc
  .record({
    dataset: fc.constantFrom('tvl', 'prices', 'protocols', 'events'),
    protocols: names,
    chains: names,
    tokens: names,
  })
  .map(({ dataset, protocols, chains, tokens }) => ({
    dataset,
    movesWithTime: false,
    ...(protocols && { protocols }),
    ...(chains && { chains }),
    ...(tokens && { tokens }),
  }));
const name = fc.constantFrom('a', 'b', 'c', 'd', null);
const events = fc.record({
  type: fc.constantFrom(
    'tvl_change',
    'tvl_baseline',
    'price_change',
    'price_baseline',
    'protocol_update',
    'governance',
    'tick',
  ),
  protocol: name,
  chain: name,
  token: name,
}) as unknown as fc.Arbitrary<LogEvent>;

it('the query index finds exactly the live queries affected by an event', () => {
  fc.assert(
    fc.property(fc.array(dependencies), fc.array(events), fc.func(fc.boolean()), (all, happened, ends) => {
      const index = new QueryIndex();
      const queries = all.map(
        (one, id) => new LiveQuery(String(id), one, 0, () => Promise.reject(new Error('unused'))),
      );
      for (const query of queries) index.add(query);
      const kept = queries.filter((query) => !ends(query.id));
      for (const query of queries) if (!kept.includes(query)) index.remove(query);
      for (const event of happened) {
        const found = new Set<LiveQuery>();
        index.forAffected(event, (query) => found.add(query));
        expect(found).toEqual(new Set(kept.filter((query) => affects(event, query.dependencies))));
      }
    }),
  );
});
