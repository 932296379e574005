import { createECDH, randomBytes, type ECDH } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

/** Reference implementation of RFC 8188, which decrypts as a browser would. */
const { decrypt } = createRequire(import.meta.url)('http_ece') as {
  decrypt(body: Buffer, options: { version: string; privateKey: ECDH; authSecret: string }): Buffer;
};

let fixture: NotificationFixture;
let receiver: WebhookReceiver;
let key: string;

beforeAll(async () => {
  fixture = await NotificationFixture.start({ MAIL_FROM: 'alerts@defi.example' });
  receiver = await WebhookReceiver.start();
  key = await fixture.app.key();
});
afterAll(async () => {
  // Closed first: otherwise the application waits for messages that are being sent to silent receivers.
  await receiver.close();
  await fixture.close();
});
beforeEach(async () => {
  // Retries left by earlier tests must not interfere.
  await fixture.app.db.pool.query(
    `UPDATE deliveries SET state = 'dead' WHERE state IN ('pending', 'retrying', 'sending')`,
  );
  receiver.received.length = 0;
  receiver.answer = () => undefined;
  receiver.echoes = true;
});

let paths = 0;
/** Registers a separate endpoint for a test. */
const endpoint = async () => fixture.claim('webhook', receiver.url(`/test-${++paths}`));
const sent = (id: string) => receiver.received.find(({ headers }) => headers['webhook-id'] === id);
const rotated = async (target: string) => (await fixture.call(key, 'POST', '/webhook-secrets/rotate', { target })).json;
const validOf = async (target: string) =>
  (await fixture.call(key, 'GET', '/webhook-secrets')).json.data.find(
    (each: { target: string }) => each.target === target,
  ).secrets;
