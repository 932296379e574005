import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Batcher } from '../../../src/notifications/deliveries/batcher.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { NotificationFixture } from './notification-fixture.js';

let receiver: WebhookReceiver;
let db: TestDatabase;
let redis: TestRedis;

beforeAll(async () => {
  [receiver, db, redis] = await Promise.all([WebhookReceiver.start(), createTestDatabase(), startRedis()]);
});
afterAll(async () => {
  await Promise.all([receiver.close(), db.drop(), redis.close()]);
});

describe('a starting process', () => {
  it('resends interrupted deliveries under the same id, and deletes old deliveries', async () => {
    const before = await NotificationFixture.start({ VERIFY_TARGETS: 'false' }, db);
    const target = await before.claim('webhook', receiver.url('/recovered'));
    const [sending = '', queued = '', old = ''] = await before.record(
      [1, 2, 3].map(() => ({ channel: 'webhook' as const, target, notBefore: new Date(Date.now() + 600_000) })),
    );
    await before.close();
    await db.pool.query(
      `UPDATE deliveries SET state = 'sending', attempts = 1, tries = 1, started_at = now(),
         due_at = now() + interval '1 minute' WHERE id = $1`,
      [sending],
    );
    await db.pool.query(
      `UPDATE deliveries SET next_attempt_at = now(), due_at = now() + interval '1 hour' WHERE id = $1`,
      [queued],
    );
    await db.pool.query(
      `UPDATE deliveries SET state = 'delivered', created_at = now() - interval '31 days' WHERE id = $1`,
      [old],
    );
    const after = await NotificationFixture.start({ VERIFY_TARGETS: 'false' }, db);
    await after.until(sending, 'delivered');
    await after.until(queued, 'delivered');
    const { rows } = await db.pool.query(
      'SELECT n, outcome, trigger FROM delivery_attempts WHERE delivery_id = $1 ORDER BY n',
      [sending],
    );
    expect(rows).toEqual([
      { n: 1, outcome: 'interrupted', trigger: 'auto' },
      { n: 2, outcome: 'delivered', trigger: 'auto' },
    ]);
    await waitFor(async () => (await after.row(old)) === undefined, { what: 'the old one forgotten' });
    await after.close();
  });
});

describe('deliveries with Redis', () => {
  it('continue while Redis is unavailable and after Redis returns', async () => {
    const fixture = await NotificationFixture.start({ REDIS_URL: redis.url, VERIFY_TARGETS: 'false' });
    const target = await fixture.claim('webhook', receiver.url('/redis'));
    await fixture.until(await fixture.send('webhook', target), 'delivered');
    await redis.stop();
    const withoutRedis = await fixture.send('webhook', target);
    await waitFor(
      async () => {
        await fixture.hurry(withoutRedis);
        return (await fixture.row(withoutRedis)).state === 'delivered';
      },
      { what: 'a delivery without Redis', timeoutMs: 20_000, everyMs: 500 },
    );
    await redis.start();
    const back = await fixture.send('webhook', target);
    await waitFor(
      async () => {
        await fixture.hurry(back);
        return (await fixture.row(back)).state === 'delivered';
      },
      { what: 'a delivery after Redis came back', timeoutMs: 20_000, everyMs: 500 },
    );
    expect(
      receiver.received.filter(({ headers }) => [withoutRedis, back].includes(String(headers['webhook-id']))),
    ).toHaveLength(2);
    await fixture.close();
  });
});

describe('the batcher', () => {
  it('collects items during a running batch, and fails all items of a failed batch', async () => {
    const sizes: number[] = [];
    const batcher = new Batcher<number, number>(
      async (items) => {
        sizes.push(items.length);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (items.includes(13)) throw new Error('unlucky');
        return items.map((item) => item * 2);
      },
      4,
      1,
    );
    const first = await Promise.all([1, 2, 3, 4, 5, 6].map((item) => batcher.add(item)));
    expect(first).toEqual([2, 4, 6, 8, 10, 12]);
    expect(sizes).toEqual([4, 2]);
    const second = await Promise.allSettled([12, 13].map((item) => batcher.add(item)));
    expect(second.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
