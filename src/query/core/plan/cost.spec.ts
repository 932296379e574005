import { describe, expect, it } from 'vitest';
import { estimateCost, roughCost, type StoredSizes } from './cost.js';
import { parseQuery } from '../parse/parse-query.js';
import { planQuery } from './plan.js';
import { DAY_MS } from '../time.js';

const NOW = Date.UTC(2026, 10, 20, 12, 30);
const sizes: StoredSizes = {
  series: { tvl: 0, price: 0 },
  subjects: { tvl: 0, price: 0 },
  protocols: 0,
  pointsPerHour: 1,
  most: { days: Infinity, hours: Infinity, points: Infinity },
  logRows: 80_000_000,
  logFrom: NOW - 7 * DAY_MS,
  stored: { positions: 0, chainLogs: 0 },
};
const rowsOf = (body: object, of = sizes): number => {
  const query = parseQuery({ dataset: 'events', ...body });
  return estimateCost(query, planQuery(query, { now: NOW, rawFrom: 0 }), of).rows;
};
const count = { aggregations: [{ operation: 'count' }] };

describe('the cost of a query on the event log', () => {
  it('covers the partitions in the time range, however large the log is', () => {
    expect(rowsOf({ ...count, time: { from: 'now-5m' } })).toBeCloseTo(sizes.logRows / 29, -1);
    expect(rowsOf({ ...count, time: { from: 'now-2d' } })).toBeCloseTo((sizes.logRows * 9) / 29, -1);
    expect(rowsOf({ time: { from: '2020-01-01', to: '2020-02-01' } })).toBe(0);
    expect(rowsOf({ time: { from: '2999-01-01', to: '2999-02-01' } })).toBe(0);
  });

  it('covers the whole log if the query has no time range or a range that includes the log', () => {
    const few = { ...sizes, logRows: 1_000 };
    expect(rowsOf(count, few)).toBe(1_000);
    expect(rowsOf({ ...count, time: { from: 'now-30d' } }, few)).toBe(1_000);
    expect(() => rowsOf({ ...count, time: { from: 'now-30d' } })).toThrow(/a shorter range/);
  });

  it('covers the whole log if the log has just begun', () => {
    expect(rowsOf({ ...count, time: { from: 'now-5m' } }, { ...sizes, logRows: 10, logFrom: NOW })).toBe(10);
    expect(rowsOf({ ...count, time: { from: 'now-5m' } }, { ...sizes, logRows: 10, logFrom: NOW + 1 })).toBe(10);
  });
});

describe('the cost of a query on historical values', () => {
  const stored = {
    ...sizes,
    series: { tvl: 0, price: 200_000 },
    subjects: { tvl: 0, price: 200_000 },
    most: { days: 300_000, hours: 500_000, points: 400_000 },
  };
  const ofPrices = (body: object, chosen?: number) => {
    const query = parseQuery({ dataset: 'prices', ...count, ...body });
    return roughCost(query, planQuery(query, { now: NOW, rawFrom: 0 }), stored, chosen);
  };

  it('never exceeds the stored rows, however long the time range is', () => {
    expect(ofPrices({ time: { from: '1970-01-01', to: '2026-01-01', bucket: '1mo' } }).rows).toBe(500_000);
    expect(ofPrices({ time: { from: '2030-01-01', to: '2031-01-01', bucket: '1h' } }).rows).toBe(700_000);
  });

  it('covers only the counted series if their number is given', () => {
    const time = { from: '2026-11-01', to: '2026-11-11', bucket: '1h', fill: 'previous' };
    expect(ofPrices({ time }).rows).toBeGreaterThan(40_000_000);
    expect(ofPrices({ time }, 40)).toMatchObject({ rows: 40 * 241 + 40 * 240, values: 40, heavy: false });
  });
});
