import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PreferenceStore } from '../../../src/notifications/index.js';
import { MailTransport } from '../../../src/notifications/channels/email/mail-transport.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { MailServer } from '../../support/servers/mail-server.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

const PASSWORD = 'hunter2-smtp-password';
let fixture: NotificationFixture;
let mails: MailServer;
let key: string;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mails-'));
  mails = await MailServer.start({ authenticated: true });
  mails.credentials = { user: 'sender', password: PASSWORD };
  fixture = await NotificationFixture.start({
    SMTP_URL: mails.url,
    MAIL_FROM: 'Alerts <alerts@defi.example>',
    PUBLIC_URL: 'https://defi.example',
    DATA_DIR: directory,
    MAIL_DAILY: '3',
  });
  key = await fixture.app.key();
});
afterAll(async () => {
  await fixture.close();
  await mails.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  mails.refuse = () => undefined;
  mails.refuseSender = undefined;
  mails.slowMs = 0;
});

/** Returns the path of a link in a mail. */
const path = (text: string, kind: string): string =>
  new RegExp(`https://defi\\.example(/v1/notifications/${kind}/[\\w.%-]+)`).exec(text)?.[1] ?? 'none';
const page = (link: string, method: string, body?: string) =>
  fetch(fixture.app.url + link, {
    method,
    ...(body ? { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } } : {}),
  });

function multipart(): FormData {
  const form = new FormData();
  form.set('List-Unsubscribe', 'One-Click');
  return form;
}

async function confirmed(address: string, userId = 'tester'): Promise<string> {
  const target = await fixture.claim('email', address, { pending: true, userId });
  const [mail] = await mails.to(address);
  await page(path(mail!.mail.text ?? '', 'confirm'), 'POST');
  await fixture.untilTarget(target, 'active', userId);
  return target;
}

describe('mail targets', () => {
  it('become active when the confirmation is posted, not when the link is only opened', async () => {
    const target = await fixture.claim('email', ' Ann@EXAMPLE.com', { pending: true });
    expect(target).toBe('Ann@example.com');
    const waiting = await fixture.send('email', target);
    const [mail] = await mails.to(target);
    expect(mail!.mail.subject).toBe('Confirm this address for alerts');
    expect(mail!.header('list-unsubscribe')).toBe('');
    const link = path(mail!.mail.text ?? '', 'confirm');
    const shown = await page(link, 'GET');
    expect(shown.headers.get('content-type')).toContain('text/html');
    expect(await shown.text()).toContain('<form method="post">');
    expect(await fixture.row(waiting)).toMatchObject({ state: 'pending', reason: 'target_unverified' });
    expect(await (await page(link, 'POST')).text()).toContain('Alerts are now sent to Ann@example.com');
    await fixture.until(waiting, 'delivered');
    expect(await (await page(link, 'POST')).text()).toContain('not valid any more');
    expect(await (await page('/v1/notifications/confirm/guessed', 'GET')).text()).toContain('not valid any more');
  });
});

