import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slaReport, slaText, wholeMinutes } from './sla.js';

const at = (text: string): number => Date.parse(text);
const MINUTE_MS = 60_000;

describe('the report of good and bad minutes', () => {
  it('counts minutes without a row as bad, month by month', () => {
    const from = at('2026-10-31T23:58:00Z');
    const report = slaReport(from, at('2026-11-01T00:04:00Z'), [{ month: '2026-11', good: 1, failed: 1, slow: 1 }]);
    expect(report.months).toMatchObject([
      { month: '2026-10', minutes: 2, good: 0, bad: 2, unmeasured: 2, availability: 0, isMet: false },
      { month: '2026-11', minutes: 4, good: 1, bad: 3, unmeasured: 1, failed: 1, slow: 1, availability: 0.25 },
    ]);
    expect(report.total).toMatchObject({ minutes: 6, good: 1, bad: 5, unmeasured: 3, isMet: false });
  });

  it('meets the objective with 43 bad minutes in a month of 30 days, and misses it with 44', () => {
    const [from, to] = [at('2026-11-01T00:00:00Z'), at('2026-12-01T00:00:00Z')];
    const met = (bad: number) =>
      slaReport(from, to, [{ month: '2026-11', good: 43_200 - bad, failed: bad, slow: 0 }]).total.isMet;
    expect([met(0), met(43), met(44)]).toEqual([true, true, false]);
  });

  it('has every minute of any range in exactly one month', () => {
    const minute = fc.integer({ min: 0, max: 3_000_000 }).map((n) => at('2024-01-01T00:00:00Z') + n * MINUTE_MS);
    fc.assert(
      fc.property(minute, minute, (one, other) => {
        const [from, to] = one < other ? [one, other] : [other, one];
        const { months, total } = slaReport(from, to, []);
        expect(total.minutes).toBe((to - from) / MINUTE_MS);
        expect(new Set(months.map(({ month }) => month)).size).toBe(months.length);
        expect(total.availability).toBe(from === to ? null : 0);
      }),
    );
  });

  it('leaves out minutes that lie only partly in the range', () => {
    const range = wholeMinutes(at('2026-11-01T00:00:01Z'), at('2026-11-01T00:02:59Z'));
    expect(range).toEqual({ from: at('2026-11-01T00:01:00Z'), to: at('2026-11-01T00:02:00Z') });
  });

  it('as text has a line for each month and one for all', () => {
    const report = slaReport(at('2026-11-01T00:00:00Z'), at('2026-11-01T00:02:00Z'), [
      { month: '2026-11', good: 2, failed: 0, slow: 0 },
    ]);
    expect(slaText(report).split('\n').slice(2)).toEqual([
      expect.stringMatching(/^month +good +bad +failed +slow +unmeasured +available +objective$/),
      expect.stringMatching(/^2026-11 +2 +0 +0 +0 +0 +100\.0000 % +met$/),
      expect.stringMatching(/^total +2 +0 +0 +0 +0 +100\.0000 % +met$/),
    ]);
  });
});
