import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OnchainStart } from '../../../src/onchain/config/onchain-start.js';
import { ConfiguredRules } from '../../../src/onchain/points/configured-rules.js';
import { RuleChanges } from '../../../src/onchain/points/rule-changes.js';
import { ChainMonitor } from '../../../src/onchain/monitoring/chain-monitor.js';
import { FollowerMetrics } from '../../../src/onchain/follower/follower-metrics.js';
import { SampleEndpoint } from '../../../src/onchain/sample/sample-endpoint.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { GapWatch } from '../../../src/onchain/repair/gap-watch.js';
import { followedFixture, transfer, type FollowedFixture } from './followed-fixture.js';

let fixture: FollowedFixture;
beforeAll(async () => {
  fixture = await followedFixture();
});
afterAll(() => fixture.close());

it('a gap is an alarm once it is older than five minutes, and the alarm ends when the gap is closed', async () => {
  const { first, chain } = await fixture.begin();
  for (let block = 0; block < 20; block += 1) chain.mine([transfer(block, 0, 1)]);
  const followed = await fixture.follow([first]);
  await followed.settle();
  const watch = new GapWatch(fixture.database, fixture.alarms, new SampleEndpoint(), fixture.loops);
  const alarm = async (): Promise<string | undefined> => {
    await watch.round();
    const { rows } = await fixture.test.pool.query<{ detail: string }>(
      `SELECT detail FROM onchain_alarms WHERE chain = $1 AND code = 'gap'`,
      [followed.name],
    );
    return rows[0]?.detail;
  };
  const age = () => fixture.test.pool.query(`UPDATE onchain_stalls SET since = since - interval '5 minutes'`);
  expect(await alarm()).toBeUndefined();
  const cut = (from: number) =>
    fixture.test.pool.query(
      'UPDATE onchain_contracts SET covered = covered - int8multirange(int8range($2, 9)) WHERE chain = $1',
      [followed.chain.id, from],
    );
  await cut(5);
  expect(await alarm()).toBeUndefined();
  await age();
  // A gap that moves is a backfill that goes on.
  await cut(4);
  expect(await alarm()).toBeUndefined();
  await age();
  expect(await alarm()).toContain('blocks 4 to 8 of contract 0xa1a1');
  expect(fixture.notices).toContainEqual(expect.objectContaining({ chain: followed.name, code: 'gap' }));
  await followed.lead();
  await followed.settle();
  expect(await alarm()).toBeUndefined();
});

it('alarms of the sample chain end in a process that does not play it', async () => {
  const { database, alarms, loops, clock, test } = fixture;
  const { first } = await fixture.begin();
  const followed = await fixture.follow([first]);
  await followed.settle();
  await test.pool.query(`UPDATE onchain_chains SET origin = 'sample' WHERE id = $1`, [followed.chain.id]);
  await test.pool.query('UPDATE onchain_streams SET block = 0 WHERE chain = $1', [followed.chain.id]);
  await alarms.raise(followed.name, 'endpoints', 'no endpoint answers');
  const metrics = new Metrics();
  const monitor = new ChainMonitor(
    database,
    alarms,
    new FollowerMetrics(metrics, clock),
    new SampleEndpoint(),
    loops,
    metrics,
  );
  await monitor.round();
  await monitor.round();
  await new GapWatch(database, alarms, new SampleEndpoint(), loops).round();
  expect((await test.pool.query('SELECT FROM onchain_alarms WHERE chain = $1', [followed.name])).rowCount).toBe(0);
});

it('rules of the file are added once, although two processes start at once', async () => {
  const rule = { validFrom: '2030-01-01T00:00:00.000Z', stakedPerTokenPerDay: '5', heldPerTokenPerDay: '0' };
  const { database, projector, registry } = fixture;
  const processes = [1, 2, 3].map(
    () =>
      new ConfiguredRules(
        database,
        { rules: [rule] } as unknown as OnchainStart,
        new RuleChanges(database, projector, registry),
      ),
  );
  await Promise.all(processes.map((each) => each.onApplicationBootstrap()));
  const { rows } = await fixture.test.pool.query(`SELECT FROM onchain_point_rules WHERE origin = 'config'`);
  expect(rows).toHaveLength(1);
});
