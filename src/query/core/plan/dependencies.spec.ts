import { describe, expect, it } from 'vitest';
import type { LogEvent, LogType } from '../../../events/index.js';
import { affects, dependenciesOf } from './dependencies.js';
import { parseQuery } from '../parse/parse-query.js';

const event = (type: LogType, place: Partial<Pick<LogEvent, 'protocol' | 'chain' | 'token'>>): LogEvent =>
  ({ type, protocol: null, chain: null, token: null, ...place }) as LogEvent;
const of = (body: object) => dependenciesOf(parseQuery(body));

describe('the dependencies of a query', () => {
  const aave = event('tvl_change', { protocol: 'aave', chain: 'ethereum' });

  it('match only events that can change the dataset', () => {
    expect(affects(aave, of({ dataset: 'tvl' }))).toBe(true);
    expect(affects(aave, of({ dataset: 'prices' }))).toBe(false);
    expect(affects(aave, of({ dataset: 'protocols' }))).toBe(true);
    expect(affects(event('price_baseline', { token: 'dai' }), of({ dataset: 'prices' }))).toBe(true);
    expect(affects(event('tick', {}), of({ dataset: 'tvl' }))).toBe(false);
  });

  it('match events of the protocols and chains in the filters only', () => {
    const bound = of({ filters: { protocols: ['aave', 'lido'], chains: ['Ethereum'] } });
    expect(affects(aave, bound)).toBe(true);
    expect(affects(event('tvl_change', { protocol: 'curve', chain: 'ethereum' }), bound)).toBe(false);
    expect(affects(event('tvl_change', { protocol: 'lido', chain: 'base' }), bound)).toBe(false);
    expect(affects(event('protocol_update', { protocol: 'lido' }), bound)).toBe(true);
  });

  it('ignore a chain filter on prices because a token can change its chain', () => {
    const moved = event('price_change', { token: 'dai', chain: 'base' });
    expect(affects(moved, of({ dataset: 'prices', filters: { chains: ['ethereum'] } }))).toBe(true);
    const one = of({ dataset: 'prices', filters: { chains: ['ethereum'], tokens: ['usdc'] } });
    expect(affects(moved, one)).toBe(false);
    expect(affects(event('price_change', { token: 'usdc', chain: 'base' }), one)).toBe(true);
  });

  it('ignore conditions inside `or` and `not`', () => {
    const either = of({
      where: {
        or: [
          { field: 'protocol', op: 'eq', value: 'curve' },
          { field: 'tvl', op: 'gt', value: 1 },
        ],
      },
    });
    expect(affects(aave, either)).toBe(true);
    const not = of({ where: { not: { field: 'protocol', op: 'eq', value: 'aave' } } });
    expect(affects(aave, not)).toBe(true);
  });

  it('include time if a time window ends at `now`', () => {
    expect(of({ dataset: 'protocols' }).movesWithTime).toBe(false);
    expect(of({ time: { from: 'now-24h', to: 'now', bucket: '1h' } }).movesWithTime).toBe(true);
    expect(of({ filters: { change_24h: { min: 0.1 } } }).movesWithTime).toBe(true);
  });
});
