import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecretBox } from '../../src/platform/secrets/secret-box.js';
import type { TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { waitFor } from '../support/wait-for.js';
import { one, PATH, PRICE, RULE, ruleOwners } from '../support/data/rule-owners.js';

let app: TestApp;

let alice: RestCaller;

let mallory: RestCaller;

beforeAll(async () => {
  ({ app, alice, mallory } = await ruleOwners());
});

afterAll(() => app?.close());

describe('alert rules', () => {
  it('are created with defaults, read, changed, replaced and deleted', async () => {
    const created = await alice.post(PATH, RULE);
    expect(created).toMatchObject({ status: 201 });
    expect(created.body).toMatchObject({
      name: 'bitcoin high',
      description: null,
      conditions: [PRICE],
      where: null,
      actions: [],
      throttleMinutes: 5,
      throttleScope: 'subject',
      state: { phase: 'ok', firing: [] },
      mode: 'while_true',
      hysteresis: 0,
      forSeconds: 0,
      notifyResolved: false,
      priority: 'normal',
      isActive: true,
      snoozedUntil: null,
      lastTriggered: null,
      version: 1,
    });
    const { ruleId, warnings: _, ...view } = created.body;
    expect((await alice.get(one(ruleId))).body).toEqual({ ruleId, ...view });

    const changed = await alice.call('PATCH', one(ruleId), { throttle_minutes: 30, priority: 'high' });
    expect(changed.body).toMatchObject({ throttleMinutes: 30, priority: 'high', name: 'bitcoin high', version: 2 });

    const replaced = await alice.call('PUT', one(ruleId), { ...RULE, name: 'again' });
    expect(replaced.body).toMatchObject({ throttleMinutes: 5, priority: 'normal', name: 'again', version: 3 });

    const off = await alice.post(one(ruleId, '/disable'));
    expect(off.body).toMatchObject({ isActive: false, version: 4 });
    expect((await alice.post(one(ruleId, '/enable'))).body).toMatchObject({ isActive: true });
    const snoozed = await alice.post(one(ruleId, '/snooze'), { minutes: 60 });
    expect(Date.parse(snoozed.body.snoozedUntil)).toBeGreaterThan(Date.now());
    expect((await alice.post(one(ruleId, '/snooze'), { until: null })).body.snoozedUntil).toBeNull();

    expect((await alice.call('DELETE', one(ruleId))).status).toBe(204);
    expect((await alice.get(one(ruleId))).status).toBe(404);
    expect((await alice.call('DELETE', one(ruleId))).status).toBe(404);

    const versions = await alice.get(one(ruleId, '/versions'));
    expect(versions.body.data.map((version: { change: string }) => version.change)).toEqual([
      'deleted',
      ...Array.from({ length: 6 }, () => 'changed'),
      'created',
    ]);
    expect(versions.body.data.at(-1)).toMatchObject({
      version: 1,
      rule: { name: 'bitcoin high', conditions: [PRICE] },
    });
    expect(versions.body.data[0].changedBy).toMatch(/^key:/);
  });

  it('can be written back as they were read; read-only fields cannot be changed', async () => {
    const { ruleId } = (await alice.post(PATH, RULE)).body;
    const { body: read } = await alice.get(one(ruleId));
    for (const method of ['PUT', 'PATCH']) {
      const { body: written } = await alice.call(method, one(ruleId), { ...read, version: undefined });
      const { version: _, updatedAt: __, warnings: ___, ...same } = written;
      expect(read).toMatchObject(same);
    }
    const changed = { ruleId: randomUUID(), userId: 'mallory', createdAt: '2020-01-01T00:00:00Z' };
    for (const [field, value] of Object.entries(changed)) {
      const answer = await alice.call('PATCH', one(ruleId), { [field]: value });
      expect(answer.body.errors).toMatchObject([{ pointer: `/${field}`, code: 'read_only' }]);
    }
  });

  it('refuse to be snoozed until a past time, but accept an unchanged expired snooze time', async () => {
    const ruleId = await alice.rule(RULE);
    const past = '2020-01-01T00:00:00.000Z';
    const answers = [
      await alice.post(one(ruleId, '/snooze'), { until: past }),
      await alice.call('PATCH', one(ruleId), { snoozedUntil: past }),
      await alice.post(PATH, { ...RULE, snoozedUntil: past }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(answers.map(({ body }) => body.errors[0].pointer)).toEqual(['/until', '/snoozedUntil', '/snoozedUntil']);
    expect(answers[0]?.body.detail).toBe('until must be in the future');
    await app.db.pool.query('UPDATE alert_rules SET snoozed_until = $2 WHERE rule_id = $1', [ruleId, past]);
    expect((await alice.call('PUT', one(ruleId), { ...RULE, snoozedUntil: past })).status).toBe(200);
  });

  it('can be rearmed only in mode `once`', async () => {
    const ids = [await alice.rule({ ...RULE, mode: 'once' }), await alice.rule(RULE)];
    const [again, never] = await Promise.all(ids.map((ruleId) => alice.post(one(ruleId, '/rearm'))));
    expect(again).toMatchObject({ status: 200, body: { version: 2, state: { spent: false } } });
    expect(never).toMatchObject({ status: 409 });
    expect((await alice.get(`${PATH}?state=firing`)).body.data).toEqual([]);
  });

  it('keep versions that the application role cannot change', async () => {
    await alice.rule(RULE);
    await expect(
      app.db.pool.query(`SET ROLE rta_app; UPDATE alert_rule_versions SET change = 'deleted'; RESET ROLE`),
    ).rejects.toThrow(/permission denied/);
  });

  it('refuse a change based on an older version', async () => {
    const ruleId = await alice.rule(RULE);
    await alice.call('PATCH', one(ruleId), { name: 'newer' });
    const late = await alice.call('PATCH', one(ruleId), { name: 'late', version: 1 });
    expect([late.status, late.body.code]).toEqual([409, 'conflict']);
    const header = await alice.call('PATCH', one(ruleId), { name: 'late' }, { 'if-match': 'W/"1"' });
    expect(header).toMatchObject({ status: 400, body: { detail: expect.stringContaining('field version') } });
    expect((await alice.get(one(ruleId))).body.name).toBe('newer');
  });

  it('are created once per `Idempotency-Key`, also by simultaneous requests', async () => {
    const headers = { 'idempotency-key': 'once-please' };
    const answers = await Promise.all(Array.from({ length: 6 }, () => alice.post(PATH, RULE, headers)));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 6 }, () => 201));
    expect(new Set(answers.map((answer) => answer.body.ruleId)).size).toBe(1);
    const other = await alice.post(PATH, { ...RULE, name: 'another' }, headers);
    expect([other.status, other.body.code]).toEqual([409, 'conflict']);
    expect((await mallory.post(PATH, RULE, headers)).body.ruleId).not.toBe(answers[0]!.body.ruleId);
  });

  it('are limited in number by tier, also if created simultaneously', async () => {
    const free = await RestCaller.of(app, 'free-user', { tier: 'free' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => free.post(PATH, RULE)));
    const made = answers.filter((answer) => answer.status === 201);
    expect(made).toHaveLength(3);
    for (const { status, body } of answers.filter((answer) => answer.status !== 201)) {
      expect([status, body.code]).toEqual([422, 'limit_exceeded']);
    }
    await free.call('DELETE', one(made[0]!.body.ruleId));
    expect((await free.get('/v1/me')).body).toMatchObject({ limits: { alertRules: 3 }, used: { alertRules: 2 } });
    expect((await free.post(PATH, RULE)).status).toBe(201);
    // Rules belong to the user, so another key of the same user counts the same rules.
    const again = await RestCaller.of(app, 'free-user', { tier: 'pro' });
    expect((await again.get('/v1/me')).body).toMatchObject({ limits: { alertRules: 100 }, used: { alertRules: 3 } });
  });

  it('are listed in pages and with filters, as JSON and CSV', async () => {
    const bob = await RestCaller.of(app, 'bob');
    for (let index = 0; index < 5; index++) {
      await bob.rule({ name: `rule ${index}`, conditions: [PRICE], priority: index % 2 === 0 ? 'high' : 'low' });
    }
    const where = { or: [{ protocol: 'aave-v3', metric: 'tvl', operator: 'lt', threshold: 1e9 }] };
    await bob.rule({ name: 'In a tree', where, isActive: false });

    const names: string[] = [];
    let cursor = '';
    do {
      const { body } = await bob.get(`${PATH}?limit=2${cursor}`);
      names.push(...body.data.map((rule: { name: string }) => rule.name));
      cursor = body.page.has_more ? `&cursor=${body.page.next_cursor}` : '';
    } while (cursor !== '');
    expect(names).toEqual(['In a tree', 'rule 4', 'rule 3', 'rule 2', 'rule 1', 'rule 0']);

    const count = async (query: string): Promise<number> => (await bob.get(`${PATH}?${query}`)).body.data.length;
    expect(await count('priority=high')).toBe(3);
    expect(await count('isActive=false')).toBe(1);
    expect(await count('protocol=aave-v3')).toBe(1);
    expect(await count('metric=tvl')).toBe(1);
    expect(await count('token=bitcoin')).toBe(5);
    // Names are found in any spelling that a rule accepts.
    expect(await count('token=coingecko:Bitcoin')).toBe(5);
    expect(await count('q=TREE')).toBe(1);
    expect((await bob.get(`${PATH}?isActive=maybe`)).status).toBe(400);

    const csv = await bob.call('GET', `${PATH}?limit=1`, undefined, { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.text.split('\n')[0]).toContain('ruleId,userId,name');
  });

  it('with conditions that are no longer valid can be disabled, snoozed and renamed', async () => {
    const { ruleId } = (await alice.post(PATH, RULE)).body;
    const never = [{ metric: 'event', eventType: 'tvl_change', token: 'bitcoin' }];
    await app.db.pool.query('UPDATE alert_rules SET conditions = $1 WHERE rule_id = $2', [
      JSON.stringify(never),
      ruleId,
    ]);
    expect(await alice.post(one(ruleId, '/disable'))).toMatchObject({ status: 200, body: { isActive: false } });
    expect(await alice.post(one(ruleId, '/snooze'), { minutes: 5 })).toMatchObject({ status: 200 });
    expect(await alice.call('PATCH', one(ruleId), { name: 'Old' })).toMatchObject({ body: { name: 'Old' } });
    expect(await alice.call('PATCH', one(ruleId), { conditions: never })).toMatchObject({ status: 400 });
  });

  it('show the status of each target and report the position of an invalid target', async () => {
    const made = await alice.post(PATH, {
      ...RULE,
      actions: [
        { type: 'webhook', target: 'http://127.0.0.1:9/hook' },
        { type: 'email', target: 'ann@EXAMPLE.com' },
      ],
    });
    expect(made).toMatchObject({ status: 201 });
    expect(made.body.actions.map((action: { status: string }) => action.status)).toEqual(['active', 'active']);
    const refused = await alice.post(PATH, {
      ...RULE,
      actions: [
        { type: 'email', target: 'ann@example.com' },
        { type: 'webhook', target: 'http://10.0.0.1/' },
      ],
    });
    expect(refused.status).toBe(400);
    expect(refused.body.errors[0].pointer).toBe('/actions/1/target');
    expect(refused.body.detail).toContain('EGRESS_ALLOW');
    const credentials = { ...RULE, actions: [{ type: 'webhook', target: 'https://u:p@example.org/' }] };
    expect((await alice.post(PATH, credentials)).body.detail).toMatch(
      /user and password are not allowed in the address\.$/,
    );
  });

  it('keep a masked webhook or device target when it is written back', async () => {
    const secrets = [
      'https://hooks.slack.com/services/T01/B02/abcdefghijklmnopWXYZ',
      'https://api.telegram.org/bot123456:AAabcdefghijklmnop/sendMessage?chat_id=-100',
      'pagerduty:0123456789abcdef0123456789abcdef',
      'pagerduty:ffffffffffffffff0123456789abcdef',
      'fcm-token-of-a-telephone-0123456789:abcdefghij',
    ];
    const actions = secrets.map((target, index) => ({ type: index === 4 ? 'push' : 'webhook', target }));
    const made = await alice.post(PATH, { ...RULE, actions });
    expect(made.status).toBe(201);
    expect(new Set(made.body.actions.map((action: { target: string }) => action.target)).size).toBe(5);
    for (const secret of secrets) expect(JSON.stringify(made.body)).not.toContain(secret);

    const path = one(made.body.ruleId);
    for (const method of ['PUT', 'PATCH']) {
      const { body: read } = await alice.get(path);
      const written = await alice.call(method, path, method === 'PUT' ? read : { actions: read.actions });
      expect([written.status, written.body.actions]).toEqual([200, made.body.actions]);
    }
    const { rows: kept } = await app.db.pool.query<{ id: string; sealed: string }>(
      `SELECT t.id, t.sealed FROM unnest($1::text[]) WITH ORDINALITY AS shown (target, place)
       JOIN notification_targets t USING (target) WHERE t.user_id = 'alice' ORDER BY place`,
      [made.body.actions.map((action: { target: string }) => action.target)],
    );
    expect(kept.map(({ id, sealed }) => app.nest.get(SecretBox).open(sealed, `push-target:${id}`))).toEqual(secrets);
    const again = await alice.post(PATH, { ...RULE, actions: [actions[3]] });
    expect(again.body.actions[0].target).toBe(made.body.actions[3].target);
    // A test opens incidents, and a second message closes each of them.
    const { body: test } = await alice.post(`${path}/test`);
    expect(test.deliveries).toHaveLength(5);
    const { rows: incidents } = await app.db.pool.query<{ states: string[] }>(
      `SELECT array_agg(data ->> 'state' ORDER BY position) AS states FROM deliveries
       WHERE type = 'test' AND target LIKE 'pagerduty:%' GROUP BY target_id, collapse_key`,
    );
    expect(incidents).toEqual([{ states: ['test', 'resolved'] }, { states: ['test', 'resolved'] }]);

    const hidden = { ...RULE, actions: [made.body.actions[0]] };
    const refused = await mallory.post(PATH, hidden);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, '/actions/0/target']);
  });

  it('return a warning for a threshold finer than the published values', async () => {
    const fine = await alice.post(PATH, {
      name: 'too fine',
      conditions: [{ token: 'bitcoin', metric: 'price', operator: 'change_pct', threshold: 0.00001 }],
    });
    expect(fine).toMatchObject({ status: 201 });
    expect(fine.body.warnings.length).toBeGreaterThan(0);
    expect(fine.body.warnings[0].pointer).toMatch(/^\/conditions\/0/);
  });

  it('return a warning for an unknown name, with a similar known name', async () => {
    const market = new MarketWriter(app.db.pool);
    await market.tvl('named-v3', 'ethereum', 5_000_000);
    await market.price('named-coin', 5, { symbol: 'NMD' });
    await waitFor(async () => (await alice.get('/v1/prices/named-coin')).body.data?.length === 1);
    await waitFor(async () => (await alice.get('/v1/tvl/named-v3')).status === 200);

    const tvl = { metric: 'tvl', operator: 'lt', threshold: 1_000 };
    const price = { metric: 'price', operator: 'lt', threshold: 1 };
    const warned = async (...conditions: object[]): Promise<[string, string][]> => {
      const { body } = await alice.post(`${PATH}/backtest`, { rule: { name: 'x', where: { or: conditions } } });
      const warnings: { pointer: string; detail: string }[] = body.warnings;
      return warnings.map(({ pointer, detail }) => [pointer, detail]);
    };
    expect(
      await warned(
        { ...tvl, protocol: 'namedv3' },
        { ...tvl, protocol: 'nobody' },
        { ...tvl, protocol: 'named-v3', chain: 'base' },
        { ...tvl, protocol: 'named-v3', chain: 'ethereum' },
        { ...price, token: 'nmd' },
        { ...price, token: 'named-coin' },
      ),
    ).toEqual([
      ['/where/or/0/protocol', 'The protocol namedv3 has no TVL yet; did you mean named-v3?'],
      ['/where/or/1/protocol', 'The protocol nobody has no TVL yet.'],
      ['/where/or/2/chain', 'named-v3 has no TVL on base yet; it has TVL on: ethereum.'],
      ['/where/or/4/token', 'The token nmd has no price yet; did you mean named-coin?'],
    ]);
    expect(await warned({ ...tvl, chain: 'nowhere' })).toEqual([
      ['/where/or/0/chain', 'No protocol has TVL on nowhere yet.'],
    ]);

    const created = await alice.post(PATH, { name: 'slip', conditions: [{ ...tvl, protocol: 'namedv3' }] });
    expect(created).toMatchObject({ status: 201, body: { warnings: [{ code: 'no_value_yet' }] } });
    const meant = { conditions: [{ ...tvl, protocol: 'named-v3' }] };
    expect((await alice.call('PATCH', one(created.body.ruleId), meant)).body.warnings).toEqual([]);
  });
});
