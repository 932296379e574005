import { describe, expect, it } from 'vitest';
import { parseQuery } from './parse-query.js';

describe('a member that is null', () => {
  it.each<[string, object, object]>([
    ['of the query', { where: null, time: null, aggregations: null, sort: null, limit: null, cursor: null }, {}],
    ['of the time', { time: { from: 'now-1d', bucket: null, fill: null } }, { time: { from: 'now-1d' } }],
    [
      'of an aggregation',
      { aggregations: [{ field: 'tvl', operation: 'sum', p: null, over_time: null, group_by: null, as: null }] },
      { aggregations: [{ field: 'tvl', operation: 'sum' }] },
    ],
    [
      'of a count of rows',
      { aggregations: [{ field: null, operation: 'count' }] },
      { aggregations: [{ operation: 'count' }] },
    ],
  ])('is one that is left out: %s', (_, given, plain) => {
    expect(parseQuery(given)).toEqual(parseQuery(plain));
  });

  it('is missed where it is needed, and no aggregation is left out for it', () => {
    for (const operation of [null, undefined]) {
      const body = {
        aggregations: [
          { field: 'tvl', operation: 'sum' },
          { field: 'tvl', operation },
        ],
      };
      expect(() => parseQuery(body)).toThrow(/Give operation, one of/);
    }
  });
});
