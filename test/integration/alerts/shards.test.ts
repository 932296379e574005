import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChainRows } from '../../../src/alerts/evaluation/chain-rows.js';
import { MemoryChanges } from '../../../src/alerts/evaluation/memory-writer.js';
import { ShardCommits } from '../../../src/alerts/evaluation/shard-commits.js';
import { ShardLeases } from '../../../src/alerts/evaluation/shard-leases.js';
import { ShardMoved, ShardStore, type Lease } from '../../../src/alerts/evaluation/shard-store.js';
import { AlertEvaluation } from '../../../src/alerts/evaluation/alert-evaluation.js';
import type { Transition } from '../../../src/alerts/core/index.js';
import type { LogEvent } from '../../../src/events/index.js';
import { Database } from '../../../src/platform/database/database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

describe('alert shards', () => {
  let db: TestDatabase;
  let database: Database;
  const settings = parseSettings({ DATABASE_URL: 'postgres://x', REDIS_URL: 'redis://x' });
  const processes = (count: number) => Array.from({ length: count }, () => new ShardLeases(database, settings));
  const shardsOf = (leases: readonly Lease[]) => leases.map((lease) => lease.shard);

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 4 });
  });
  afterEach(() => db.pool.query(`UPDATE alert_leases SET owner = NULL; DELETE FROM alert_workers`));
  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  it('belong to the first process, and are shared once a second process starts', async () => {
    const [first, second] = processes(2) as [ShardLeases, ShardLeases];
    const all = await first.renew();
    expect(shardsOf(all)).toEqual([0, 1, 2, 3]);
    expect(await second.renew()).toEqual([]);
    const kept = await first.renew();
    expect(kept).toHaveLength(2);
    await first.release(all.filter((lease) => !shardsOf(kept).includes(lease.shard)));
    const taken = await second.renew();
    expect([...shardsOf(kept), ...shardsOf(taken)].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  it('are taken over from a silent process, whose later commits are refused', async () => {
    const [first, second] = processes(2) as [ShardLeases, ShardLeases];
    const [lease] = await first.renew();
    await db.pool.query(`UPDATE alert_leases SET held_until = now() - interval '1 ms'; DELETE FROM alert_workers`);
    const taken = await second.renew();
    expect(shardsOf(taken)).toEqual([0, 1, 2, 3]);
    expect(taken[0]!.term).toBeGreaterThan(lease!.term);

    const store = new ShardStore(database);
    const { seq } = await store.position(lease!);
    await expect(database.transaction((tx) => store.lock(tx, lease!, seq, seq + 1))).rejects.toBeInstanceOf(ShardMoved);
    expect(await database.transaction((tx) => store.lock(tx, taken[0]!, seq, seq + 1))).toBe('open');
    // A late release by the first process does not release the lease of the second.
    await first.release([lease!]);
    expect(shardsOf(await second.renew())).toEqual([0, 1, 2, 3]);
  });

  it('are not taken over while their owner has a commit under way', async () => {
    const [first, second] = processes(2) as [ShardLeases, ShardLeases];
    const [lease] = await first.renew();
    const store = new ShardStore(database);
    const { seq } = await store.position(lease!);
    await database.transaction(async (tx) => {
      await store.lock(tx, lease!, seq, seq + 1);
      await db.pool.query(
        `UPDATE alert_leases SET held_until = now() - interval '1 ms' WHERE shard <> $1; DELETE FROM alert_workers`.replace(
          '$1',
          String(lease!.shard),
        ),
      );
      expect(shardsOf(await second.renew())).toEqual([1, 2, 3]);
    });
  });
});

describe('the commit of an alert shard', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
    // The evaluator is stopped, because the test itself commits.
    await app.nest.get(AlertEvaluation).stop();
  });
  afterAll(() => app?.close());

  it('is not repeated after a lost answer, and writes a duplicate transition to the dead letters', async () => {
    const [lease] = await app.nest.get(ShardLeases).renew();
    const store = app.nest.get(ShardStore);
    const position = await store.position(lease!);
    const { rows } = await app.db.pool.query<{ id: string }>(
      `INSERT INTO alert_rules (user_id, name, conditions) VALUES ('u', 'r',
         '[{"metric": "price", "token": "bitcoin", "operator": "gt", "threshold": 1}]') RETURNING rule_id AS id`,
    );
    const transition: Transition = {
      ruleId: rows[0]!.id,
      ruleVersion: 1,
      instanceKey: '',
      seq: 1,
      from: 'ok',
      to: 'firing',
      reason: 'first_fire',
      suppressed: 0,
      heldBack: [],
      silenced: null,
      flapNotice: false,
      since: Date.now(),
      readings: [],
      event: null,
      at: Date.now(),
    };
    const gone = { ...transition, ruleId: randomUUID() };
    const last = { epoch: position.epoch, seq: position.seq + 1 } as LogEvent;
    const work = {
      last,
      clock: 0,
      memory: new MemoryChanges(),
      transitions: [transition, gone],
      chains: new ChainRows(),
    };
    const commits = app.nest.get(ShardCommits);
    for (let attempt = 0; attempt < 2; attempt++) {
      await commits.commit(lease!, position.seq, work, () => false);
      const notified = await app.db.pool.query('SELECT rule_id FROM alert_transitions');
      expect(notified.rows).toEqual([{ rule_id: transition.ruleId }]);
      expect((await store.position(lease!)).seq).toBe(position.seq + 1);
    }
    const later = { ...work, last: { ...last, seq: position.seq + 9 } };
    await expect(commits.commit(lease!, position.seq + 7, later, () => false)).rejects.toBeInstanceOf(ShardMoved);

    // Another transition with the same number as the first: it is neither notified twice nor lost silently.
    const other = { ...transition, seq: 2 };
    const again = { ...work, last: { ...last, seq: position.seq + 2 }, transitions: [transition, other] };
    await commits.commit(lease!, position.seq + 1, again, () => false);
    const notified = await app.db.pool.query<{ seq: number }>('SELECT seq FROM alert_transitions ORDER BY seq');
    expect(notified.rows).toEqual([{ seq: 1 }, { seq: 2 }]);
    const letters = await app.db.pool.query<{ reader: string; reason: string }>(
      'SELECT reader, reason FROM dead_letters',
    );
    expect(letters.rows).toEqual([{ reader: 'alerts', reason: expect.stringContaining('duplicate key') }]);
  });
});
