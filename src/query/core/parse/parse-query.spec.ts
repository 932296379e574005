import { describe, expect, it } from 'vitest';
import { parseQuery } from './parse-query.js';

describe('a null member', () => {
  it.each<[string, object, object]>([
    ['in the query', { where: null, time: null, aggregations: null, sort: null, limit: null, cursor: null }, {}],
    ['in `time`', { time: { from: 'now-1d', bucket: null, fill: null } }, { time: { from: 'now-1d' } }],
    [
      'in an aggregation',
      { aggregations: [{ field: 'tvl', operation: 'sum', p: null, over_time: null, group_by: null, as: null }] },
      { aggregations: [{ field: 'tvl', operation: 'sum' }] },
    ],
    [
      'as the field of a count of rows',
      { aggregations: [{ field: null, operation: 'count' }] },
      { aggregations: [{ operation: 'count' }] },
    ],
  ])('counts as missing %s', (_, given, plain) => {
    expect(parseQuery(given)).toEqual(parseQuery(plain));
  });

  it('is refused as the `operation` of an aggregation', () => {
    for (const operation of [null, undefined]) {
      const body = {
        aggregations: [
          { field: 'tvl', operation: 'sum' },
          { field: 'tvl', operation },
        ],
      };
      expect(() => parseQuery(body)).toThrow(/operation must be one of/);
    }
  });
});

describe('a protocol, chain or token name in a query', () => {
  const faultsOf = (body: object): unknown => {
    try {
      parseQuery(body);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it.each([
    [{ filters: { protocols: ['aave-v3', 'Uniswap V3'] } }, '/filters/protocols/1', 'uniswap-v3'],
    [{ dataset: 'prices', filters: { tokens: ['usd coin'] } }, '/filters/tokens/0', 'usd-coin'],
    [{ where: { field: 'protocol', op: 'eq', value: "Maker's DAO" } }, '/where/value', 'makers-dao'],
    [{ dataset: 'events', where: { field: 'token', op: 'in', value: ['usd coin'] } }, '/where/value/0', 'usd-coin'],
  ])('is refused with a suggestion if it is invalid: %j', (body, pointer, meant) => {
    expect(faultsOf(body)).toMatchObject({
      code: 'invalid_request',
      errors: [
        { pointer, code: 'invalid_name', detail: expect.stringMatching(`must be .*; did you mean ${meant}\\?$`) },
      ],
    });
  });

  it('is normalised if it is an alias or has other capitals or spaces', () => {
    const spelled = { filters: { protocols: [' Aave-V3'], chains: ['OP Mainnet', 'Binance'] } };
    const plain = { filters: { protocols: ['aave-v3'], chains: ['optimism', 'bsc'] } };
    expect(parseQuery(spelled)).toEqual(parseQuery(plain));
  });
});
