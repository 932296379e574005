import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serverPort } from '../support/servers/server-port.js';
import { AppProcess } from '../support/servers/app-process.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';

const ADMIN_SECRET = 'a'.repeat(20) + 'AdminSecretOfTheLogTest';
const SMTP_PASSWORD = 'smtp-password-of-the-log-test';
const SECRETS_KEY = 'sealing-key-of-the-log-test-32-bytes';
const FCM_TOKEN = 'fcm-token-of-the-log-test:APA91bFxxxxxxxxxxxxxxxx';

let db: TestDatabase;
let receiver: WebhookReceiver;
let directory: string;

beforeAll(async () => {
  [db, receiver] = await Promise.all([createTestDatabase(), WebhookReceiver.start()]);
  directory = mkdtempSync(join(tmpdir(), 'secrets-'));
});
afterAll(async () => {
  await receiver?.close();
  await db?.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** Returns a browser's subscription whose endpoint is a closed port, and its two secrets. */
function subscription(): { text: string; secrets: string[] } {
  const p256dh = createECDH('prime256v1').generateKeys('base64url');
  const auth = randomBytes(16).toString('base64url');
  return {
    text: JSON.stringify({ endpoint: 'http://127.0.0.1:1/push', keys: { p256dh, auth } }),
    secrets: [p256dh, auth],
  };
}

/** Returns a service account whose token endpoint is a closed port. */
function serviceAccount(): { file: string; key: string } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const file = join(directory, 'account.json');
  const account = { project_id: 'p', private_key: key, client_email: 'a@p.iam', token_uri: 'http://127.0.0.1:1/token' };
  writeFileSync(file, JSON.stringify(account));
  return { file, key };
}

it('at log level `trace`, neither the log nor the audit log contains a secret, even after failures and refusals', async () => {
  const account = serviceAccount();
  const admin = `rta_logadmin_${ADMIN_SECRET}`;
  const app = new AppProcess(
    await serverPort(),
    {
      DATABASE_URL: db.url,
      DATA_DIR: directory,
      BOOTSTRAP_ADMIN_KEY: admin,
      SECRETS_KEY,
      SMTP_URL: `smtp://user:${SMTP_PASSWORD}@127.0.0.1:1`,
      FCM_SERVICE_ACCOUNT: account.file,
      EGRESS_ALLOW: '127.0.0.0/8',
      DRAIN_SECONDS: '0',
      LOG_LEVEL: 'trace',
    },
    { keep: Infinity },
  );
  await app.start();
  const secrets: [what: string, secret: string][] = [
    ['admin key', ADMIN_SECRET],
    ['SMTP password', SMTP_PASSWORD],
    ['sealing key', SECRETS_KEY],
    ['FCM token', FCM_TOKEN],
    ['service account key', account.key.split('\n')[1] ?? ''],
  ];
  try {
    const root = new RestCaller(app.url, admin);
    const made = await root.post('/v1/admin/api-keys', { userId: 'ann', role: 'writer', tier: 'pro' });
    const ann = new RestCaller(app.url, made.body.key as string);
    secrets.push(['API key', ann.apiKey.slice(ann.apiKey.indexOf('_', 'rta_'.length) + 1)]);
    const device = subscription();
    secrets.push(...device.secrets.map((secret): [string, string] => ['push subscription', secret]));
    const actions = [
      { type: 'webhook', target: receiver.url() },
      { type: 'email', target: 'ann@example.com' },
      { type: 'push', target: FCM_TOKEN },
      { type: 'push', target: device.text },
    ];
    const condition = { token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 100 };
    const market = new MarketWriter(db.pool);
    await market.price('bitcoin', 90);
    const ruleId = await ann.rule({ name: 'logged', conditions: [condition], actions });
    await receiver.next('endpoint.verify');
    const rotated = await ann.post('/v1/notifications/webhook-secrets/rotate', { target: receiver.url() });
    expect(rotated.body.secret).toMatch(/^whsec_/);
    secrets.push(['webhook secret', String(rotated.body.secret).slice('whsec_'.length)]);
    const vapid = JSON.parse(readFileSync(join(directory, 'vapid.json'), 'utf8')) as { privateKey: string };
    secrets.push(['VAPID key', vapid.privateKey]);

    // Sends, fails and refuses in all available ways, with secrets in addresses, headers and bodies.
    receiver.answer = ({ json }) => (json.type === 'test' ? { status: 500, body: 'no' } : undefined);
    await market.price('bitcoin', 120);
    await ann.post(`/v1/alerts/rules/${ruleId}/test`);
    await receiver.next('alert.fired');
    const query = `apiKey=${encodeURIComponent(ann.apiKey)}`;
    for (const path of [`/v1/stream?channels=events:tvl&${query}x`, `/v1/me?${query}`, `/nowhere?${query}`])
      await fetch(app.url + path).then((answer) => answer.body?.cancel());
    await ann.post('/v1/alerts/rules', {
      name: 'x',
      conditions: [condition],
      actions: [{ type: 'push', target: `${FCM_TOKEN} ` }],
    });
    await ann.post('/v1/alerts/rules', `{"target": "${FCM_TOKEN}"`);
    await new RestCaller(app.url, `${ann.apiKey}x`).get('/v1/me');
    const failed = async (): Promise<boolean> => {
      const { rows } = await db.pool.query<{ channel: string }>(
        `SELECT DISTINCT d.channel FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE a.outcome = 'failed'`,
      );
      return rows.some(({ channel }) => channel === 'push');
    };
    await waitFor(failed, { what: 'failed attempts', timeoutMs: 60_000 });
    const { rows } = await db.pool.query<{ sealed: string }>(
      'SELECT sealed FROM webhook_secrets UNION SELECT sealed FROM notification_targets WHERE sealed IS NOT NULL',
    );
    secrets.push(...rows.map(({ sealed }): [string, string] => ['sealed secret', sealed]));
  } finally {
    await app.end('SIGTERM');
  }
  const log = app.tail();
  expect(log.length).toBeGreaterThan(1_000);
  for (const [what, secret] of secrets) {
    expect([what, secret.length > 15]).toEqual([what, true]);
    expect([what, log.includes(secret)]).toEqual([what, false]);
    const row = await db.pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit_log a WHERE strpos(a::text, $1) > 0`,
      [secret],
    );
    expect([what, row.rows[0]?.n]).toEqual([what, 0]);
  }
});
