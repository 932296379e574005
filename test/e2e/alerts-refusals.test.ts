import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/servers/create-test-app.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { one, PATH, PRICE, RULE, ruleOwners } from '../support/data/rule-owners.js';

let app: TestApp;

let alice: RestCaller;

let mallory: RestCaller;

beforeAll(async () => {
  ({ app, alice, mallory } = await ruleOwners());
});

afterAll(() => app?.close());

const EVENT = { metric: 'event', eventType: 'liquidation' };

describe('invalid alert rules', () => {
  const faulty: [string, object, RegExp][] = [
    ['no condition', { name: 'x', conditions: [] }, /^\/conditions/],
    ['an unknown metric', { name: 'x', conditions: [{ ...PRICE, metric: 'mood' }] }, /^\/conditions\/0\/metric/],
    ['an unknown operator', { name: 'x', conditions: [{ ...PRICE, operator: '>' }] }, /^\/conditions\/0\/operator/],
    ['no threshold', { name: 'x', conditions: [{ ...PRICE, threshold: undefined }] }, /^\/conditions\/0\/threshold/],
    ['an unknown field', { name: 'x', conditions: [{ ...PRICE, treshold: 1 }] }, /^\/conditions\/0\/treshold/],
    [
      'a contradiction',
      { name: 'x', conditions: [PRICE, { ...PRICE, operator: 'lt', threshold: 1 }] },
      /^\/conditions/,
    ],
    [
      'a time window of one second',
      { name: 'x', conditions: [{ ...PRICE, operator: 'change_pct', threshold: 0.1, timeWindow: 1 }] },
      /timeWindow/,
    ],
    ['a condition on alerts', { name: 'x', conditions: [{ metric: 'event', eventType: 'alert' }] }, /^\/conditions\/0/],
    ['conditions that are no list', { name: 'x', conditions: 'price > 1' }, /^\/conditions/],
    ['an unknown operator in the condition tree', { name: 'x', where: { xor: [PRICE] } }, /^\/where/],
    [
      'six actions',
      { ...RULE, actions: Array.from({ length: 6 }, () => ({ type: 'email', target: 'a@b.c' })) },
      /^\/actions/,
    ],
    ['an unknown channel', { ...RULE, actions: [{ type: 'pigeon', target: 'x' }] }, /^\/actions\/0\/type/],
    ['two throttles', { ...RULE, throttleMinutes: 1, throttle_minutes: 2 }, /throttle/],
    ['a negative throttle', { ...RULE, throttleMinutes: -1 }, /^\/throttleMinutes/],
    ['a name of control characters', { ...RULE, name: 'a\u0000b' }, /^\/name/],
    ['a name of blanks alone', { ...RULE, name: ' \u00a0\u200b ' }, /^\/name/],
    [
      'a token of control characters',
      { name: 'x', conditions: [{ ...PRICE, token: 'a\u0000b' }] },
      /^\/conditions\/0\/token/,
    ],
    [
      'half a surrogate pair in a token',
      { name: 'x', where: { or: [{ ...PRICE, token: 'a\ud800b' }] } },
      /^\/where\/or\/0\/token/,
    ],
    [
      'a token that has no name',
      { name: 'x', conditions: [{ ...PRICE, token: 'coingecko:' }] },
      /^\/conditions\/0\/token/,
    ],
    [
      'a target that is too long only once it is encoded',
      { ...RULE, actions: [{ type: 'webhook', target: `https://example.com/${'ü'.repeat(700)}` }] },
      /^\/actions\/0\/target/,
    ],
    ['a token with white space', { name: 'x', conditions: [{ ...PRICE, token: 'usd coin' }] }, /token/],
    [
      'an operator on an event without a field',
      { name: 'x', conditions: [{ ...EVENT, operator: 'gt', threshold: 1 }] },
      /field/,
    ],
    ['an unknown field of the rule', { ...RULE, owner: 'root' }, /^\/owner/],
  ];
  it.each(faulty)('with %s are refused, with the position of the fault', async (_, body, pointer) => {
    const answer = await alice.post(PATH, body);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body.code).toBe('invalid_request');
    expect(answer.body.errors[0].pointer).toMatch(pointer);
  });

  it('with an invalid name are refused by every route, with a suggested name', async () => {
    const ruleId = await alice.rule(RULE);
    for (const [condition, pointer, meant] of [
      [{ ...PRICE, token: 'usd coin' }, '/conditions/0/token', 'usd-coin'],
      [{ ...PRICE, token: undefined, protocol: 'Uniswap V3', metric: 'tvl' }, '/conditions/0/protocol', 'uniswap-v3'],
    ] as const) {
      const body = { ...RULE, conditions: [condition] };
      const answers = [
        await alice.post(PATH, body),
        await alice.call('PUT', one(ruleId), body),
        await alice.call('PATCH', one(ruleId), { conditions: [condition] }),
        await alice.post(`${PATH}/backtest`, { rule: body }),
      ];
      const refusal = (place: string) => [
        400,
        [{ pointer: place, detail: expect.stringMatching(new RegExp(`did you mean ${meant}\\?$`)) }],
      ];
      expect(answers.map(({ status, body: answer }) => [status, answer.errors])).toMatchObject(
        ['', '', '', '/rule'].map((before) => refusal(`${before}${pointer}`)),
      );
    }
  });

  it.each(['+16:00', '-23:59'])(
    'with a time zone that does not exist (%s) are refused, also in filters',
    async (zone) => {
      const time = `2027-01-31T12:00:00${zone}`;
      const answers = [
        await alice.post(PATH, { ...RULE, snoozedUntil: time }),
        await alice.get(`/v1/alerts/history?from=${encodeURIComponent(time)}`),
      ];
      expect(answers.map(({ status, body }) => [status, body.errors?.[0].pointer])).toEqual([
        [400, '/snoozedUntil'],
        [400, '?from'],
      ]);
      expect((await alice.get('/v1/alerts/history?from=2027-01-31T12:00:00%2B14:00')).status).toBe(200);
    },
  );

  it('with null for a required field are refused', async () => {
    const ruleId = await alice.rule(RULE);
    const answer = await alice.call('PATCH', one(ruleId), { name: null });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].pointer).toBe('/name');
  });
});

