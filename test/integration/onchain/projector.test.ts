import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

describe('what the projector publishes', () => {
  let fixture: ProjectionFixture;
  const [a, b] = ACCOUNTS as readonly [`0x${string}`, `0x${string}`];
  const [batch] = CONTRACTS;
  const action = {
    contract: batch!.address,
    kind: 'BatchMint' as const,
    from: null,
    to: a,
    staker: null,
    startTokenId: 0n,
    quantity: 2n,
    tokenIds: null,
    quantities: null,
  };
  const move = { ...action, kind: 'BatchTransfer' as const, from: a, to: b, quantity: 1n };
  const NOW = 1_800_000_000_000;
  const seen = (bodies: Record<string, unknown>[]) =>
    bodies.map(({ blockNumber, logIndex, status }) => `${String(blockNumber)}:${String(logIndex)} ${String(status)}`);

  beforeAll(async () => {
    fixture = await projectionFixture();
  });
  afterAll(() => fixture.close());
  beforeEach(async () => {
    await fixture.restart();
    fixture.clock.time = Date.now();
  });

  /** Stores blocks that end now, one a second. */
  async function store(first: number, transactions: (typeof action | typeof move)[][][], branch = 'a') {
    const plans = transactions.map((some) => ({ after: 1_000, transactions: some }));
    const stored = fixture.batchOf(plans, first, branch, Date.now() - 60_000 + first * 1_000);
    await fixture.store.flush(fixture.lease, stored);
    return stored;
  }

  const finalize = (number: number) =>
    fixture.database.query(
      `UPDATE onchain_chains SET final_number = $1, final_ms = (SELECT at_ms FROM onchain_blocks WHERE number = $1 AND canonical)`,
      [number],
    );

  it('is each event as pending, then as final, and once only if its block is final already', async () => {
    await store(1, [[[action]], [[move]]]);
    await fixture.project(2);
    expect(seen(await fixture.published('onchain_event'))).toEqual(['1:0 pending', '2:0 pending']);
    await finalize(1);
    await store(3, [[[move]]]);
    await fixture.project(3);
    await fixture.project(3);
    expect(seen(await fixture.published('onchain_event')).slice(2)).toEqual(['1:0 final', '3:0 pending']);
    await finalize(4);
    await store(4, [[[move]]]);
    await fixture.project(4);
    expect(seen(await fixture.published('onchain_event')).slice(4)).toEqual(['2:0 final', '3:0 final', '4:0 final']);
    // Images are kept for 256 blocks below the final one.
    const images = 'SELECT FROM onchain_token_undo UNION ALL SELECT FROM onchain_position_undo';
    expect(await fixture.database.query(images)).not.toEqual([]);
    await finalize(3 + 256);
    await store(5, [[[move]]]);
    await fixture.project(5);
    expect(await fixture.database.query(images)).toEqual([]);
    const { rows } = await fixture.test.pool.query('SELECT data, chain FROM change_outbox ORDER BY id LIMIT 1');
    expect(rows[0]).toMatchObject({
      chain: 'test',
      data: {
        contract: action.contract,
        kind: 'BatchMint',
        from: null,
        to: a,
        startTokenId: '0',
        quantity: '2',
        logIndex: 0,
      },
    });
    expect(rows[0].data.onchainId).toBe(`test:${rows[0].data.blockHash}:0`);
  });

  it('is nothing for events that were old when they were read, but the points of their accounts once', async () => {
    const plans = [
      { after: 0, transactions: [[action]] },
      { after: 0, transactions: [[move]] },
    ];
    await fixture.store.flush(fixture.lease, fixture.batchOf(plans, 1, 'a', NOW - 10 ** 11));
    await fixture.project(2);
    expect(await fixture.published('onchain_event')).toEqual([]);
    expect(await fixture.published('points_change')).toEqual([]);
    await store(3, [[]]);
    await fixture.project(3);
    await fixture.project(3);
    const points = await fixture.published('points_change');
    expect(points).toMatchObject([
      { account: a, previousPoints: '0', reason: 'backfill', final: '0' },
      { account: b, previousPoints: '0', reason: 'backfill' },
    ]);
    expect(points[0]!['currentPoints']).toBe(points[0]!['pending']);
  });

  it('is a change of points for each account that a flush touched, and one when a fork takes it back', async () => {
    const first = await store(1, [[[action]]]);
    await fixture.project(1);
    await fixture.database.query('UPDATE onchain_streams SET caught_up = true');
    await fixture.database.query('DELETE FROM change_outbox');
    await finalize(1);
    const second = await store(2, [[[{ ...move, quantity: 2n }], [{ ...move, from: b, to: a }]]]);
    await fixture.project(2);
    const live = await fixture.published('points_change');
    expect(live).toMatchObject([
      { account: a, reason: 'transfer' },
      { account: b, reason: 'transfer', final: '0' },
    ]);
    await store(3, [[]]);
    await fixture.project(3);
    await fixture.reorg(1, fixture.batchOf([{ after: 9, transactions: [] }], 2, 'b', second.head!.at));
    const after = (await fixture.published('points_change')).slice(2);
    expect(after).toMatchObject([
      { account: a, reason: 'reorg', pending: '0' },
      { account: b, reason: 'reorg', currentPoints: '0' },
    ]);
    expect(first.events).toHaveLength(1);
  });

  it('is published again for events of a fork, but not for those that are only projected again', async () => {
    await store(1, [[[action]], [[move]]]);
    await fixture.project(2);
    await fixture.database.transaction((tx) => fixture.projector.rollBack(tx, 1, 1, 1, { keepsPublished: true }));
    await fixture.project(2);
    expect(seen(await fixture.published('onchain_event'))).toEqual(['1:0 pending', '2:0 pending']);
    await fixture.reorg(1, fixture.batchOf([{ after: 0, transactions: [[move]] }], 2, 'b', Date.now()));
    await fixture.project(2);
    expect(seen(await fixture.published('onchain_event'))).toEqual(['1:0 pending', '2:0 pending', '2:0 pending']);
  });

  it('stops before a dead log, names it, and goes on when it is skipped', async () => {
    const { events } = await store(1, [[[action]], [[move, { ...move, startTokenId: 1n }]], [[]]]);
    await fixture.test.pool.query(
      `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail, payload, created_ms)
       VALUES (1, 1, 1, 2, decode($1, 'hex'), 1, 'decode', 'bad_data', 'too short', '{}', 0)`,
      [events[1]!.blockHash.slice(2)],
    );
    expect(await fixture.project(3)).toMatchObject({
      block: 2,
      log: 0,
      events: 2,
      halted: 'log 1 of block 2: bad_data: too short',
    });
    const stream = async () =>
      (await fixture.test.pool.query('SELECT block, halted_reason FROM onchain_streams')).rows[0];
    expect(await stream()).toEqual({ block: 2, halted_reason: 'log 1 of block 2: bad_data: too short' });
    await fixture.test.pool.query(`UPDATE onchain_dead_logs SET resolution = 'skipped'`);
    expect(await fixture.project(3)).toMatchObject({ block: 3, events: 0, halted: null });
    expect(await stream()).toEqual({ block: 3, halted_reason: null });
  });

  it('buries the one event that the database refuses, and projects those before it', async () => {
    await fixture.test.pool.query('ALTER TABLE onchain_tokens ADD CONSTRAINT refused CHECK (token_id <> 7)');
    await store(1, [
      [[action]],
      [[move, { ...action, startTokenId: 7n, quantity: 1n }, { ...move, startTokenId: 1n }]],
    ]);
    const halted = await fixture.project(2);
    expect(halted).toMatchObject({ block: 2, log: 0, events: 2 });
    expect(halted.halted).toMatch(/^log 1 of block 2: projection_failed: .*refused/);
    const { rows } = await fixture.test.pool.query('SELECT stage, contract, payload FROM onchain_dead_logs');
    expect(rows).toMatchObject([{ stage: 'project', contract: 1, payload: { kind: 'BatchMint', startTokenId: '7' } }]);
    await fixture.test.pool.query('ALTER TABLE onchain_tokens DROP CONSTRAINT refused');
    await fixture.test.pool.query(`UPDATE onchain_dead_logs SET resolution = 'retried'`);
    expect(await fixture.project(2)).toMatchObject({ block: 2, events: 2, halted: null });
  });

  it('never steps over a gap', async () => {
    await store(1, [[[action]]]);
    await store(3, [[[move]]]);
    expect(await fixture.project(3)).toMatchObject({ block: 1, events: 1 });
    await store(2, [[]]);
    expect(await fixture.project(3)).toMatchObject({ block: 3, events: 1 });
  });

  it('publishes nothing of a contract that is projected anew beside its present state', async () => {
    await fixture.test.pool.query('UPDATE onchain_contracts SET shadow_of = 99');
    await store(1, [[[action]]]);
    expect(await fixture.project(1)).toMatchObject({ block: 1, events: 1 });
    expect((await fixture.test.pool.query('SELECT FROM change_outbox')).rows).toEqual([]);
  });
});