describe('mails', () => {
  it('contain text, HTML, a stable message id and one-click unsubscribe', async () => {
    const target = await confirmed('bob@example.com');
    const id = await fixture.send('email', target, { template: 'tvl_change' });
    await fixture.until(id, 'delivered');
    const [, mail] = await mails.to(target, 2);
    expect(mail!.mail).toMatchObject({
      subject: 'Alert: TVL of aave-v3 · $29 B',
      from: { address: 'alerts@defi.example', name: 'Alerts' },
    });
    expect(mail!.mail.text).toContain('Value: $29 B');
    expect(mail!.mail.html).toContain('<h1');
    for (const part of [
      'Time: 2026-11-20 10:00:00 UTC',
      '/v1/alerts/rules/r1',
      '/v1/alerts/history?ruleId=r1',
      '/v1/alerts/snooze/',
    ]) {
      expect(mail!.mail.text).toContain(part);
    }
    expect(mail!.mail.messageId).toBe(`<${id}@defi.example>`);
    expect(mail!.header('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
    const link = path(mail!.header('list-unsubscribe'), 'unsubscribe');
    expect(await (await page(link, 'GET')).text()).toContain('Send no more alerts to bob@example.com?');
    await fixture.untilTarget(target, 'active');
    const answer = await page(link, 'POST', 'List-Unsubscribe=One-Click');
    expect(answer.status).toBe(200);
    await fixture.untilTarget(target, 'disabled');
    expect(await fixture.row(await fixture.send('email', target))).toMatchObject({
      state: 'suppressed',
      reason: 'target_disabled',
    });
    expect(await (await page(`${link}x`, 'POST')).text()).toContain('not valid any more');
  });

  it.each<[string, RequestInit]>([
    ['an empty body', {}],
    ['a multipart form', { body: multipart() }],
    ['an unknown content type', { body: '\u0000', headers: { 'content-type': 'x-unknown/x; charset=none' } }],
    [
      'an unknown content encoding',
      { body: 'x', headers: { 'content-encoding': 'zip', 'content-type': 'text/plain' } },
    ],
    ['a cookie and a wrong key', { headers: { cookie: 'a=b', authorization: 'Bearer rta_no_no' } }],
  ])('are unsubscribed by a one-click POST with %s', async (what, init) => {
    const target = await confirmed(`${what.replaceAll(' ', '-')}@example.com`);
    await fixture.until(await fixture.send('email', target), 'delivered');
    const [, mail] = await mails.to(target, 2);
    const link = path(mail!.header('list-unsubscribe'), 'unsubscribe');
    // GET, HEAD and OPTIONS unsubscribe nobody.
    for (const method of ['GET', 'HEAD', 'OPTIONS']) await page(link, method);
    await fixture.untilTarget(target, 'active');
    const answer = await fetch(fixture.app.url + link, { method: 'POST', redirect: 'manual', ...init });
    expect([what, answer.status]).toEqual([what, 200]);
    await fixture.untilTarget(target, 'disabled');
  });

  it('are retried after a temporary refusal; a permanent refusal bars the address', async () => {
    const target = await confirmed('carl@example.com');
    mails.refuse = () => ({ code: 450, text: 'mailbox busy' });
    const busy = await fixture.until(await fixture.send('email', target), 'retrying');
    expect(busy.reason).toContain('mailbox busy');
    expect(busy.next_attempt_at.getTime() - busy.started_at.getTime()).toBeGreaterThanOrEqual(48_000);
    mails.refuse = () => ({ code: 550, text: '5.1.1 no such user' });
    const dead = await fixture.send('email', target);
    await fixture.until(dead, 'dead');
    const { json } = await fixture.call(key, 'GET', `/deliveries/${dead}`);
    expect(json.attemptLog).toMatchObject([{ outcome: 'rejected', statusCode: 550 }]);
    mails.refuse = () => undefined;
    await fixture.untilHeld(await fixture.send('email', target), 'bounced');
  });

  it('disable the target of a missing mailbox for all users until a new confirmation', async () => {
    const target = await confirmed('Gone@example.com');
    await fixture.claim('email', 'gone@EXAMPLE.com', { pending: true, userId: 'other' });
    const [, second] = await mails.to('gone@example.com', 1).then((all) => [all, all.at(-1)] as const);
    await page(path(second?.mail.text ?? '', 'confirm'), 'POST');
    await fixture.untilTarget('gone@example.com', 'active', 'other');
    mails.refuse = () => ({ code: 550, text: '5.1.1 no such user here' });
    await fixture.until(await fixture.send('email', target), 'dead');
    mails.refuse = () => undefined;
    const shown = (await fixture.call(key, 'GET', '/targets')).json.data;
    const bounced = shown.find((each: { target: string }) => each.target === target);
    expect(bounced).toMatchObject({ status: 'disabled', reason: 'bounced', since: expect.any(String) });
    expect(bounced.detail).toContain('550 5.1.1 no such user here');
    await fixture.untilTarget('gone@example.com', 'disabled', 'other');
    await fixture.app.db.pool.query(
      `UPDATE notification_targets SET verification_started_at = now() - interval '1 hour' WHERE id = $1`,
      [bounced.id],
    );
    expect((await fixture.call(key, 'POST', `/targets/${bounced.id}/verify`)).status).toBe(202);
    const again = await mails.to('Gone@example.com', 2);
    await page(path(again.at(-1)?.mail.text ?? '', 'confirm'), 'POST');
    await fixture.untilTarget(target, 'active');
    await fixture.untilTarget('gone@example.com', 'active', 'other');
  });

  it.each([
    ['by a policy', 554, '5.7.1 rejected by policy (rule 5.1.1)'],
    ['because the mailbox is full', 552, '5.2.2 mailbox full'],
    ['by a block list', 550, '5.7.606 access denied, banned sender'],
    ['without a reason', 550, 'no such luck'],
    ['because of the sender', 550, '5.1.8 bad sender'],
  ])('are retried when refused %s, and the health page shows the reply', async (what, code, text) => {
    const target = await fixture.claim('email', `${what.replaceAll(' ', '-')}@example.org`, { pending: true });
    await fixture.app.db.pool.query(`UPDATE notification_targets SET status = 'active' WHERE target = $1`, [target]);
    mails.refuse = () => ({ code, text });
    const row = await fixture.until(await fixture.send('email', target), 'retrying');
    expect(row.reason).toContain(text);
    mails.refuse = () => undefined;
    await fixture.untilTarget(target, 'active');
    const ready = await fetch(`${fixture.app.url}/health/ready`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining(text)]);
    await fixture.until(await fixture.send('email', target), 'delivered');
    expect(await (await fetch(`${fixture.app.url}/health/ready`)).text()).not.toContain(text);
  });

  it('are recorded once for a mailbox written in three ways', async () => {
    const written = ['Mia@example.com', 'mia@Example.com', ' MIA@EXAMPLE.COM '];
    const targets: string[] = [];
    for (const each of written) targets.push(await fixture.claim('email', each, { pending: true }));
    expect(new Set(targets)).toEqual(new Set(['Mia@example.com']));
    await mails.to('Mia@example.com');
    const old = written.map((target) => ({ channel: 'email' as const, target: target.trim(), transitionId: 'one' }));
    expect(new Set(await fixture.record(old)).size).toBe(1);
  });

  it('appear as unsubscribed in the preferences until the address is confirmed again', async () => {
    const owner = await RestCaller.of(fixture.app, 'uwe');
    const target = await confirmed('uwe@example.com', 'uwe');
    await fixture.until(await fixture.send('email', target, { userId: 'uwe' }), 'delivered');
    const [, mail] = await mails.to(target, 2);
    await page(path(mail!.header('list-unsubscribe'), 'unsubscribe'), 'POST');
    const shown = (await owner.get('/v1/alerts/preferences')).body;
    expect(shown).toMatchObject({ unsubscribed: true, unsubscribedAddresses: [target] });
    expect((await owner.call('PUT', '/v1/alerts/preferences', shown)).body).toEqual(shown);
    const [{ id }] = (await owner.get('/v1/notifications/targets')).body.data;
    await fixture.app.db.pool.query(
      `UPDATE notification_targets SET verification_started_at = now() - interval '1 hour' WHERE id = $1`,
      [id],
    );
    await owner.post(`/v1/notifications/targets/${id}/verify`);
    const again = await mails.to(target, 3);
    await page(path(again.at(-1)?.mail.text ?? '', 'confirm'), 'POST');
    await fixture.untilTarget(target, 'active', 'uwe');
    const after = (await owner.get('/v1/alerts/preferences')).body;
    expect(after).toMatchObject({ unsubscribed: false, unsubscribedAddresses: [] });
  });

  it('are retried when the server refuses the sender, and the address stays active', async () => {
    const target = await confirmed('gina@example.com');
    mails.refuseSender = { code: 550, text: 'you may not send as this sender' };
    const refused = await fixture.until(await fixture.send('email', target), 'retrying');
    expect(refused.reason).toContain('you may not send');
    mails.refuseSender = undefined;
    await fixture.until(await fixture.send('email', target), 'delivered');
  });

  it('are aborted when the mail server exceeds the time limit', async () => {
    const transport = fixture.app.nest.get(MailTransport);
    const mail = { from: 'alerts@defi.example', to: 'slow@example.com', subject: 's', text: 't' };
    mails.slowMs = 300;
    await expect(transport.send('slow', mail, { timeoutMs: 500 })).rejects.toMatchObject({ code: 'EABORT' });
    await expect(transport.send('slow', mail, { timeoutMs: 5_000 })).resolves.toContain('OK');
  });

  it('are not sent if that is refused once there is a connection, which is kept', async () => {
    const transport = fixture.app.nest.get(MailTransport);
    const mail = { from: 'alerts@defi.example', to: 'refused@example.com', subject: 's', text: 't' };
    const late = new Error('too late');
    const handOver = (): void => {
      throw late;
    };
    await expect(transport.send('refused', mail, { handOver })).rejects.toBe(late);
    await expect(transport.send('refused', mail)).resolves.toContain('OK');
    expect(await mails.to('refused@example.com')).toHaveLength(1);
  });

  it('name the token of an alert in subject and text', async () => {
    const target = await confirmed('tess@example.com');
    const data = { ...ALERT, token: 'coingecko:bitcoin', metric: 'price', message: 'price of coingecko:bitcoin is 1.' };
    await fixture.until(await fixture.send('email', target, { data, template: 'price_change' }), 'delivered');
    const [, mail] = await mails.to(target, 2);
    expect(mail!.mail.subject).toMatch(/^Alert: price of coingecko:bitcoin · /);
    expect(mail!.mail.text).toContain('price of coingecko:bitcoin is 1.');
  });

  it('use the default text when a template renders nothing', async () => {
    const owner = await RestCaller.of(fixture.app, 'vic');
    const target = await confirmed('vic@example.com', 'vic');
    await owner.call('PUT', '/v1/notifications/templates/empty', { subject: '{{ no }}', text: ' {{ no }}' });
    const id = await fixture.send('email', target, { userId: 'vic', template: 'empty' });
    await fixture.until(id, 'delivered');
    const [, mail] = await mails.to(target, 2);
    expect(mail!.mail.subject).toContain('aave-v3');
    expect(mail!.mail.text).toContain('TVL of aave-v3 is $29 B, below $30 B');
    const { body } = await owner.get(`/v1/notifications/deliveries/${id}`);
    expect(body.attemptLog[0].detail).toContain('the template rendered nothing; the default text was sent');
  });

  it('are combined into one mail beyond the daily limit', async () => {
    const target = await confirmed('dora@example.com');
    for (let n = 0; n < 2; n++) await fixture.until(await fixture.send('email', target), 'delivered');
    const ids = await fixture.sendAll([1, 2, 3].map(() => ({ channel: 'email' as const, target })));
    for (const id of ids) expect(await fixture.untilHeld(id, 'mail_daily')).toMatchObject({ digest: true });
    await fixture.app.db.pool.query(
      'UPDATE deliveries SET next_attempt_at = now(), due_at = now() WHERE id = ANY($1)',
      [ids],
    );
    for (const id of ids) await fixture.until(id, 'delivered');
    const received = await mails.to(target, 4);
    expect(received).toHaveLength(4);
    expect(received.at(-1)?.mail.subject).toMatch(/^3 alerts: Alert: Aave below 30 billion · aave-v3 \$29 B/);
    const { rows } = await fixture.app.db.pool.query(
      'SELECT outcome FROM delivery_attempts WHERE delivery_id = ANY($1)',
      [ids],
    );
    expect(rows).toEqual([{ outcome: 'delivered' }, { outcome: 'delivered' }, { outcome: 'delivered' }]);
  });

  it('do not expose the password of the mail server, even when the login is refused', async () => {
    const target = await confirmed('eve@example.com');
    mails.credentials = { user: 'sender', password: 'changed' };
    const broken = await NotificationFixture.start({
      SMTP_URL: mails.url.replace('changed', PASSWORD),
      VERIFY_TARGETS: 'false',
      DATA_DIR: directory,
    });
    const other = await broken.claim('email', target);
    const row = await broken.until(await broken.send('email', other), 'retrying');
    expect(row.reason).toContain('Invalid login');
    const { rows } = await broken.app.db.pool.query(
      'SELECT row_to_json(d)::text AS all FROM deliveries d UNION ALL SELECT row_to_json(a)::text FROM delivery_attempts a',
    );
    for (const { all } of rows) expect(all).not.toContain(PASSWORD);
    await broken.close();
    mails.credentials = { user: 'sender', password: PASSWORD };
  });

  it('are written to files without a mail server, and the delivery log reports this', async () => {
    const offline = await NotificationFixture.start({ DATA_DIR: directory, VERIFY_TARGETS: 'false' });
    const target = await offline.claim('email', 'file@example.com');
    const id = await offline.send('email', target);
    await offline.until(id, 'delivered');
    const { json } = await offline.call(await offline.app.key(), 'GET', `/deliveries/${id}`);
    expect(json.attemptLog[0].detail).toBe(`there is no SMTP_URL: written to mail/${id}.eml`);
    expect(readdirSync(join(directory, 'mail'))).toContain(`${id}.eml`);
    expect(readFileSync(join(directory, 'mail', `${id}.eml`), 'utf8')).toContain(
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    );
    await offline.close();
  });
});

describe('owners of endpoints', () => {
  it('are notified after a day of failures, and when the endpoint is disabled after five days', async () => {
    const receiver = await WebhookReceiver.start();
    try {
      await confirmed('fay@example.com', 'fay');
      const endpoint = await fixture.claim('webhook', receiver.url(), { userId: 'fay' });
      receiver.answer = () => ({ status: 500 });
      const id = await fixture.send('webhook', endpoint, { userId: 'fay' });
      await fixture.until(id, 'retrying');
      const failingFor = async (interval: string, warnedBefore: string | null = null): Promise<void> => {
        await fixture.app.db.pool.query(
          `UPDATE notification_targets SET first_failure_at = now() - $2::interval,
             warned_at = now() - $3::interval WHERE target = $1`,
          [endpoint, interval, warnedBefore],
        );
        await fixture.hurry(id);
      };
      // The endpoint is also warned first if no message was sent for so long that it would already be disabled.
      await failingFor('140 hours');
      const warned = await mails.to('fay@example.com', 2);
      expect(warned[1]?.mail.subject).toBe('Your webhook endpoint has been failing for a day');
      expect(warned[1]?.mail.text).toContain(`Messages to ${endpoint} have not arrived for a day: answered 500`);
      expect(warned[1]?.header('list-unsubscribe')).toBe('');
      await waitFor(async () => (await fixture.row(id)).attempts === 2 && (await fixture.row(id)).state === 'retrying');
      await fixture.untilTarget(endpoint, 'active', 'fay');
      await failingFor('121 hours', '97 hours');
      await fixture.untilTarget(endpoint, 'disabled', 'fay');
      const received = await mails.to('fay@example.com', 3);
      expect(received[2]?.mail.subject).toBe('Your webhook endpoint was disabled');
    } finally {
      await receiver.close();
    }
  });
});

describe('notification preferences', () => {
  it('suppress waiting digests when mails are unsubscribed or the channel is disabled', async () => {
    const target = await confirmed('umi@example.com', 'umi');
    const message = { channel: 'email' as const, target, userId: 'umi', digest: true };
    const notBefore = new Date(Date.now() + 3_600_000);
    const [waiting = ''] = await fixture.record([{ ...message, notBefore }]);
    const [others = ''] = await fixture.record([{ ...message, channel: 'webhook', target: 'x', notBefore }]);
    const preferences = fixture.app.nest.get(PreferenceStore);
    await preferences.change('umi', { unsubscribed: true });
    expect(await fixture.row(waiting)).toMatchObject({ state: 'suppressed', reason: 'unsubscribed' });
    expect(await fixture.row(others)).toMatchObject({ reason: 'unknown_target' });
    const [later = ''] = await fixture.record([{ ...message, notBefore }]);
    await preferences.change('umi', { unsubscribed: false, channels: { email: false, webhook: true, push: true } });
    expect(await fixture.row(later)).toMatchObject({ state: 'suppressed', reason: 'channel_off' });
  });

  it('are merged on change, have defaults, and refuse invalid times and timezones', async () => {
    const preferences = fixture.app.nest.get(PreferenceStore);
    expect(await preferences.of('nobody')).toMatchObject({ quietHours: null, unsubscribed: false });
    const quietHours = { start: '22:00', end: '07:00', timezone: 'Europe/Berlin', allowCritical: true };
    await preferences.change('ann', { quietHours });
    await preferences.change('ann', { unsubscribed: true });
    const all = await preferences.ofAll(['ann', 'bob']);
    expect(all.get('ann')).toMatchObject({ quietHours, unsubscribed: true, channels: { email: true } });
    expect(all.get('bob')).toMatchObject({ quietHours: null });
    await expect(preferences.change('ann', { quietHours: { ...quietHours, end: '24:00' } })).rejects.toThrow(
      'quietHours.end',
    );
    const digest = { every: 'day' as const, at: '08:00', timezone: 'Mars/Olympus' };
    await expect(preferences.change('ann', { digest })).rejects.toThrow('digest.timezone');
  });
});
