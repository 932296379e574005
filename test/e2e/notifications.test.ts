import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Templates } from '../../src/notifications/index.js';
import { ALERT, NotificationFixture } from '../integration/notifications/notification-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';

let fixture: NotificationFixture;
let receiver: WebhookReceiver;
let ann: string;
let bob: string;
let target: string;
let delivery: string;

beforeAll(async () => {
  fixture = await NotificationFixture.start();
  receiver = await WebhookReceiver.start();
  [ann, bob] = [await fixture.app.key({ userId: 'tester' }), await fixture.app.key({ userId: 'bob' })];
  target = await fixture.claim('webhook', receiver.url());
  delivery = await fixture.send('webhook', target);
  await fixture.until(delivery, 'delivered');
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
});

const ABSENT = '0199a0a0-0000-7000-8000-000000000001';

describe('notifications of another user', () => {
  it('cannot be read, changed or sent again; the response is the same as for unknown ids', async () => {
    const { json: own } = await fixture.call(ann, 'GET', '/targets');
    const targetId = own.data[0].id;
    for (const id of [delivery, ABSENT]) {
      expect((await fixture.call(bob, 'GET', `/deliveries/${id}`)).status).toBe(404);
      expect((await fixture.call(bob, 'POST', `/deliveries/${id}/redeliver`)).status).toBe(404);
    }
    for (const id of [targetId, ABSENT])
      expect((await fixture.call(bob, 'POST', `/targets/${id}/verify`)).status).toBe(404);
    expect((await fixture.call(bob, 'POST', '/webhook-secrets/rotate', { target })).status).toBe(404);
    expect((await fixture.call(bob, 'GET', '/deliveries')).json.data).toEqual([]);
    expect((await fixture.call(bob, 'GET', '/targets')).json.data).toEqual([]);
    expect((await fixture.call(bob, 'GET', '/webhook-secrets')).json.data).toEqual([]);
    const range = { from: '2020-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z', states: ['delivered'] };
    expect((await fixture.call(bob, 'POST', '/deliveries/redeliver', range)).json).toEqual({ redelivered: 0 });
    expect(receiver.of('alert.fired')).toHaveLength(1);
  });

  it('are refused without a key', async () => {
    for (const path of ['/deliveries', '/targets', '/templates', '/webhook-secrets', '/push-key']) {
      expect((await fixture.call('', 'GET', path)).status).toBe(401);
    }
  });
});