describe('data of another user:', () => {
  it('rules, versions and history are not found by any route', async () => {
    const ruleId = await alice.rule({ ...RULE, actions: [{ type: 'webhook', target: 'http://127.0.0.1:9/hook' }] });
    const before = (await alice.get(one(ruleId))).body;
    const attempts: [string, string, object?][] = [
      ['GET', ''],
      ['PATCH', '', { name: 'mine now' }],
      ['PUT', '', RULE],
      ['DELETE', ''],
      ['POST', '/enable'],
      ['POST', '/disable'],
      ['POST', '/snooze', { minutes: 5 }],
      ['POST', '/test'],
      ['GET', '/versions'],
    ];
    for (const [method, more, body] of attempts) {
      const answer = await mallory.call(method, one(ruleId, more), body);
      expect([method, more, answer.status, answer.body.code]).toEqual([method, more, 404, 'not_found']);
    }
    expect((await mallory.get(PATH)).text).not.toContain(ruleId);
    expect((await mallory.get(`/v1/alerts/history?ruleId=${ruleId}`)).body.data).toEqual([]);
    expect((await mallory.get('/v1/notifications/deliveries')).body.data).toEqual([]);
    expect((await alice.get(one(ruleId))).body).toEqual(before);
    // An administrator, too, sees only their own rules, because rules belong to a user.
    const admin = new RestCaller(app.url, app.adminKey);
    expect((await admin.get(one(ruleId))).status).toBe(404);
  });

  it('templates cannot be used in a rule', async () => {
    const actions = [{ type: 'email', target: 'ann@example.com', template: 'hers' }];
    const made = await alice.call('PUT', '/v1/notifications/templates/hers', { subject: 's', text: 'secret text' });
    expect(made).toMatchObject({ status: 200 });
    expect(await alice.post(PATH, { ...RULE, actions })).toMatchObject({ status: 201 });
    const refused = await mallory.post(PATH, { ...RULE, actions });
    expect(refused.status).toBe(400);
    expect(refused.body.errors[0]).toMatchObject({ pointer: '/actions/0/template', code: 'unknown_template' });
    expect(refused.text).not.toContain('secret text');
    const preview = await mallory.post('/v1/alerts/templates/preview', { template: 'hers' });
    expect([preview.status, preview.text.includes('secret text')]).toEqual([404, false]);
    const tested = await mallory.post('/v1/alerts/rules/backtest', { rule: { ...RULE, actions } });
    expect(tested.text).not.toContain('secret text');
  });

  it('deliveries cannot be read or sent again', async () => {
    const ruleId = await alice.rule({ ...RULE, actions: [{ type: 'webhook', target: 'http://127.0.0.1:9/hook' }] });
    const sent = await alice.post(one(ruleId, '/test'));
    expect(sent).toMatchObject({ status: 200 });
    const [deliveryId] = sent.body.deliveries;
    expect((await alice.get(`/v1/notifications/deliveries/${deliveryId}`)).status).toBe(200);
    expect((await mallory.get(`/v1/notifications/deliveries/${deliveryId}`)).status).toBe(404);
    expect((await mallory.post(`/v1/notifications/deliveries/${deliveryId}/redeliver`)).status).toBe(404);
  });

  it("preferences are unaffected by changes to the caller's preferences", async () => {
    const quietHours = { start: '22:00', end: '07:00', timezone: 'Europe/Berlin' };
    const changed = await alice.call('PATCH', '/v1/alerts/preferences', { quietHours, channels: { push: false } });
    expect(changed).toMatchObject({ status: 200 });
    expect(changed.body).toMatchObject({
      channels: { email: true, push: false },
      quietHours: { ...quietHours, allowCritical: true },
    });
    expect((await mallory.get('/v1/alerts/preferences')).body).toMatchObject({
      quietHours: null,
      channels: { push: true },
    });
    const replaced = await alice.call('PUT', '/v1/alerts/preferences', {});
    expect(replaced.body).toMatchObject({ quietHours: null, channels: { email: true, webhook: true, push: true } });
    for (const wrong of [{ timezone: 'Mars/X' }, { days: null }, { allowCritical: null }]) {
      const body = { quietHours: { ...quietHours, ...wrong } };
      expect((await alice.call('PATCH', '/v1/alerts/preferences', body)).status).toBe(400);
    }
  });
});

