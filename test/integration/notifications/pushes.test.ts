import { createECDH, createVerify, generateKeyPairSync, randomBytes, type ECDH } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeJwt, importSPKI, exportJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

/** Reference implementation of RFC 8188, which decrypts as a browser would. */
const { decrypt } = createRequire(import.meta.url)('http_ece') as {
  decrypt(body: Buffer, options: { version: string; privateKey: ECDH; authSecret: string }): Buffer;
};

interface Request {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

const textOf = (body: object | string): string => (typeof body === 'string' ? body : JSON.stringify(body));

const GRANTED = { status: 200, body: { access_token: 'ya29.token', expires_in: 3599, token_type: 'Bearer' } };

/** Simulates a push service, Google's token endpoint and its send endpoint on a local port. */
class Stand {
  readonly requests: Request[] = [];
  pushStatus = 201;
  /** Response of Google's send endpoint to the next messages. */
  send: { status: number; body: object | string; headers?: Record<string, string> } = {
    status: 200,
    body: { name: 'projects/p/messages/1' },
  };
  /** Answer of Google's token endpoint; status 0: it closes the connection. */
  grant: { status: number; body: object | string } = GRANTED;
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Stand> {
    const server = createServer();
    const stand = new Stand(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        stand.requests.push({ path, headers: request.headers, body: Buffer.concat(chunks) });
        if (path === '/token' && stand.grant.status === 0) request.socket.destroy();
        else if (path === '/token') response.writeHead(stand.grant.status).end(textOf(stand.grant.body));
        else if (path.endsWith('messages:send'))
          response.writeHead(stand.send.status, stand.send.headers).end(textOf(stand.send.body));
        else response.writeHead(stand.pushStatus, stand.pushStatus === 429 ? { 'retry-after': '90' } : {}).end();
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return stand;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  of(path: string): Request[] {
    return this.requests.filter((request) => request.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((done) => this.server.close(() => done()));
  }
}

const SEND = '/v1/projects/demo-project/messages:send';
const account = generateKeyPairSync('rsa', { modulusLength: 2_048 });
let fixture: NotificationFixture;
let stand: Stand;
let directory: string;
let key: string;

beforeAll(async () => {
  stand = await Stand.start();
  directory = mkdtempSync(join(tmpdir(), 'pushes-'));
  const file = join(directory, 'service-account.json');
  writeFileSync(
    file,
    JSON.stringify({
      type: 'service_account',
      project_id: 'demo-project',
      private_key: account.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: 'pusher@demo-project.iam.gserviceaccount.com',
      token_uri: `${stand.url}/token`,
      fcm_endpoint: stand.url,
    }),
  );
  fixture = await NotificationFixture.start({
    DATA_DIR: directory,
    FCM_SERVICE_ACCOUNT: file,
    MAIL_FROM: 'Alerts <alerts@defi.example>',
    VERIFY_TARGETS: 'false',
  });
  key = await fixture.app.key();
});
afterAll(async () => {
  await fixture.close();
  await stand.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  stand.requests.length = 0;
  stand.pushStatus = 201;
  stand.grant = GRANTED;
  stand.send = { status: 200, body: { name: 'projects/demo-project/messages/1' } };
});

let count = 0;
function browser(): { path: string; subscription: string; open(body: Buffer): unknown } {
  const keys = createECDH('prime256v1');
  const p256dh = keys.generateKeys('base64url');
  const auth = randomBytes(16).toString('base64url');
  const path = `/push/${++count}`;
  const subscription = JSON.stringify({ endpoint: stand.url + path, expirationTime: null, keys: { p256dh, auth } });
  const open = (body: Buffer): unknown =>
    JSON.parse(decrypt(body, { version: 'aes128gcm', privateKey: keys, authSecret: auth }).toString());
  return { path, subscription, open };
}

describe('web pushes', () => {
  it('are encrypted for the browser and signed with the VAPID key of the subscription', async () => {
    const { path, subscription, open } = browser();
    const target = await fixture.claim('push', subscription);
    expect(target).toMatch(/^push:[\w-]{43}$/);
    await fixture.until(await fixture.send('push', target, { priority: 'high', collapseKey: 'rule:1' }), 'delivered');
    const [request] = stand.of(path);
    expect(open(request!.body)).toEqual({
      title: 'Alert: Aave below 30 billion · aave-v3 $29 B',
      body: 'TVL of aave-v3 is $29 B, below $30 B',
      data: { ...ALERT, links: expect.objectContaining({ rule: expect.stringContaining('/v1/alerts/rules/r1') }) },
    });
    expect(request!.headers).toMatchObject({ 'content-encoding': 'aes128gcm', urgency: 'high' });
    expect(Number(request!.headers['ttl'])).toBeGreaterThan(3_000);
    expect(request!.headers['topic']).toMatch(/^[\w-]{32}$/);
    const [, jwt = '', publicKey = ''] =
      /^vapid t=([^,]+), k=(\S+)$/.exec(request!.headers['authorization'] ?? '') ?? [];
    expect((await fixture.call(key, 'GET', '/push-key')).json).toEqual({ publicKey });
    const point = Buffer.from(publicKey, 'base64url');
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    const { payload } = await jwtVerify(jwt, createLocalJWKSet({ keys: [jwk] }));
    expect(payload.aud).toBe(stand.url);
    expect(payload.exp! - Date.now() / 1_000).toBeLessThanOrEqual(86_400);
    expect(payload.exp! - Date.now() / 1_000).toBeGreaterThan(0);
    expect(payload.sub).toBe('mailto:alerts@defi.example');
  });

  it('share a topic if their collapse key is equal', async () => {
    const { path, subscription } = browser();
    const target = await fixture.claim('push', subscription);
    for (let n = 0; n < 2; n++) {
      await fixture.until(await fixture.send('push', target, { collapseKey: 'same' }), 'delivered');
    }
    const topics = stand.of(path).map(({ headers }) => headers['topic']);
    expect(topics).toHaveLength(2);
    expect(topics[0]).toBe(topics[1]);
  });

  it.each([404, 410])(
    'disable the target and delete its token at status %i, until the device registers again',
    async (status) => {
      const { subscription } = browser();
      const target = await fixture.claim('push', subscription);
      stand.pushStatus = status;
      await fixture.until(await fixture.send('push', target), 'dead');
      await fixture.untilTarget(target, 'disabled');
      const { rows } = await fixture.app.db.pool.query(
        'SELECT sealed, status_reason FROM notification_targets WHERE target = $1',
        [target],
      );
      expect(rows).toEqual([{ sealed: null, status_reason: 'token_gone' }]);
      stand.pushStatus = 201;
      await fixture.claim('push', subscription);
      await fixture.until(await fixture.send('push', target), 'delivered');
    },
  );

  it.each([
    ['are retried after the `retry-after` of the push service', 429, 'retrying', 90_000],
    ['are retried after a failure of the push service', 500, 'retrying', 0],
    ['fail for good when too large', 413, 'dead', -Infinity],
  ] as const)('%s', async (_, status, state, wait) => {
    const target = await fixture.claim('push', browser().subscription);
    stand.pushStatus = status;
    const row = await fixture.until(await fixture.send('push', target), state);
    expect(row.next_attempt_at.getTime() - row.started_at.getTime()).toBeGreaterThanOrEqual(wait);
    await fixture.untilTarget(target, 'active');
  });

  it.each([
    ['low', 'low'],
    ['normal', 'normal'],
    ['critical', 'high'],
  ] as const)('map priority %s to urgency %s', async (priority, urgency) => {
    const { path, subscription } = browser();
    const target = await fixture.claim('push', subscription);
    await fixture.until(await fixture.send('push', target, { priority }), 'delivered');
    expect(stand.of(path)[0]?.headers['urgency']).toBe(urgency);
  });

  it('use one key pair stored in `vapid.json`', () => {
    const kept = JSON.parse(readFileSync(join(directory, 'vapid.json'), 'utf8'));
    expect(Buffer.from(kept.publicKey, 'base64url')).toHaveLength(65);
  });

  it('are refused for a subscription with a private address', async () => {
    const { subscription } = browser();
    const hostile = JSON.stringify({ ...JSON.parse(subscription), endpoint: 'https://169.254.169.254/' });
    await expect(fixture.claim('push', hostile)).rejects.toThrow('not allowed');
  });
});

/** Returns FCM's response to a text that is not a token. */
function malformed(): object {
  const message = 'The registration token is not a valid FCM registration token';
  const details = [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'INVALID_ARGUMENT' }];
  return { error: { code: 400, message, status: 'INVALID_ARGUMENT', details } };
}

describe('pushes over FCM', () => {
  const TOKEN = 'fcm-token-of-a-device:APA91bFxxxxxxxxxxxxxxxxxxxx';

  it('are sent with an access token that Google grants for a signed assertion', async () => {
    const target = await fixture.claim('push', TOKEN);
    const ids = [await fixture.send('push', target, { collapseKey: 'k' }), await fixture.send('push', target)];
    for (const id of ids) await fixture.until(id, 'delivered');
    const grants = stand.of('/token');
    expect(grants).toHaveLength(1);
    const form = new URLSearchParams(grants[0]!.body.toString());
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const assertion = form.get('assertion') ?? '';
    const spki = account.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const { payload } = await jwtVerify(
      assertion,
      createLocalJWKSet({ keys: [await exportJWK(await importSPKI(spki, 'RS256'))] }),
    );
    expect(payload).toMatchObject({
      iss: 'pusher@demo-project.iam.gserviceaccount.com',
      aud: `${stand.url}/token`,
      scope: 'https://www.googleapis.com/auth/firebase.messaging',
    });
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    expect(
      createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(account.publicKey, signature, 'base64url'),
    ).toBe(true);
    expect(decodeJwt(assertion).exp! - decodeJwt(assertion).iat!).toBe(3_600);
    const message = stand.of(SEND).find(({ body }) => body.includes(ids[0] ?? 'none'));
    expect(message!.headers.authorization).toBe('Bearer ya29.token');
    expect(JSON.parse(message!.body.toString()).message).toMatchObject({
      token: TOKEN,
      notification: {
        title: 'Alert: Aave below 30 billion · aave-v3 $29 B',
        body: 'TVL of aave-v3 is $29 B, below $30 B',
      },
      android: { collapse_key: expect.any(String), ttl: expect.stringMatching(/^\d+s$/), priority: 'NORMAL' },
      apns: { headers: { 'apns-priority': '5' } },
      data: { deliveryId: ids[0], type: 'alert.fired' },
    });
  });

  it('stay below the limit of FCM by cutting long texts', async () => {
    const target = await fixture.claim('push', TOKEN);
    const data = { ...ALERT, explanation: { long: 'x'.repeat(2_500) } };
    for (const message of ['Wörter '.repeat(2_000), 'word '.repeat(400)]) {
      const id = await fixture.send('push', target, { data: { ...data, message } });
      await fixture.until(id, 'delivered');
      const request = stand.of(SEND).find(({ body }) => body.includes(id));
      const sent = JSON.parse(request!.body.toString()).message;
      const texts: string[] = [...Object.values(sent.notification), ...Object.entries(sent.data).flat()] as string[];
      expect(Buffer.byteLength(texts.join(''))).toBeLessThan(4_000);
      expect(message.startsWith(sent.notification.body.replace(/…$/, ''))).toBe(true);
    }
  });

  it('keep the device token out of the database and the API', async () => {
    const target = await fixture.claim('push', TOKEN);
    const { rows } = await fixture.app.db.pool.query('SELECT row_to_json(t)::text AS row FROM notification_targets t');
    for (const { row } of rows) expect(row).not.toContain(TOKEN);
    const { json } = await fixture.call(key, 'GET', '/targets');
    expect(JSON.stringify(json)).not.toContain(TOKEN);
    expect(await fixture.claim('push', target)).toBe(target);
  });

  const fcmError = (errorCode: string, more: object[] = []) => [
    { '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode },
    ...more,
  ];
  const violation = (field: string) => ({
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: [{ field, description: 'Invalid value' }],
  });

  it.each([
    ['an unregistered token', 404, fcmError('UNREGISTERED'), 'dead', 'disabled'],
    ['a token of another sender', 403, fcmError('SENDER_ID_MISMATCH'), 'dead', 'disabled'],
    ['a malformed token', 400, fcmError('INVALID_ARGUMENT', [violation('message.token')]), 'dead', 'disabled'],
    ['an invalid argument', 400, fcmError('INVALID_ARGUMENT', [violation('message.data')]), 'dead', 'active'],
    ['an unknown project', 404, [], 'retrying', 'active'],
    ['a missing permission', 403, [], 'retrying', 'active'],
    ['a quota', 429, fcmError('QUOTA_EXCEEDED'), 'retrying', 'active'],
    ['an outage', 503, fcmError('UNAVAILABLE'), 'retrying', 'active'],
  ])('fail or are retried according to the FCM error: %s', async (what, status, details, state, targetStatus) => {
    const target = await fixture.claim('push', `${TOKEN}-${what.replaceAll(' ', '-')}`);
    const body = { error: { code: status, message: 'M', status: status === 404 ? 'NOT_FOUND' : 'X', details } };
    stand.send = { status, body, headers: { 'retry-after': '120' } };
    const row = await fixture.until(await fixture.send('push', target), state);
    const wait = row.next_attempt_at.getTime() - row.started_at.getTime();
    expect(wait >= 120_000).toBe(state === 'retrying');
    await fixture.untilTarget(target, targetStatus);
  });

  it.each([
    ['an HTML page of a proxy', 404, '<html><body>Not Found "UNREGISTERED"</body></html>'],
    ['an empty body', 404, ''],
    ['an invalid token', 400, malformed()],
  ])('disable the device only on a genuine FCM error: %s', async (what, status, body) => {
    const target = await fixture.claim('push', `${TOKEN}-${what.length}-html`);
    stand.send = { status, body };
    const row = await fixture.until(await fixture.send('push', target), status === 404 ? 'retrying' : 'dead');
    expect(row.reason).toContain(`answered ${status}`);
    await fixture.untilTarget(target, status === 404 ? 'active' : 'disabled');
    expect(await (await fetch(`${fixture.app.url}/health/ready`)).text()).toMatch(/"fcm":\{[^}]*degraded/);
  });

  it('request a new access token after FCM refused the old token', async () => {
    const target = await fixture.claim('push', TOKEN);
    stand.send = { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } };
    const id = await fixture.send('push', target);
    await fixture.until(id, 'retrying');
    stand.send = { status: 200, body: {} };
    await fixture.hurry(id);
    await fixture.until(id, 'delivered');
    expect(stand.of('/token')).toHaveLength(1);
  });

  it('are retried with a reason that names the access token if Google grants none', async () => {
    const target = await fixture.claim('push', TOKEN);
    stand.send = { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } };
    const id = await fixture.send('push', target);
    await fixture.until(id, 'retrying');
    stand.send = { status: 200, body: {} };
    stand.grant = { status: 500, body: `<html>${'x'.repeat(1_000_000)}` };
    await fixture.hurry(id);
    const reason = 'no access token: 500 with an answer that is not JSON';
    await waitFor(async () => (await fixture.row(id)).reason === reason, { what: reason });
    expect(await fixture.row(id)).toMatchObject({ state: 'retrying' });
    stand.grant = { status: 0, body: '' };
    await fixture.hurry(id);
    const cut = `no access token from ${new URL(stand.url).host}: `;
    await waitFor(async () => String((await fixture.row(id)).reason).startsWith(cut), { what: cut });
    stand.grant = GRANTED;
    await fixture.hurry(id);
    await fixture.until(id, 'delivered');
  });
});