describe('deliveries', () => {
  it('are listed newest first, in pages and with filters', async () => {
    const ids = await fixture.record(
      [1, 2, 3].map((n) => ({
        channel: 'webhook' as const,
        target,
        suppressed: 'channel_off',
        collapseKey: `page-${n}`,
      })),
    );
    const first = (await fixture.call(ann, 'GET', '/deliveries?state=suppressed&limit=2')).json;
    expect(first.data.map((each: { id: string }) => each.id)).toEqual([ids[2], ids[1]]);
    expect(first.data[0]).toMatchObject({ reason: 'channel_off', ruleId: 'r1', attempts: 0 });
    const next = (
      await fixture.call(ann, 'GET', `/deliveries?state=suppressed&limit=2&cursor=${first.page.next_cursor}`)
    ).json;
    expect(next).toMatchObject({ data: [{ id: ids[0] }], page: { next_cursor: null, has_more: false } });
    expect((await fixture.call(ann, 'GET', '/deliveries?channel=email')).json.data).toEqual([]);
    expect((await fixture.call(ann, 'GET', '/deliveries?ruleId=r2')).json.data).toEqual([]);
    expect((await fixture.call(ann, 'GET', '/deliveries?type=test')).json.data).toEqual([]);
    const from = new Date(Date.now() - 3_600_000).toISOString();
    const within = (await fixture.call(ann, 'GET', `/deliveries?type=alert.fired&from=${from}`)).json.data;
    expect(within.length).toBeGreaterThanOrEqual(4);
    expect((await fixture.call(ann, 'GET', `/deliveries?to=${from}`)).json.data).toEqual([]);
  });

  it.each([
    'limit=0',
    'limit=x',
    'type=x',
    'from=x',
    'state=lost',
    'channel=fax',
    'cursor=%00',
    'cursor=-1',
    'ruleId=%00',
    'unknown=1',
  ])('refuse the query string ?%s', async (query) => {
    const { status, json } = await fixture.call(ann, 'GET', `/deliveries?${query}`);
    expect(status).toBe(400);
    expect(json.code).toBe('invalid_request');
  });

  it('refuse the cursor of another list in the same words as all lists', async () => {
    const { json } = await fixture.call(ann, 'GET', '/deliveries?cursor=-1');
    expect(json.detail).toBe('cursor must be a cursor of this list; omit it to start with the first page');
  });

  it.each([
    { from: '2026-W47', to: '2026-W48' },
    { from: 'x', to: 'y' },
    {},
    { from: '2026-11-20', to: '2026-11-21', states: ['sending'] },
  ])('cannot be sent again for the invalid range %j', async (range) => {
    expect((await fixture.call(ann, 'POST', '/deliveries/redeliver', range)).status).toBe(400);
  });

  it('are not found for a target with a NUL character', async () => {
    const range = { from: '2020-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z', target: 'a\0b' };
    expect((await fixture.call(ann, 'POST', '/deliveries/redeliver', range)).json).toEqual({ redelivered: 0 });
  });

  it('cannot be sent again before their first attempt', async () => {
    const [id = ''] = await fixture.record([{ channel: 'webhook', target, notBefore: new Date(Date.now() + 60_000) }]);
    expect((await fixture.call(ann, 'POST', `/deliveries/${id}/redeliver`)).status).toBe(409);
  });

  it('waiting for their next attempt are sent immediately on request', async () => {
    receiver.answer = () => ({ status: 500 });
    const id = await fixture.send('webhook', target);
    await fixture.until(id, 'retrying');
    receiver.answer = () => undefined;
    expect((await fixture.call(ann, 'POST', `/deliveries/${id}/redeliver`)).status).toBe(202);
    await fixture.until(id, 'delivered');
  });

  it('are counted by channel and state', async () => {
    const metrics = await (await fetch(`${fixture.app.url}/metrics`)).text();
    expect(metrics).toMatch(/notification_deliveries_total\{channel="webhook",state="delivered"\} [1-9]/);
  });
});

describe('targets', () => {
  it.each([
    ['webhook', 'ftp://example.com/'],
    ['webhook', 'https://10.0.0.1/'],
    ['webhook', 'https://user:pw@example.com/'],
    ['email', 'not a mail address'],
    ['push', 'x'],
  ] as const)('refuse the %s target %s', async (channel, hostile) => {
    await expect(fixture.claim(channel, hostile)).rejects.toMatchObject({ code: 'invalid_request', field: 'target' });
  });

  it('at Slack and Discord are verified without a confirmation', async () => {
    expect(await fixture.claim('webhook', 'https://hooks.slack.com/services/T0/B0/x')).toContain('hooks.slack.com');
    expect(await fixture.claim('webhook', 'https://discord.com/api/webhooks/1/x')).toContain('discord.com');
  });

  it('awaiting confirmation are limited to ten per user', async () => {
    for (let n = 0; n < 10; n++)
      await fixture.claim('email', `p${n}@example.com`, { userId: 'flooder', pending: true });
    await expect(fixture.claim('email', 'p10@example.com', { userId: 'flooder', pending: true })).rejects.toMatchObject(
      {
        code: 'limit_exceeded',
      },
    );
  });

  it('can be verified again after they were disabled, but not repeatedly in a short time', async () => {
    await fixture.app.db.pool.query(
      `UPDATE notification_targets SET status = 'disabled', verification_started_at = now() - interval '1 hour' WHERE target = $1`,
      [target],
    );
    const { json } = await fixture.call(ann, 'GET', '/targets');
    const { id } = json.data.find((each: { target: string }) => each.target === target);
    expect((await fixture.call(ann, 'POST', `/targets/${id}/verify`)).json).toMatchObject({ status: 'pending' });
    await fixture.untilTarget(target, 'active');
    await fixture.app.db.pool.query(`UPDATE notification_targets SET status = 'disabled' WHERE id = $1`, [id]);
    const again = await fixture.call(ann, 'POST', `/targets/${id}/verify`);
    expect(again).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
    await fixture.app.db.pool.query(`UPDATE notification_targets SET status = 'active' WHERE id = $1`, [id]);
  });
});