it('a template preview returns the text, warnings for unknown variables and errors', async () => {
  const shown = await alice.post('/v1/alerts/templates/preview', {
    text: 'Now: {{ name }}',
    data: { name: 'my rule' },
  });
  expect(shown).toMatchObject({ status: 200 });
  expect(shown.body.text).toContain('Now: my rule');
  expect((await alice.post('/v1/alerts/templates/preview', { text: '{% if %}' })).status).toBe(400);
  const including = await alice.post('/v1/alerts/templates/preview', { text: "{% include 'header' %}" });
  expect(including.status).toBe(400);
  expect(including.body.detail).toContain('include is not available');
  expect(including.text).not.toContain('ENOENT');
  const odd = await alice.post('/v1/alerts/templates/preview', {
    text: '{{ explanation.previous }}{{ explanation.conditions[0].previous }}{{ links.rule }}{{ at }}{% assign a = 1 %}{{ a }}',
    html: '{{ protokol }}',
  });
  expect(odd.body.warnings).toEqual([
    { code: 'unknown_variable', detail: 'unknown variable explanation.previous' },
    { code: 'unknown_variable', detail: 'unknown variable protokol' },
  ]);
  const unknown = { ruleId: '00000000-0000-4000-8000-000000000000', text: 'x' };
  expect((await alice.post('/v1/alerts/templates/preview', unknown)).status).toBe(404);
});
