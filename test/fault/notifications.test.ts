import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverPort } from '../support/servers/server-port.js';
import { newId, sha256 } from '../../src/notifications/core/ids.js';
import { AppProcess } from '../support/servers/app-process.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';
import { ALERT } from '../integration/notifications/notification-fixture.js';

const LONG = process.env['TEST_LONG'] !== undefined;
/** Number of kills at each point. */
const KILLS = LONG ? 20 : 3;
const PER_KILL = 5;
/**
 * Kill points: after the commit and before a job (in the announcement or the sweeper), before the message, before its
 * result.
 */
const POINTS = ['announce', ...(LONG ? ['enqueue'] : []), 'send', 'mark'];
const ADMIN = 'rta_faultadmin_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const SMTP_PASSWORD = 'never-to-be-logged-password';
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'notifications-preload.mjs')).href;

let db: TestDatabase;
let receiver: WebhookReceiver;
let port: number;
const targetId = newId();

beforeAll(async () => {
  [db, receiver, port] = await Promise.all([createTestDatabase(), WebhookReceiver.start(), serverPort()]);
  await db.pool.query(
    `INSERT INTO notification_targets (id, user_id, channel, target, target_key, status) VALUES ($1, 'ann', 'webhook', $2, $3, 'active')`,
    [targetId, receiver.url(), sha256(receiver.url())],
  );
});
afterAll(async () => {
  await receiver.close();
  await db.drop();
});

function processAt(point: string, priority: string): AppProcess {
  return new AppProcess(port, {
    DATABASE_URL: db.url,
    SECRETS_KEY: 'a key for the fault tests only',
    BOOTSTRAP_ADMIN_KEY: ADMIN,
    SMTP_URL: `smtp://user:${SMTP_PASSWORD}@127.0.0.1:1`,
    EGRESS_ALLOW: '127.0.0.0/8',
    WEBHOOK_RATE: '0',
    HOST_RATE: '0',
    USER_RATE: '0',
    DRAIN_SECONDS: '0',
    LOG_LEVEL: 'info',
    NODE_OPTIONS: `--import ${PRELOAD}`,
    KILL_AT: point,
    KILL_PRIORITY: priority,
  });
}

/** Records deliveries as a transaction leaves them if its process is killed right after the commit. */
async function commitDeliveries(priority: string, state = 'pending'): Promise<string[]> {
  const ids = Array.from({ length: PER_KILL }, () => newId());
  await db.pool.query(
    `INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, priority, collapse_key, state,
       next_attempt_at, due_at, expires_at)
     SELECT id, 'ann', $2, 'webhook', $3, 'alert.fired', $4, $5, id::text, $6, now(), now(), now() + interval '1 hour'
     FROM unnest($1::uuid[]) id`,
    [ids, targetId, receiver.url(), JSON.stringify(ALERT), priority, state],
  );
  return ids;
}

/** Requests a delivery again, which commits and then announces; the answer may never arrive. */
async function redeliver(id: string): Promise<void> {
  await fetch(`http://127.0.0.1:${port}/v1/notifications/deliveries/${id}/redeliver`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
  }).catch(() => undefined);
}

describe('a notification worker killed with -9', () => {
  it(`loses no delivery at ${POINTS.join(', ')} (${KILLS} kills each), and repeats keep the webhook id`, async () => {
    const all: string[] = [];
    const logs: string[] = [];
    const rounds = Array.from({ length: KILLS }, () => POINTS).flat();
    for (const [index, point] of rounds.entries()) {
      const priority = index % 2 === 0 ? 'low' : 'high';
      const app = processAt(point, priority);
      await app.start();
      // First, all deliveries left by the previous process are sent.
      await allDelivered(all.length);
      const ids = await commitDeliveries(priority, point === 'announce' ? 'dead' : 'pending');
      if (point === 'announce') {
        await db.pool.query(`UPDATE deliveries SET user_id = $2 WHERE id = ANY($1)`, [ids, await adminUser()]);
        await redeliver(ids[0] ?? '');
        await db.pool.query(`UPDATE deliveries SET state = 'pending' WHERE id = ANY($1) AND state = 'dead'`, [ids]);
      }
      all.push(...ids);
      await waitFor(() => app.ended, { what: `a kill at ${point}`, timeoutMs: 30_000 });
      logs.push(app.tail());
    }
    const last = processAt('', '');
    await last.start();
    try {
      await allDelivered(all.length);
      const received = receiver.of('alert.fired');
      const arrived = new Set(received.map(({ headers }) => String(headers['webhook-id'])));
      expect([...arrived].sort()).toEqual([...all].sort());
      // Each repetition has the same id and the same body, so a receiver can recognise it.
      for (const id of arrived) {
        const bodies = new Set(received.filter(({ headers }) => headers['webhook-id'] === id).map(({ body }) => body));
        expect(bodies.size).toBe(1);
      }
      const { rows } = await db.pool.query(`SELECT count(*) AS n FROM delivery_attempts WHERE outcome = 'interrupted'`);
      expect(rows[0].n).toBeGreaterThanOrEqual(KILLS);
    } finally {
      await last.end('SIGTERM');
    }
    logs.push(last.tail());
    const { rows: secrets } = await db.pool.query<{ sealed: string }>('SELECT sealed FROM webhook_secrets');
    for (const hidden of [SMTP_PASSWORD, 'a key for the fault tests', ...secrets.map(({ sealed }) => sealed)]) {
      for (const log of logs) expect(log).not.toContain(hidden);
    }
  }, 1_200_000);
});

async function allDelivered(count: number): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await db.pool.query<{ state: string; count: number }>(
        'SELECT state, count(*) FROM deliveries GROUP BY 1',
      );
      const delivered = rows.every(({ state }) => state === 'delivered');
      if (delivered && (rows[0]?.count ?? 0) === count) return true;
      throw new Error(JSON.stringify(rows));
    },
    { what: `${count} deliveries`, timeoutMs: 60_000 },
  );
}

async function adminUser(): Promise<string> {
  const { rows } = await db.pool.query<{ user_id: string }>(`SELECT user_id FROM api_keys WHERE id = 'faultadmin'`);
  return rows[0]?.user_id ?? '';
}