describe('confirmation mails', () => {
  it('are sent to one address at most five times a day', async () => {
    const address = await fixture.claim('email', 'victim@example.com', { pending: true });
    const { json } = await fixture.call(ann, 'GET', '/targets');
    const { id } = json.data.find((each: { target: string }) => each.target === address);
    const statuses: number[] = [];
    for (let n = 1; n <= 6; n++) {
      await waitFor(async () => {
        const { data } = (await fixture.call(ann, 'GET', '/deliveries?channel=email&state=delivered')).json;
        return data.length >= Math.min(n, 5);
      });
      await fixture.app.db.pool.query(
        `UPDATE notification_targets SET verification_started_at = now() - interval '1 hour' WHERE id = $1`,
        [id],
      );
      statuses.push((await fixture.call(ann, 'POST', `/targets/${id}/verify`)).status);
    }
    expect(statuses).toEqual([202, 202, 202, 202, 429, 429]);
  });
});

describe('webhook secrets', () => {
  it('are rotated without a target if the user has exactly one target', async () => {
    const other = await fixture.app.key({ userId: 'carl' });
    expect((await fixture.call(other, 'POST', '/webhook-secrets/rotate', {})).status).toBe(404);
    const own = await fixture.claim('webhook', receiver.url('/carl'), { userId: 'carl' });
    const [before] = (await fixture.call(other, 'GET', '/webhook-secrets')).json.data[0].secrets;
    const { json } = await fixture.call(other, 'POST', '/webhook-secrets/rotate', {});
    expect(json).toMatchObject({ target: own, secret: expect.stringMatching(/^whsec_/) });
    expect(json.secrets).toEqual([
      { last4: json.secret.slice(-4), createdAt: json.createdAt, validUntil: null },
      { ...before, validUntil: json.previousValidUntil },
    ]);
    await fixture.claim('webhook', receiver.url('/carl-2'), { userId: 'carl' });
    expect((await fixture.call(other, 'POST', '/webhook-secrets/rotate', {})).status).toBe(400);
  });
});

