import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Claimant } from '../../../src/notifications/core/message-shares.js';
import { DueTargets } from '../../../src/notifications/deliveries/due-targets.js';
import { Lanes } from '../../../src/notifications/deliveries/lanes.js';
import type { Database } from '../../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { quietFor, waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

/** Inserts targets of a user, each with due messages that are older than `ageMs`. */
async function insertDue(db: TestDatabase, user: string, targets: number, messages: number, ageMs: number) {
  await db.pool.query(
    `WITH made AS (
       INSERT INTO notification_targets (id, user_id, channel, target, target_key, status, verified_at)
       SELECT gen_random_uuid(), $1, 'webhook', 'http://127.0.0.1:9/' || $1 || n, sha256(($1 || n)::bytea), 'active', now()
       FROM generate_series(1, $2::int) n RETURNING *)
     INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, priority, collapse_key, state,
       next_attempt_at, due_at, expires_at)
     SELECT gen_random_uuid(), user_id, id, channel, target, 'alert.fired', $4, 'normal', gen_random_uuid()::text,
       'pending', now(), now() - $5 * interval '1 ms', now() + interval '1 hour'
     FROM made, generate_series(1, $3::int)`,
    [user, targets, messages, JSON.stringify(ALERT), ageMs],
  );
}

describe('due deliveries', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
    await insertDue(db, 'loud', 50, 60, 60_000);
    await insertDue(db, 'quiet', 1, 1, 0);
  });
  afterAll(() => db.drop());

  const dueTargets = (): DueTargets => {
    const query = async (text: string, values: unknown[]): Promise<unknown[]> =>
      (await db.pool.query(text, values)).rows;
    return new DueTargets({ query } as unknown as Database);
  };
  const room = ({ receiver, user }: { receiver: string; user: string }): Claimant => ({
    receiver,
    group: user,
    room: user === 'full' ? 0 : 40,
    groupRoom: 120,
  });

  it('are taken from every user, however many older ones another user has', async () => {
    const taken = await dueTargets().take(1_000, room);
    expect(taken.filter(({ user }) => user === 'quiet')).toHaveLength(1);
    const loud = taken.filter(({ user }) => user === 'loud');
    expect(loud.length).toBeGreaterThan(90);
    expect(loud.length).toBeLessThanOrEqual(120);
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
  });

  it('stay due while there is no room for them, and are not taken twice', async () => {
    await insertDue(db, 'full', 1, 2_000, 60_000);
    const both = await Promise.all([dueTargets().take(1_000, room), dueTargets().take(1_000, room)]);
    const ids = both.flat().map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
    const { rows } = await db.pool.query(
      `SELECT count(*)::int AS due FROM deliveries WHERE user_id = 'full' AND due_at <= now()`,
    );
    expect(rows).toEqual([{ due: 2_000 }]);
  });
});

describe('many messages of one user', () => {
  let receiver: WebhookReceiver;
  let fixture: NotificationFixture;
  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    fixture = await NotificationFixture.start({ VERIFY_TARGETS: 'false', WEBHOOK_RATE: '300', HOST_RATE: '0' });
  });
  afterAll(async () => {
    await fixture.close();
    await receiver.close();
  });

  it('get few jobs, and are delivered once each', async () => {
    const put = vi.spyOn(fixture.app.nest.get(Lanes), 'put');
    const target = await fixture.claim('webhook', receiver.url('/many'));
    const ids = await fixture.sendAll(Array.from({ length: 250 }, () => ({ channel: 'webhook' as const, target })));
    const arrived = (): string[] =>
      receiver.received.filter(({ path }) => path === '/many').map(({ headers }) => String(headers['webhook-id']));
    await waitFor(() => arrived().length >= 250, { what: '250 webhooks', timeoutMs: 20_000 });
    expect(arrived().toSorted()).toEqual(ids.toSorted());
    const jobs = put.mock.calls.flatMap(([given]) => given);
    expect(jobs.length).toBeGreaterThan(0);
    expect(jobs.length).toBeLessThanOrEqual(100);
  });

  it('wait where they are while their target has had its messages of the minute', async () => {
    const target = await fixture.claim('webhook', receiver.url('/limited'));
    const due = await fixture.record(
      Array.from({ length: 2_000 }, () => ({ channel: 'webhook' as const, target, notBefore: new Date() })),
    );
    const arrived = (): number => receiver.received.filter(({ path }) => path === '/limited').length;
    await waitFor(() => arrived() >= 300, { what: '300 webhooks', timeoutMs: 20_000 });
    await waitFor(async () => (await reasons(due)).get('endpoint_rate'), { what: 'a deferred delivery' });
    await quietFor(1_500);
    expect(arrived()).toBe(300);
    const counts = await reasons(due);
    expect(counts.get('endpoint_rate')).toBeLessThan(700);
    const other = await fixture.send('webhook', await fixture.claim('webhook', receiver.url('/other')), {
      collapseKey: randomUUID(),
    });
    await fixture.until(other, 'delivered');
  });

  /** Returns the numbers of the given deliveries by reason. */
  async function reasons(ids: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await fixture.app.db.pool.query<{ reason: string; n: number }>(
      `SELECT coalesce(reason, '') AS reason, count(*)::int AS n FROM deliveries WHERE id = ANY($1) GROUP BY 1`,
      [ids],
    );
    return new Map(rows.map(({ reason, n }) => [reason, n]));
  }
});