/** Returns, for each of these secrets, whether it signed a message. */
function signers(hook: { body: string; headers: object } | undefined, secrets: readonly string[]): boolean[] {
  return secrets.map((secret) => {
    try {
      new Webhook(secret).verify(hook!.body, hook!.headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  });
}

describe('webhooks', () => {
  it('are signed so that the reference library accepts them, and contain the alert', async () => {
    const target = await endpoint();
    const { secret } = await rotated(target);
    const id = await fixture.send('webhook', target);
    await fixture.until(id, 'delivered');
    const hook = sent(id);
    const payload = new Webhook(secret).verify(hook!.body, hook!.headers as Record<string, string>);
    expect(payload).toMatchObject({ type: 'alert.fired', data: ALERT });
    expect((payload as { data: object }).data).toMatchObject({
      links: {
        rule: expect.stringMatching(/\/v1\/alerts\/rules\/r1$/),
        history: expect.stringMatching(/\?ruleId=r1$/),
      },
    });
    expect(hook!.headers['webhook-id']).toBe(id);
    expect(hook!.headers['content-type']).toBe('application/json');
    const { json } = await fixture.call(key, 'GET', `/deliveries/${id}`);
    expect(json).toMatchObject({ state: 'delivered', attempts: 1, ruleId: 'r1', data: ALERT });
    expect(json.attemptLog).toMatchObject([
      { attempt: 1, trigger: 'auto', outcome: 'delivered', statusCode: 200, response: 'ok' },
    ]);
  });

  it('wait until the endpoint echoes its challenge, and are then delivered', async () => {
    receiver.echoes = false;
    const target = await fixture.claim('webhook', receiver.url('/slow-proof'), { pending: true });
    const id = await fixture.send('webhook', target);
    await receiver.next('endpoint.verify');
    expect(await fixture.row(id)).toMatchObject({ state: 'pending', reason: 'target_unverified' });
    expect(sent(id)).toBeUndefined();
    receiver.echoes = true;
    const [proof] = (await fixture.call(key, 'GET', '/deliveries?channel=webhook')).json.data.filter(
      (each: { type: string; target: string }) => each.type === 'endpoint.verify' && each.target === target,
    );
    await fixture.until(proof.id, 'retrying');
    await fixture.hurry(proof.id);
    await fixture.until(id, 'delivered');
    // The user who requested the proof must not see the challenge.
    expect((await fixture.call(key, 'GET', `/deliveries/${proof.id}`)).json.data).toBeNull();
  });

  it('wait until the user confirms a code if the hook cannot echo, with five tries at most', async () => {
    receiver.echoes = false;
    const target = await fixture.claim('webhook', receiver.url('/chat'), { pending: true });
    const id = await fixture.send('webhook', target);
    const [proof] = await receiver.next('endpoint.verify');
    const shown = JSON.parse(proof!.body);
    const code = /(\d{8})$/.exec(shown.text)?.[1] ?? '';
    expect(shown).toMatchObject({ content: shown.text, data: { code } });
    const { id: targetId } = (await fixture.call(key, 'GET', '/targets')).json.data.find(
      (each: { target: string }) => each.target === target,
    );
    const type = (typed: string) => fixture.call(key, 'POST', `/targets/${targetId}/confirm`, { code: typed });
    expect(await type('x')).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    expect(await type(`${code.slice(0, 4)} ${code.slice(4)}`)).toMatchObject({
      status: 200,
      json: { status: 'active' },
    });
    await fixture.until(id, 'delivered');
    await fixture.app.db.pool.query(
      `UPDATE notification_targets SET status = 'pending', code_tries = 5 WHERE id = $1`,
      [targetId],
    );
    expect((await type(code)).status).toBe(400);
    const other = await fixture.app.key({ userId: 'somebody-else' });
    expect((await fixture.call(other, 'POST', `/targets/${targetId}/confirm`, { code })).status).toBe(404);
  });

  it('a push waits until its device has confirmed', async () => {
    const keys = createECDH('prime256v1');
    const [p256dh, auth] = [keys.generateKeys('base64url'), randomBytes(16)];
    const bodies: Buffer[] = [];
    const service = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks));
        response.writeHead(201).end();
      });
    });
    await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
    const endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}/device`;
    const subscription = JSON.stringify({ endpoint, keys: { p256dh, auth: auth.toString('base64url') } });
    const target = await fixture.claim('push', subscription, { pending: true });
    const id = await fixture.send('push', target);
    await waitFor(() => bodies.length > 0, { what: 'a proof' });
    expect(await fixture.row(id)).toMatchObject({ state: 'pending', reason: 'target_unverified' });
    const read = decrypt(bodies[0]!, {
      version: 'aes128gcm',
      privateKey: keys,
      authSecret: auth.toString('base64url'),
    });
    const proof = JSON.parse(read.toString());
    expect(proof).toMatchObject({ title: 'Confirm this device for alerts', body: `Code: ${proof.data.code}` });
    const confirm = fixture.app.url + new URL(proof.data.confirm).pathname;
    expect((await fetch(confirm)).status).toBe(200);
    await fixture.untilTarget(target, 'pending');
    await fetch(confirm, { method: 'POST' });
    await fixture.until(id, 'delivered');
    service.closeAllConnections();
    await new Promise<void>((done) => service.close(() => done()));
  });

  it('keep their id over attempts, and each attempt is logged', async () => {
    receiver.answer = () => ({ status: 500, body: 'down' });
    const id = await fixture.send('webhook', await endpoint());
    const failed = await fixture.until(id, 'retrying');
    const wait = failed.next_attempt_at.getTime() - failed.started_at.getTime();
    expect(wait).toBeGreaterThanOrEqual(4_000);
    receiver.answer = () => undefined;
    await fixture.hurry(id);
    await fixture.until(id, 'delivered');
    expect(receiver.received.filter(({ headers }) => headers['webhook-id'] === id)).toHaveLength(2);
    const { json } = await fixture.call(key, 'GET', `/deliveries/${id}`);
    expect(json.attemptLog).toMatchObject([
      { outcome: 'failed', statusCode: 500, response: 'down' },
      { outcome: 'delivered', statusCode: 200 },
    ]);
  });

  it('fail for good after the last scheduled retry, and can be redelivered under their old id', async () => {
    receiver.answer = () => ({ status: 503 });
    const id = await fixture.send('webhook', await endpoint());
    await fixture.until(id, 'retrying');
    await fixture.app.db.pool.query('UPDATE deliveries SET tries = 8 WHERE id = $1', [id]);
    await fixture.hurry(id);
    await fixture.until(id, 'dead');
    receiver.answer = () => undefined;
    const { status } = await fixture.call(key, 'POST', `/deliveries/${id}/redeliver`);
    expect(status).toBe(202);
    await fixture.until(id, 'delivered');
    const { json } = await fixture.call(key, 'GET', `/deliveries/${id}`);
    expect(json.attemptLog.at(-1)).toMatchObject({ trigger: 'manual', outcome: 'delivered' });
    expect(sent(id)).toBeDefined();
  });

  it('can be redelivered together for a time range', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 400, headers: { 'webhook-delivery': 'abort-message' } });
    const from = new Date(Date.now() - 1_000).toISOString();
    const ids = await fixture.sendAll([1, 2, 3].map(() => ({ channel: 'webhook' as const, target })));
    for (const id of ids) await fixture.until(id, 'dead');
    receiver.answer = () => undefined;
    const body = { from, to: new Date(Date.now() + 60_000).toISOString(), target };
    const { json } = await fixture.call(key, 'POST', '/deliveries/redeliver', body);
    expect(json).toEqual({ redelivered: 3 });
    for (const id of ids) await fixture.until(id, 'delivered');
  });

  it('respect `retry-after`, and treat a redirect as a failure', async () => {
    const elsewhere = await WebhookReceiver.start();
    receiver.answer = ({ path }) =>
      path === '/redirects'
        ? { status: 302, headers: { location: elsewhere.url() } }
        : { status: 429, headers: { 'retry-after': '900' } };
    const late = await fixture.until(await fixture.send('webhook', await endpoint()), 'retrying');
    expect(late.next_attempt_at.getTime() - late.started_at.getTime()).toBeGreaterThanOrEqual(900_000);
    const redirected = await fixture.claim('webhook', receiver.url('/redirects'));
    const row = await fixture.until(await fixture.send('webhook', redirected), 'retrying');
    expect(row.reason).toContain('redirects are not followed');
    expect(elsewhere.received).toEqual([]);
    await elsewhere.close();
  });

  it('fail for good at 410, which disables the endpoint and suppresses further webhooks', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 410 });
    await fixture.until(await fixture.send('webhook', target), 'dead');
    await fixture.untilTarget(target, 'disabled');
    const next = await fixture.row(await fixture.send('webhook', target));
    expect(next).toMatchObject({ state: 'suppressed', reason: 'target_disabled' });
    const { json } = await fixture.call(key, 'GET', '/targets');
    expect(json.data.find((each: { target: string }) => each.target === target)).toMatchObject({
      status: 'disabled',
      reason: 'gone',
    });
  });

  it('are held after five failures in a row, until one probe succeeds', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 500 });
    const ids = await fixture.sendAll([1, 2, 3, 4, 5].map(() => ({ channel: 'webhook' as const, target })));
    for (const id of ids) await fixture.until(id, 'retrying');
    const held = await fixture.send('webhook', target);
    const row = await fixture.untilHeld(held, 'endpoint_failing');
    expect(row.attempts).toBe(0);
    receiver.answer = () => undefined;
    await fixture.app.db.pool.query('UPDATE notification_targets SET breaker_open_until = now() WHERE target = $1', [
      target,
    ]);
    await fixture.hurry(held);
    await fixture.until(held, 'delivered');
    expect(receiver.received.filter(({ headers }) => headers['webhook-id'] === held)).toHaveLength(1);
    const { rows } = await fixture.app.db.pool.query(
      'SELECT failures, breaker_open_until FROM notification_targets WHERE target = $1',
      [target],
    );
    expect(rows).toEqual([{ failures: 0, breaker_open_until: null }]);
  });

  it('open the circuit breaker for 30 s, however many webhooks fail at the same time', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 500 });
    const ids = await fixture.sendAll(Array.from({ length: 40 }, () => ({ channel: 'webhook' as const, target })));
    for (const id of ids) {
      await waitFor(async () => (await fixture.row(id)).reason !== null && (await fixture.row(id)).state !== 'sending');
    }
    const { rows } = await fixture.app.db.pool.query(
      `SELECT failures, breaker_trips, breaker_open_until < now() + interval '31 seconds' AS soon
       FROM notification_targets WHERE target = $1`,
      [target],
    );
    expect(rows).toEqual([{ failures: expect.any(Number), breaker_trips: 1, soon: true }]);
    expect(rows[0].failures).toBeGreaterThan(5);
  });

  it('are sent in the formats of Slack and Discord', async () => {
    const target = await endpoint();
    for (const format of ['slack', 'discord'] as const) {
      await fixture.until(await fixture.send('webhook', target, { format }), 'delivered');
    }
    const [slack, discord] = receiver.received
      .filter(({ json }) => json.type === undefined)
      .map(({ body }) => JSON.parse(body));
    // A phone shows only this text: the rule, the subject and the value.
    expect(slack.text).toBe('Alert: Aave below 30 billion · aave-v3 $29 B');
    expect(slack.blocks).toHaveLength(3);
    expect(JSON.stringify(slack.blocks)).toMatch(/\|Rule>.*\|History>.*\|Snooze>/);
    expect(discord.embeds[0].title).toBe('Alert: Aave below 30 billion · aave-v3 $29 B');
    expect(discord.embeds[0].description).toContain('Time: 2026-11-20 10:00:00 UTC');
    expect(discord.allowed_mentions).toEqual({ parse: [] });
  });

  it('keep the secret part of a Slack URL sealed, and accept the masked URL as a target', async () => {
    const secret = 'abcdefghijklmnopqrstWXYZ';
    const shown = await fixture.claim('webhook', `https://hooks.slack.com/services/T0/B0/${secret}`);
    expect(shown).toBe('https://hooks.slack.com/services/T0/B0/…WXYZ');
    expect(await fixture.claim('webhook', shown)).toBe(shown);
    await expect(fixture.claim('webhook', shown.replace('WXYZ', 'none'))).rejects.toThrow('Unknown target');
    const { rows } = await fixture.app.db.pool.query('SELECT row_to_json(t)::text AS row FROM notification_targets t');
    for (const { row } of rows) expect(row).not.toContain(secret);
  });

  it('are refused if the format does not fit the target or the template is not JSON', async () => {
    const caller = await RestCaller.of(fixture.app, 'shaper');
    const target = receiver.url('/shaped');
    for (const [name, text] of [
      ['good', '{"text": {{ message | json }} }'],
      ['bad', '{"text": {{ message }} }'],
    ]) {
      await caller.call('PUT', `/v1/notifications/templates/${name}`, { subject: 's', text });
    }
    const condition = { token: 'nobody', metric: 'price', operator: 'gt', threshold: 1 };
    const make = (action: object) =>
      caller.post('/v1/alerts/rules', { name: 'R', conditions: [condition], actions: [action] });
    const webhook = { type: 'webhook', target };
    for (const [action, pointer] of [
      [{ type: 'email', target: 'a@example.com', format: 'slack' }, '/actions/0/format'],
      [{ ...webhook, format: 'pagerduty' }, '/actions/0/format'],
      [{ ...webhook, format: 'json' }, '/actions/0/format'],
      [{ ...webhook, format: 'json', template: 'bad' }, '/actions/0/template'],
      [{ ...webhook, target: 'https://api.telegram.org/bot1:abcdefghijklmn/sendMessage' }, '/actions/0/target'],
    ] as const) {
      expect(await make(action)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    }
    const made = await make({ ...webhook, format: 'json', template: 'good' });
    expect(made.status).toBe(201);
    await fixture.untilTarget(target, 'active', 'shaper');
    const { body } = await caller.post(`/v1/alerts/rules/${made.body.ruleId}/test`);
    await fixture.until(body.deliveries[0], 'delivered');
    expect(JSON.parse(sent(body.deliveries[0])?.body ?? '')).toEqual({ text: expect.stringContaining('test') });
    const telegram = { ...webhook, target: 'https://api.telegram.org/bot1:abcdefghijklmn/sendMessage?chat_id=1' };
    const chat = await make(telegram);
    expect(chat.body.actions).toEqual([
      { type: 'webhook', target: 'https://api.telegram.org/bot…klmn/sendMessage?chat_id=1', status: 'active' },
    ]);
    const kept = await caller.call('PATCH', `/v1/alerts/rules/${chat.body.ruleId}`, { actions: chat.body.actions });
    expect(kept).toMatchObject({ status: 200, body: { actions: chat.body.actions } });
  });

  it('are also signed with at most two previous secrets, whose end of validity the API shows', async () => {
    const target = await endpoint();
    const secrets: string[] = [];
    for (let n = 0; n < 4; n++) {
      const answer = await rotated(target);
      secrets.push(answer.secret);
      expect(Date.parse(answer.previousValidUntil)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
      expect(answer.secrets).toEqual(await validOf(target));
    }
    const ends = secrets.map((secret) => secret.slice(-4));
    const until = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await validOf(target)).toEqual([
      { last4: ends[3], createdAt: until, validUntil: null },
      { last4: ends[2], createdAt: until, validUntil: until },
      { last4: ends[1], createdAt: until, validUntil: until },
    ]);
    const id = await fixture.send('webhook', target);
    await fixture.until(id, 'delivered');
    expect(signers(sent(id), secrets)).toEqual([false, true, true, true]);
    const text = JSON.stringify(await validOf(target));
    const { rows } = await fixture.app.db.pool.query('SELECT sealed FROM webhook_secrets');
    for (const shown of [text, ...rows.map(({ sealed }) => sealed)])
      expect(secrets.some((secret) => shown.includes(secret.slice(6)))).toBe(false);
  });

  it('are signed with an old secret until its announced end, and not afterwards', async () => {
    const target = await endpoint();
    const secrets = [(await rotated(target)).secret, (await rotated(target)).secret];
    const early = await fixture.send('webhook', target);
    await fixture.until(early, 'delivered');
    await fixture.app.db.pool.query(
      `UPDATE webhook_secrets s SET retires_at = clock_timestamp() + interval '300 ms' FROM notification_targets t
       WHERE t.id = s.target_id AND t.target = $1 AND retires_at IS NOT NULL`,
      [target],
    );
    const valid = await validOf(target);
    await sleep(Date.parse(valid[1].validUntil) - Date.now() + 20);
    const late = await fixture.send('webhook', target);
    await fixture.until(late, 'delivered');
    expect([signers(sent(early), secrets), signers(sent(late), secrets)]).toEqual([
      [true, true],
      [false, true],
    ]);
    expect(await validOf(target)).toEqual([valid[0]]);
  });

  it('supersede an older webhook with the same collapse key that waits for a retry', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 500 });
    const old = await fixture.send('webhook', target, { collapseKey: 'rule:instance' });
    await fixture.until(old, 'retrying');
    receiver.answer = () => undefined;
    const newer = await fixture.send('webhook', target, { collapseKey: 'rule:instance' });
    await fixture.until(newer, 'delivered');
    expect(await fixture.row(old)).toMatchObject({ state: 'superseded', reason: newer });
  });

  it('do not supersede each other if they are standalone', async () => {
    const target = await endpoint();
    receiver.answer = () => ({ status: 500 });
    const happened = { collapseKey: 'rule:moves', standalone: true };
    const old = await fixture.send('webhook', target, happened);
    await fixture.until(old, 'retrying');
    receiver.answer = () => undefined;
    await fixture.until(await fixture.send('webhook', target, happened), 'delivered');
    expect(await fixture.row(old)).toMatchObject({ state: 'retrying' });
    // A newer message supersedes the older one even while that is being sent.
    let newer = '';
    receiver.answer = () => ({ status: 500 });
    const late = await fixture.send('webhook', target, happened);
    newer = await fixture.send('webhook', target, happened);
    await fixture.until(late, 'retrying');
    await fixture.until(newer, 'retrying');
  });

  it('are not sent after their expiry time', async () => {
    const id = await fixture.send('webhook', await endpoint(), { expiresAt: new Date(Date.now() - 1) });
    await fixture.until(id, 'expired');
    expect(receiver.received.filter(({ headers }) => headers['webhook-id'] === id)).toEqual([]);
  });

  it('are recorded once for one transition', async () => {
    const target = await endpoint();
    const message = { channel: 'webhook' as const, target, transitionId: 't-1', collapseKey: 'once' };
    const [first, second] = [await fixture.record([message]), await fixture.record([message])];
    expect(second).toEqual(first);
  });

  it('are found and sent even without an announcement', async () => {
    const [id = ''] = await fixture.record([{ channel: 'webhook', target: await endpoint() }]);
    await fixture.hurry(id);
    expect(await fixture.until(id, 'delivered')).toMatchObject({ attempts: 1 });
  });

  it('are not delayed by 160 webhooks of another user to silent receivers', async () => {
    const slow = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        fixture.claim('webhook', receiver.url(`/silent-${n}`), { userId: 'greedy' }),
      ),
    );
    receiver.answer = ({ path }) => ({ silent: path.startsWith('/silent') });
    const other = await endpoint();
    const held = slow.flatMap((target) => Array.from({ length: 8 }, () => target));
    const message = { channel: 'webhook' as const, userId: 'greedy', type: 'alert.fired' as const };
    await fixture.sendAll(held.map((target) => ({ ...message, target })));
    await waitFor(() => receiver.received.some(({ path }) => path.startsWith('/silent')), { what: 'a slow receiver' });
    await fixture.until(await fixture.send('webhook', other), 'delivered');
    const { rows } = await fixture.app.db.pool.query(
      `SELECT count(*)::int AS ended FROM deliveries WHERE user_id = 'greedy' AND type = 'alert.fired'
         AND state NOT IN ('pending', 'sending')`,
    );
    // None of the slow messages had ended by then.
    expect(rows[0].ended).toBe(0);
  });

  it('are held beyond the rate limit of their endpoint', async () => {
    const target = await endpoint();
    const ids = await fixture.sendAll(Array.from({ length: 65 }, () => ({ channel: 'webhook' as const, target })));
    // The proof counts, too.
    const waiting = await waitFor(
      async () => {
        const { rows } = await fixture.app.db.pool.query(
          `SELECT count(*) FILTER (WHERE reason = 'endpoint_rate')::int AS held,
             count(*) FILTER (WHERE state = 'delivered')::int AS sent FROM deliveries WHERE id = ANY($1)`,
          [ids],
        );
        return rows[0].held + rows[0].sent === 65 ? rows[0] : undefined;
      },
      { timeoutMs: 20_000, what: 'all sent or held' },
    );
    expect(waiting).toEqual({ sent: 59, held: 6 });
  });
});