describe('message templates', () => {
  it('are created, listed, used, replaced and deleted', async () => {
    const source = { subject: '{{ name }}!', text: '{{ value | usd }}', html: '<b>{{ name }}</b>' };
    expect((await fixture.call(ann, 'PUT', '/templates/mine', source)).json).toMatchObject({
      name: 'mine',
      builtIn: false,
    });
    const { json } = await fixture.call(ann, 'GET', '/templates');
    expect(json.data.map((each: { name: string }) => each.name)).toEqual([
      'mine',
      'default',
      'brief',
      'tvl_change',
      'price_change',
    ]);
    expect((await fixture.call(bob, 'GET', '/templates/mine')).status).toBe(404);
    const templates = fixture.app.nest.get(Templates);
    expect(await templates.exists('tester', 'mine')).toBe(true);
    expect(await templates.exists('bob', 'mine')).toBe(false);
    const preview = await templates.preview('tester', { template: 'mine', data: { name: '<i>A & B</i>' } });
    expect(preview).toEqual({
      subject: '<i>A & B</i>!',
      text: '$29.41 B',
      html: '<b>&lt;i&gt;A &amp; B&lt;/i&gt;</b>',
      warnings: [],
    });
    const id = await fixture.send('webhook', target, { template: 'mine', format: 'slack' });
    await fixture.until(id, 'delivered');
    expect(JSON.parse(receiver.received.at(-1)?.body ?? '').text).toBe('Aave below 30 billion!');
    const tried = { template: 'mine', type: 'test', data: { ...ALERT, state: 'test', value: null } } as const;
    await fixture.until(await fixture.send('webhook', target, { ...tried, format: 'slack' }), 'delivered');
    expect(JSON.parse(receiver.received.at(-1)?.body ?? '').text).toBe('Test: Aave below 30 billion!');
    expect(await templates.render({ ...tried, userId: 'tester', links: {} })).toMatchObject({
      html: '<p>This is a test, nothing has happened.</p>\n<b>Aave below 30 billion</b>',
    });
    expect((await fixture.call(ann, 'DELETE', '/templates/mine')).status).toBe(204);
    expect((await fixture.call(ann, 'DELETE', '/templates/mine')).status).toBe(404);
  });

  it.each([
    ['a tag that is not closed', '{% if a %}x'],
    ['a filter that does not exist', '{{ a | nope }}'],
    ['a file to include', '{% include "/etc/passwd" %}'],
    ['a file to render', '{% render "/etc/passwd" %}'],
    ['a layout', '{% layout "../package.json" %}'],
    ['a text that doubles', '{% assign a = "x" %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}'],
    [
      'a list that doubles',
      '{% assign a = "x" | split: "" %}{% for i in (1..60) %}{% assign a = a | concat: a %}{% endfor %}',
    ],
    ['a range as large as memory', '{% assign a = (1..999999999) %}{{ a | size }}'],
    ['a date padded without end', '{{ "now" | date: "%999999999d" }}'],
    [
      'a text that is replaced by itself',
      '{% assign a = "aaaaaaaaaaaaaaaa" %}{% for i in (1..9) %}{% assign a = a | replace: "a", a %}{% endfor %}',
    ],
    ['a search that begins anew for each', '{% assign a = (1..99999) %}{{ a | find_exp: "x", "a contains -1" }}'],
    ['a loop bomb', '{% for a in (1..99999) %}{% for b in (1..99999) %}{{ a }}{% endfor %}{% endfor %}'],
  ])('are refused if they contain %s', async (_, text) => {
    const { status, json } = await fixture.call(ann, 'PUT', '/templates/bad', { subject: 's', text });
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(json.detail).not.toContain('root:');
  });

  it('are replaced by the default text if they render nothing, with a delivery note', async () => {
    const source = { subject: '{{ nothing }}\u200b', text: '{{ nothing }}', html: '<p> &nbsp;{{ nothing }}</p>' };
    const put = await fixture.call(ann, 'PUT', '/templates/empty', source);
    expect(put.status).toBe(200);
    for (const format of ['slack', undefined] as const) {
      const sent = await fixture.send('webhook', target, { template: 'empty', ...(format ? { format } : {}) });
      await fixture.until(sent, 'delivered');
      expect(receiver.received.at(-1)?.body).toContain('TVL of aave-v3 is $29 B, below $30 B');
      const { json } = await fixture.call(ann, 'GET', `/deliveries/${sent}`);
      expect(json.attemptLog).toMatchObject([
        { outcome: 'delivered', detail: 'the template rendered nothing; the default text was sent' },
      ]);
    }
  });

  it('are replaced by the default text if they fail or take too long, with a note', async () => {
    const loop = '{% for a in (1..99999) %}{% for b in (1..99999) %}{{ b }}{% endfor %}{% endfor %}';
    // The example alert, with which the template is checked when it is saved, has another name.
    const text = `{% if name == "greedy" %}${loop}{% endif %}{{ message }}`;
    expect((await fixture.call(bob, 'PUT', '/templates/greedy', { subject: 's', text })).status).toBe(200);
    const greedy = await fixture.claim('webhook', receiver.url('/greedy'), { userId: 'bob' });
    const data = { ...ALERT, name: 'greedy' };
    const notes: unknown[] = [];
    for (let n = 0; n < 60 && !String(notes.at(-1)).startsWith('the time for rendering'); n++) {
      const id = await fixture.send('webhook', greedy, { userId: 'bob', data, template: 'greedy', format: 'slack' });
      await fixture.until(id, 'delivered');
      const { json } = await fixture.call(bob, 'GET', `/deliveries/${id}`);
      notes.push(json.attemptLog[0].detail);
      expect(receiver.received.at(-1)?.body).toContain('TVL of aave-v3 is $29 B, below $30 B');
    }
    expect(new Set(notes)).toEqual(
      new Set([
        'the template has a fault; the default text was sent',
        'the time for rendering templates is used up; the default text was sent',
      ]),
    );
  });

  it('can read only the alert, not the prototypes of JavaScript objects', async () => {
    const templates = fixture.app.nest.get(Templates);
    const text =
      '{{ constructor }}{{ __proto__ }}{{ name.constructor.constructor }}{{ process }}{{ explanation.toString }}';
    expect((await templates.preview('tester', { text })).text).toBe('');
    await expect(templates.preview('tester', { template: 'absent' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each(['UPPER', '-x', 'a b', 'x'.repeat(65)])('refuse the name %s', async (name) => {
    expect(
      (await fixture.call(ann, 'PUT', `/templates/${encodeURIComponent(name)}`, { subject: 's', text: 't' })).status,
    ).toBe(400);
  });
});
