import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DailyPoints } from '../../../src/onchain/points/daily-points.js';
import { RuleChanges } from '../../../src/onchain/points/rule-changes.js';
import { markDaysStale } from '../../../src/onchain/store/stale-days.js';
import { waitFor } from '../../support/wait-for.js';
import { followedFixture, transfer, type FollowedFixture } from './followed-fixture.js';

const DAY_MS = 86_400_000;
const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const [DAY_BEFORE, YESTERDAY] = [dayOf(today - 2 * DAY_MS), dayOf(today - DAY_MS)];

let fixture: FollowedFixture;
let days: DailyPoints;
beforeAll(async () => {
  fixture = await followedFixture();
  days = new DailyPoints(fixture.database, fixture.alarms);
});
afterAll(() => fixture.close());

const missing = (): Promise<string[]> => days.missingDays(today + 1, 10);

/** Calculates all days that are missing; returns them. */
async function calculated(): Promise<string[]> {
  const asked = await missing();
  for (const day of asked) await days.calculate(day);
  return asked;
}

describe('a calculated day', () => {
  it('is calculated again after a rule that begins before its end', async () => {
    const { chain, first } = await fixture.begin();
    chain.mine([transfer(1, 0, 7)]);
    chain.mineEmpty(10);
    const followed = await fixture.follow([first]);
    await followed.settle();
    await fixture.test.pool.query(`UPDATE onchain_tokens SET since_ms = $1, owner_since_ms = $1`, [today - 4 * DAY_MS]);
    await days.calculate(DAY_BEFORE);
    expect(await calculated()).toEqual([YESTERDAY]);
    expect(await calculated()).toEqual([]);

    const rules = new RuleChanges(fixture.database, fixture.projector, fixture.registry);
    const rates = { stakedPerTokenPerDay: '0', heldPerTokenPerDay: '5', chains: [], contracts: [] };
    await rules.add({ ...rates, validFrom: new Date(today - DAY_MS + 1).toISOString() }, 'rest');
    expect(await calculated()).toEqual([YESTERDAY]);
    const { rows } = await fixture.test.pool.query<{ earned: string }>(
      'SELECT earned FROM onchain_points_daily WHERE day = $1',
      [YESTERDAY],
    );
    expect(Number(rows[0]?.earned)).toBeCloseTo(5_000_000, -3);
  });

  it('stays to be calculated if it changes while a calculation is under way', async () => {
    await calculated();
    const changing = await fixture.test.pool.connect();
    try {
      await changing.query('BEGIN');
      await markDaysStale(changing, today - DAY_MS);
      const calculation = days.calculate(YESTERDAY);
      // It has read what it calculates from, and waits to store it.
      await waitFor(async () => {
        const { rows } = await fixture.test.pool.query('SELECT FROM pg_locks WHERE NOT granted');
        return rows.length > 0;
      });
      await changing.query('COMMIT');
      await calculation;
      expect(await missing()).toEqual([YESTERDAY]);
    } finally {
      changing.release();
    }
    expect(await calculated()).toEqual([YESTERDAY]);
    expect(await missing()).toEqual([]);
  });

  it('is calculated again when the backfill of a later contract ends', async () => {
    await calculated();
    const { chain, first } = await fixture.begin();
    chain.mine([transfer(1, 0, 9)]);
    chain.mineEmpty(10);
    await (await fixture.follow([first])).settle();
    expect(await missing()).toEqual([DAY_BEFORE, YESTERDAY]);
  });
});
