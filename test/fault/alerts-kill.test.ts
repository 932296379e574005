import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverPort } from '../support/servers/server-port.js';
import { logEvaluated } from '../support/servers/alert-shards.js';
import { AppProcess } from '../support/servers/app-process.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';

const KEY = `rta_faultadmin_${'k'.repeat(43)}`;
const KILLS = process.env['TEST_LONG'] ? 20 : 3;
const HOOK = pathToFileURL(join(import.meta.dirname, '../support/faults/kill-point.mjs')).href;
/** Points between evaluation and the queues, in the order in which an alert passes them. */
const POINTS = ['evaluated', 'written', 'committed', 'announced'] as const;
/** Maximum number of crossings while one process lives: fewer than count as flapping. */
const MAX_CROSSINGS = 12;
const LIVES = KILLS * POINTS.length;

let db: TestDatabase;
let hooks: WebhookReceiver;
let port: number;

beforeAll(async () => {
  db = await createTestDatabase();
  hooks = await WebhookReceiver.start();
  port = await serverPort();
});

afterAll(async () => {
  await hooks?.close();
  await db?.drop();
});

/** Starts the product, which kills itself at `point` after having passed it `after` times. */
function product(point?: string, after = 0): AppProcess {
  const kill: Record<string, string> =
    point === undefined ? {} : { KILL_POINT: point, KILL_AFTER: String(after), NODE_OPTIONS: `--import=${HOOK}` };
  return new AppProcess(port, {
    DATABASE_URL: db.url,
    BOOTSTRAP_ADMIN_KEY: KEY,
    SECRETS_KEY: 'fault-test-secrets-key-of-32-bytes',
    MIGRATE_ON_START: 'false',
    VERIFY_TARGETS: 'false',
    EGRESS_ALLOW: '127.0.0.0/8',
    WEBHOOK_RATE: '0',
    HOST_RATE: '0',
    USER_RATE: '0',
    ...kill,
  });
}

test(`a process killed with -9 ${KILLS} times at each of ${POINTS.length} points loses and repeats no alert, and sends each under one id`, async () => {
  const market = new MarketWriter(db.pool);
  const first = product();
  await first.start();
  const user = new RestCaller(first.url, KEY);
  // Each process life has its own token and rule, so that no rule fires often enough to count as flapping.
  const rules: string[] = [];
  for (let life = 0; life < LIVES; life++) {
    await market.price(`token-${life}`, 60_000);
    rules.push(
      await user.rule({
        name: `life ${life}`,
        conditions: [{ token: `token-${life}`, metric: 'price', operator: 'gt', threshold: 70_000 }],
        actions: [{ type: 'webhook', target: hooks.url(`/${life}`) }],
        mode: 'crossing',
        throttleMinutes: 0,
      }),
    );
  }
  await first.end('SIGTERM');

  const crossings = new Map<string, number>();
  const cross = async (life: number): Promise<void> => {
    await market.price(`token-${life}`, 80_000);
    crossings.set(rules[life]!, (crossings.get(rules[life]!) ?? 0) + 1);
    await market.price(`token-${life}`, 60_000);
  };
  const notifications = async (ruleId: string): Promise<number> => {
    const { rows } = await db.pool.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM alert_transitions WHERE rule_id = $1',
      [ruleId],
    );
    return rows[0]?.n ?? 0;
  };
  for (let life = 0; life < LIVES; life++) {
    const point = POINTS[life % POINTS.length];
    const app = product(point, Math.floor(life / POINTS.length) % 3);
    // The process may reach its kill point while it handles what the previous one left.
    await app.start().catch((error: unknown) => {
      if (!app.ended) throw error;
    });
    try {
      // Each alert is a separate commit, so that a point can be passed several times.
      for (let count = 1; count <= MAX_CROSSINGS && !app.ended; count++) {
        await cross(life);
        await waitFor(async () => app.ended || (await notifications(rules[life]!)) === count, {
          what: `alert ${count} or the end at ${point}`,
          timeoutMs: 60_000,
        });
      }
      await waitFor(() => app.ended, { what: `the end at ${point}`, timeoutMs: 60_000 });
    } finally {
      await app.end('SIGKILL');
    }
  }

  const last = product();
  await last.start();
  try {
    await logEvaluated(db.pool);
    const alerts = await db.pool.query<{ rule_id: string; seqs: string[]; ids: string[] }>(
      `SELECT rule_id, array_agg(seq::text ORDER BY seq) AS seqs, array_agg(id::text) AS ids FROM alert_transitions
       GROUP BY rule_id`,
    );
    expect(new Set(alerts.rows.map((row) => row.rule_id))).toEqual(new Set(crossings.keys()));
    for (const { rule_id: ruleId, seqs } of alerts.rows) {
      expect(seqs).toEqual(Array.from({ length: crossings.get(ruleId) ?? 0 }, (_, index) => String(index + 1)));
    }

    // The alert events in the log, which sockets receive, also exist once each.
    const events = await db.pool.query<{ id: string; n: number }>(
      `SELECT data ->> 'alertId' AS id, count(*)::int AS n FROM event_log WHERE type = 'alert' GROUP BY 1`,
    );
    const ids = alerts.rows.flatMap((row) => row.ids);
    expect(new Set(events.rows.map((row) => row.id))).toEqual(new Set(ids));
    expect(events.rows.filter((row) => row.n !== 1)).toEqual([]);

    // Every alert that was sent according to its outcome has one delivery, received at least once, always with the same
    // webhook-id.
    const unfinished = async (): Promise<number> =>
      (
        await db.pool.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM deliveries WHERE state NOT IN ('delivered', 'suppressed', 'superseded')`,
        )
      ).rows[0]?.n ?? -1;
    await waitFor(async () => (await unfinished()) === 0, { what: 'all deliveries', timeoutMs: 120_000, everyMs: 100 });
    const delivered = await db.pool.query<{ id: string; alert: string; state: string }>(
      `SELECT id::text, data ->> 'alertId' AS alert, state FROM deliveries`,
    );
    expect(delivered.rows.length).toBe(new Set(delivered.rows.map((row) => row.alert)).size);
    const received = new Map<string, Set<string>>();
    for (const { headers, json } of hooks.received) {
      const alertId = String(json.data['alertId']);
      received.set(alertId, (received.get(alertId) ?? new Set()).add(String(headers['webhook-id'])));
    }
    const handedOver = delivered.rows.filter((row) => row.state === 'delivered');
    expect(handedOver.length).toBeGreaterThan(0);
    for (const { id, alert } of handedOver) expect([...(received.get(alert) ?? [])]).toEqual([id]);
  } finally {
    await last.end('SIGKILL');
  }
}, 900_000);
