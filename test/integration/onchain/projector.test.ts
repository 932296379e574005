import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChainEvent } from '../../../src/onchain/core/index.js';
import { LeaseLost } from '../../../src/onchain/store/chain-lease.js';
import { ACCOUNTS, blockPlans, CONTRACTS, RULES } from '../../support/data/token-history.js';
import { NaivePoints } from '../../support/oracles/naive-points.js';
import { projectionFixture, type ProjectionFixture } from './projection-fixture.js';

/** Step of a history: project up to somewhere, another leader, blocks become final, or a fork of some depth. */
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('project' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ do: fc.constant('lead' as const) }),
    fc.record({ do: fc.constant('finalize' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ do: fc.constant('extend' as const), plans: blockPlans, isHanded: fc.boolean() }),
    fc.record({ do: fc.constant('fork' as const), depth: fc.nat(12), plans: blockPlans }),
  ),
  { minLength: 2, maxLength: 8 },
);

describe('the projector', () => {
  let fixture: ProjectionFixture;
  beforeAll(async () => {
    fixture = await projectionFixture();
  });
  afterAll(() => fixture.close());

  it('ends with the state of a clean replay, whatever the batches, forks, leaders and final blocks', async () => {
    await fc.assert(
      fc.asyncProperty(blockPlans, steps, async (plans, actions) => {
        await fixture.restart();
        const first = fixture.batchOf(plans, 1, 'a', 10_000);
        await fixture.store.flush(fixture.lease, first);
        let chain: ChainEvent[] = first.events;
        let [head, final, time] = [plans.length, 0, first.head!.at];
        for (const [number, step] of actions.entries()) {
          if (step.do === 'project') await fixture.project(Math.round(head * step.share));
          if (step.do === 'lead') await fixture.lead();
          if (step.do === 'finalize') {
            final = Math.max(final, Math.round(head * step.share));
            await fixture.database.query('UPDATE onchain_chains SET final_number = $1', [final]);
          }
          if (step.do === 'extend' || step.do === 'fork') {
            const ancestor = step.do === 'fork' ? Math.max(final, head - step.depth) : head;
            const batch = fixture.batchOf(step.plans, ancestor + 1, `b${number}`, time);
            if (step.do === 'fork') await fixture.reorg(ancestor, batch);
            else await fixture.store.flush(fixture.lease, batch);
            chain = [...chain.filter(({ blockNumber }) => blockNumber <= ancestor), ...batch.events];
            [head, time] = [batch.head!.number, batch.head!.at];
            if (step.do === 'extend' && step.isHanded) {
              await fixture.project(head, {
                fromBlock: ancestor + 1,
                toBlock: head,
                events: batch.events,
                storedAt: 20_000,
              });
            }
          }
        }
        expect(await fixture.project(head)).toMatchObject({ block: head, halted: null });
        const at = 20_000;
        expect(await fixture.state(at)).toEqual(new NaivePoints(CONTRACTS, chain).state(ACCOUNTS, at, RULES, 'test'));
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 500 : 60 },
    );
  }, 300_000);

  it('changes nothing for a process that no longer leads the chain', async () => {
    await fixture.restart();
    await fixture.store.flush(fixture.lease, fixture.batchOf([{ after: 5, transactions: [] }], 1, 'a', 10_000));
    const old = fixture.lease;
    await fixture.lead();
    await expect(fixture.projector.project(old, 1, 1)).rejects.toThrow(LeaseLost);
    expect((await fixture.test.pool.query('SELECT block FROM onchain_streams')).rows).toEqual([{ block: 0 }]);
  });
});
