import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { Templates, type NewDelivery } from '../../../src/notifications/index.js';
import { DeliveryClaims, type Claim } from '../../../src/notifications/deliveries/delivery-claims.js';
import { Resolver } from '../../../src/notifications/egress/resolver.js';
import { groupStorms } from '../../../src/alerts/messages/storm.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { quietFor, waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

let fixture: NotificationFixture;
let receiver: WebhookReceiver;
let tester: RestCaller;
let directory: string;
let count = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wishes-'));
  fixture = await NotificationFixture.start({ VERIFY_TARGETS: 'false', DATA_DIR: directory });
  receiver = await WebhookReceiver.start();
  tester = await RestCaller.of(fixture.app, 'tester');
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  receiver.answer = () => undefined;
  receiver.received.length = 0;
  await tester.call('PUT', '/v1/alerts/preferences', {});
});

/** Creates a rule that never fires by itself, and a function that sends its messages to a separate endpoint. */
async function ruleWithHook(host = '127.0.0.1') {
  const target = receiver.url(`/wishes-${++count}`).replace('127.0.0.1', host);
  const condition = { token: 'nobody', metric: 'price', operator: 'gt', threshold: 1 };
  const ruleId = await tester.rule({ name: 'R', conditions: [condition], actions: [{ type: 'webhook', target }] });
  const message = (more: Partial<NewDelivery> = {}) => ({
    channel: 'webhook' as const,
    target,
    data: { ...ALERT, ruleId },
    ...more,
  });
  const send = (more: Partial<NewDelivery> = {}): Promise<string> => {
    const { channel, target: to, ...fields } = message(more);
    return fixture.send(channel, to, fields);
  };
  const rule = (method: string, path = '', body?: object) =>
    tester.call(method, `/v1/alerts/rules/${ruleId}${path}`, body);
  return { ruleId, target, message, send, rule };
}

const subject = { protocol: 'aave', chain: 'ethereum' };
const summary = (ruleId: string, more: object) => ({
  type: 'alert.summary' as const,
  data: { ...ALERT, ruleId, ...more },
});
const ways = {
  storm: (ruleId: string, named: object) =>
    summary('other', { type: 'storm', explanation: { state: 'fired', alerts: [{ ruleId, ...named }] } }),
  summary: (ruleId: string, named: object) => summary(ruleId, { explanation: { subjects: [named] } }),
};

const arrivals = (id: string): number => receiver.received.filter(({ headers }) => headers['webhook-id'] === id).length;
const claim = (id: string): Promise<Claim> => fixture.app.nest.get(DeliveryClaims).claim(id, 'main');
const patch = (body: object) => tester.call('PATCH', '/v1/alerts/preferences', body);
/** Quiet hours that began an hour ago and end in an hour. */
const quietNow = () => ({ quietHours: { start: clock(-60), end: clock(60), timezone: 'UTC' } });
const clock = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString().slice(11, 16);

describe('a completed change of a rule', () => {
  it.each([
    ['deleted', (rule: Rule) => rule('DELETE')],
    ['disabled', (rule: Rule) => rule('PATCH', '', { isActive: false })],
    ['retargeted', (rule: Rule) => rule('PATCH', '', { actions: [] })],
  ] as const)('suppresses waiting messages with the reason `%s`', async (reason, change) => {
    const { send, message, rule } = await ruleWithHook();
    receiver.answer = () => ({ status: 500 });
    const retrying = await send();
    const night = new Date(Date.now() + 3_600_000);
    const [held = '', digest = ''] = await fixture.record(
      [{}, { digest: true }].map((more) => message({ notBefore: night, ...more })),
    );
    await fixture.until(retrying, 'retrying');
    receiver.answer = () => undefined;
    expect((await change(rule)).status).toBeLessThan(300);
    for (const id of [retrying, held, digest])
      expect(await fixture.row(id)).toMatchObject({ state: 'suppressed', reason });
    const [late = ''] = await fixture.record([message()]);
    expect(await claim(late)).toBe('done');
    expect(await fixture.row(late)).toMatchObject({ state: 'suppressed', reason });
  });

  it('holds waiting messages of a snoozed rule until the snooze ends, so that its user gets the state', async () => {
    const { send, message, rule } = await ruleWithHook();
    receiver.answer = () => ({ status: 500 });
    const retrying = await send();
    await fixture.until(retrying, 'retrying');
    receiver.answer = () => undefined;
    expect((await rule('POST', '/snooze', { minutes: 3_000 })).status).toBe(200);
    const [late = ''] = await fixture.record([message()]);
    expect(await claim(late)).toBe('done');
    for (const id of [retrying, late]) {
      const { reason, next_attempt_at: next, expires_at: expires } = await fixture.row(id);
      expect(reason).toBe('snoozed');
      expect(next.getTime()).toBeGreaterThan(Date.now() + 2_999 * 60_000);
      expect(expires.getTime()).toBeGreaterThan(next.getTime());
    }
    expect((await rule('POST', '/snooze', { until: null })).status).toBe(200);
    for (const id of [retrying, late]) await fixture.until(id, 'delivered');
    expect([arrivals(retrying), arrivals(late)]).toEqual([2, 1]);
  });

  it('agrees with a concurrent claim on whether a message is sent', async () => {
    for (let n = 0; n < 5; n++) {
      const { message, rule } = await ruleWithHook();
      const [id = ''] = await fixture.record([message()]);
      const [answer, claimed] = await Promise.all([rule('DELETE'), claim(id)]);
      expect(answer.status).toBe(204);
      const { state } = await fixture.row(id);
      expect(state).toBe(typeof claimed === 'string' ? 'suppressed' : 'sending');
    }
  });

  it('removes a deleted rule from a waiting message of several rules', async () => {
    const [one, other] = [await ruleWithHook(), await ruleWithHook()];
    await other.rule('PATCH', '', { actions: [{ type: 'webhook', target: one.target }] });
    const alerts = Array.from({ length: 12 }, (_, index): NewDelivery => {
      const { ruleId } = index % 3 === 0 ? one : other;
      const data = { ...ALERT, ruleId, alertId: `${ruleId}-${index}`, protocol: `p${index}` };
      const fields = { userId: 'tester', type: 'alert.fired', priority: 'normal', collapseKey: data.alertId } as const;
      return { ...one.message(), ...fields, data, expiresAt: new Date(Date.now() + 3_600_000) };
    });
    const [storm] = groupStorms(alerts).storms;
    const [id = ''] = await fixture.record([{ ...storm!.delivery, notBefore: new Date(Date.now() + 3_600_000) }]);
    await one.rule('DELETE');
    await fixture.hurry(id);
    await fixture.until(id, 'delivered');
    const { data } = receiver.received.find(({ headers }) => headers['webhook-id'] === id)!.json;
    expect(data).toMatchObject({ name: '8 alerts fired', ruleId: other.ruleId, explanation: { count: 8 } });
    expect(JSON.stringify(data)).not.toContain(one.ruleId);
  });

  it('affects no other rule, and allows a manual redelivery', async () => {
    const [one, other] = [await ruleWithHook(), await ruleWithHook()];
    receiver.answer = () => ({ status: 500 });
    const [gone, stays] = [await one.send(), await other.send()];
    for (const id of [gone, stays]) await fixture.until(id, 'retrying');
    receiver.answer = () => undefined;
    await one.rule('DELETE');
    expect(await fixture.row(stays)).toMatchObject({ state: 'retrying' });
    expect((await tester.post(`/v1/notifications/deliveries/${gone}/redeliver`)).status).toBe(202);
    await fixture.until(gone, 'delivered');
  });
});

describe('a rule that fires during a change', () => {
  const changes = [
    ['POST', '/snooze', { minutes: 5 }],
    ['DELETE', '', undefined],
    ['PATCH', '', { isActive: false }],
    ['PATCH', '', { actions: [] }],
  ] as const;

  it('sends no message after the change is completed', async () => {
    const market = new MarketWriter(fixture.app.db.pool);
    const rules = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const [token, target] = [`raced-${index}`, receiver.url(`/raced-${index}`)];
        const condition = { token, metric: 'price', operator: 'gt', threshold: 100 };
        const format = index % 4 > 1 ? { format: 'slack' as const } : {};
        const actions = [{ type: 'webhook', target, ...format }];
        return {
          token,
          index,
          target,
          format,
          ruleId: await tester.rule({ name: token, conditions: [condition], actions }),
        };
      }),
    );
    for (const { token } of rules) await market.price(token, 1);
    await waitFor(async () => {
      const { rows } = await fixture.app.db.pool.query(`SELECT count(*)::int AS seen FROM alert_rule_edits`);
      return rows[0].seen === 0;
    });
    const change = async ({ token, target, format, index, ruleId }: (typeof rules)[number]) => {
      // Every second rule fires by itself, which takes some time; messages of the others are recorded at once.
      if (index % 2 === 0) await market.price(token, 200);
      else await fixture.send('webhook', target, { ...format, data: { ...ALERT, ruleId } });
      await sleep(400 * (index % 2 === 0 ? Math.random() : Math.random() ** 3));
      const [method, path, body] = changes[(index >> 2) % changes.length]!;
      const { status } = await tester.call(method, `/v1/alerts/rules/${ruleId}${path}`, body);
      return { index, status, at: performance.now() };
    };
    const answered = [];
    for (let first = 0; first < rules.length; first += 25)
      answered.push(...(await Promise.all(rules.slice(first, first + 25).map(change))));
    await quietFor(300);
    const late = answered.flatMap(({ index, at }) =>
      receiver.received
        .filter((hook) => hook.path === `/raced-${index}` && hook.at > at)
        .map((hook) => ({ index, ms: hook.at - at, type: hook.json.type })),
    );
    expect(late).toEqual([]);
    expect(answered.filter(({ status }) => status >= 300)).toEqual([]);
  });
});

describe('a message whose receiver is slow to reach', () => {
  it('is not sent after its rule was deleted; others are', async () => {
    const names = vi.spyOn(fixture.app.nest.get(Resolver), 'addresses');
    names.mockImplementation(() => sleep(2_200, ['127.0.0.1']));
    try {
      const [gone, stays] = [await ruleWithHook('slow.example.com'), await ruleWithHook('slow.example.com')];
      const [deleted, sent] = [await gone.send(), await stays.send()];
      await fixture.until(deleted, 'sending');
      expect((await gone.rule('DELETE')).status).toBe(204);
      await fixture.until(sent, 'delivered');
      await fixture.until(deleted, 'suppressed');
      expect([arrivals(deleted), arrivals(sent)]).toEqual([0, 1]);
    } finally {
      names.mockRestore();
    }
  });
});

describe('a message that is slow to render', () => {
  it('is not sent after its rule was snoozed, and does not delay the answer to the snooze', async () => {
    const { send, rule } = await ruleWithHook();
    const templates = fixture.app.nest.get(Templates);
    const render = templates.render.bind(templates);
    const written: number[] = [];
    const slow = vi.spyOn(templates, 'render').mockImplementation(async (...given) => {
      await sleep(written.push(performance.now()) === 1 ? 2_500 : 0);
      return render(...given);
    });
    try {
      const id = await send({ format: 'slack' });
      await waitFor(() => written.length > 0);
      const begun = performance.now();
      expect((await rule('POST', '/snooze', { minutes: 5 })).status).toBe(200);
      expect(performance.now() - begun).toBeLessThan(2_500);
      expect(await fixture.untilHeld(id, 'snoozed')).toMatchObject({ attempts: 0 });
      expect(arrivals(id)).toBe(0);
    } finally {
      slow.mockRestore();
    }
  });
});
type Rule = Awaited<ReturnType<typeof ruleWithHook>>['rule'];

describe('quiet hours', () => {
  it('hold a due retry, and release the retry when the quiet hours are removed', async () => {
    const { send } = await ruleWithHook();
    receiver.answer = () => ({ status: 500 });
    const id = await send();
    await fixture.until(id, 'retrying');
    await patch(quietNow());
    receiver.answer = () => undefined;
    await fixture.hurry(id);
    const held = await fixture.untilHeld(id, 'quiet_hours');
    expect(held.next_attempt_at.getTime()).toBeGreaterThan(Date.now() + 58 * 60_000);
    expect(arrivals(id)).toBe(1);
    await patch({ quietHours: null });
    await fixture.until(id, 'delivered');
  });

  it('release messages recorded in quiet hours when removed, and do not hold a test message', async () => {
    const { message, rule } = await ruleWithHook();
    await patch(quietNow());
    const end = new Date(Date.now() + 3_600_000);
    const [id = ''] = await fixture.record([message({ notBefore: end })]);
    const { body } = await rule('POST', '/test');
    await fixture.until(body.deliveries[0], 'delivered');
    expect(await fixture.row(id)).toMatchObject({ state: 'pending', reason: 'quiet_hours' });
    await patch({ quietHours: null });
    await fixture.until(id, 'delivered');
  });

  it('override the user setting if set on a rule, and release held messages on a change', async () => {
    const { send, rule } = await ruleWithHook();
    const changed = await rule('PATCH', '', quietNow());
    expect(changed.body.quietHours).toEqual({ ...quietNow().quietHours, allowCritical: true });
    const id = await send();
    const held = await fixture.untilHeld(id, 'quiet_hours');
    expect(held.next_attempt_at.getTime()).toBeGreaterThan(Date.now() + 58 * 60_000);
    await patch(quietNow());
    const shown = (await rule('GET')).body;
    expect((await rule('PUT', '', shown)).body.quietHours).toEqual(shown.quietHours);
    expect((await rule('PATCH', '', { quietHours: 'never' })).body.quietHours).toBe('never');
    await fixture.until(id, 'delivered');
    expect((await rule('PUT', '', { ...shown, quietHours: null, version: undefined })).body.quietHours).toBeNull();
    await fixture.untilHeld(await send(), 'quiet_hours');
  });

  it('release a due message when removed, even if the job of the message was lost', async () => {
    const { send } = await ruleWithHook();
    await patch(quietNow());
    const id = await send();
    await fixture.untilHeld(id, 'quiet_hours');
    // As after a release whose claim was made while the row was locked: the delivery is due, but its job is gone.
    await fixture.app.db.pool.query(
      `UPDATE deliveries SET next_attempt_at = now(), due_at = now() + interval '1 hour' WHERE id = $1`,
      [id],
    );
    await patch({ quietHours: null });
    await fixture.until(id, 'delivered');
    expect(arrivals(id)).toBe(1);
  });

  it.each([
    ['a UTC offset as timezone', { timezone: '+05:30' }, 'timezone'],
    ['equal start and end', { end: '22:00' }, 'end'],
    ['an unknown day', { days: ['mon', 'someday'] }, 'days'],
    ['an empty list of days', { days: [] }, 'days'],
    ['an invalid time', { start: '24:00' }, 'start'],
  ])('are refused for rules and for users with %s', async (_, wrong, field) => {
    const { rule } = await ruleWithHook();
    const quietHours = { start: '22:00', end: '07:00', timezone: 'Asia/Kolkata', ...wrong };
    for (const answer of [await rule('PATCH', '', { quietHours }), await patch({ quietHours })]) {
      expect(answer.status).toBe(400);
      expect(answer.body.errors[0].pointer).toContain(`/quietHours/${field}`);
    }
    expect((await rule('PATCH', '', { quietHours: 'sometimes' })).status).toBe(400);
  });

  it('extend the expiry of a held message beyond the end of the quiet hours', async () => {
    const { send } = await ruleWithHook();
    await patch(quietNow());
    const id = await send({ expiresAt: new Date(Date.now() + 600_000) });
    const held = await fixture.untilHeld(id, 'quiet_hours');
    expect(held.expires_at.getTime()).toBeGreaterThan(held.next_attempt_at.getTime());
  });
});

describe('a resolution', () => {
  it('is suppressed if its firing was not delivered', async () => {
    const { send, target } = await ruleWithHook();
    const collapseKey = `subject-${target}`;
    receiver.answer = () => ({ status: 500 });
    const fired = await send({ collapseKey });
    await fixture.until(fired, 'retrying');
    receiver.answer = () => undefined;
    const resolved = await send({ collapseKey, type: 'alert.resolved' });
    expect(await fixture.until(resolved, 'suppressed')).toMatchObject({ reason: 'firing_not_delivered' });
    expect(await fixture.row(fired)).toMatchObject({ state: 'superseded' });
    const again = [await send({ collapseKey })];
    await fixture.until(again[0]!, 'delivered');
    again.push(await send({ collapseKey, type: 'alert.resolved' }));
    await fixture.until(again[1]!, 'delivered');
  });

  it('is sent if an earlier firing was delivered, even if a later firing was not', async () => {
    const { send, target } = await ruleWithHook();
    const collapseKey = `chain-${target}`;
    await fixture.until(await send({ collapseKey }), 'delivered');
    receiver.answer = () => ({ status: 500 });
    const lost = [await send({ collapseKey, type: 'alert.resolved' })];
    await fixture.until(lost[0]!, 'retrying');
    lost.push(await send({ collapseKey }));
    await fixture.until(lost[1]!, 'retrying');
    receiver.answer = () => undefined;
    await fixture.until(await send({ collapseKey, type: 'alert.resolved' }), 'delivered');
    for (const id of lost) expect(await fixture.row(id)).toMatchObject({ state: 'superseded' });
  });
});

describe('a resolution that superseded its firing', () => {
  it.each(['storm', 'summary'] as const)('is sent only if a delivered %s named its subject', async (way) => {
    const { ruleId, send, target } = await ruleWithHook();
    const after = async (named: object, number: number) => {
      const data = { ...ALERT, ruleId, ...subject };
      const collapseKey = `${way}-${number}-${target}`;
      await fixture.until(
        await send({ ...ways[way](ruleId, named), collapseKey: `${collapseKey}-sum`, ruleIds: [ruleId] }),
        'delivered',
      );
      receiver.answer = () => ({ status: 500 });
      const fired = await send({ data, collapseKey });
      await fixture.until(fired, 'retrying');
      receiver.answer = () => undefined;
      return send({ data, collapseKey, type: 'alert.resolved' });
    };
    const unnamed = await after({ protocol: 'curve', chain: 'ethereum' }, 1);
    expect(await fixture.until(unnamed, 'suppressed')).toMatchObject({ reason: 'firing_not_delivered' });
    await fixture.until(await after(subject, 2), 'delivered');
  });
});

describe('standalone firings and resolutions', () => {
  const story = ['alert.fired', 'alert.resolved', 'alert.fired'] as const;

  it('arrive in their original order after quiet hours and after a failure', async () => {
    const { message, send, target } = await ruleWithHook();
    const storyOf = (collapseKey: string) => story.map((type) => ({ type, collapseKey, standalone: true }));
    // Retries left by other tests may arrive in between.
    const heard = () => receiver.received.filter(({ path }) => target.endsWith(path)).map(({ json }) => json.type);
    await patch(quietNow());
    const notBefore = new Date(Date.now() + 3_600_000);
    const held = await fixture.record(storyOf(`night-${target}`).map((each) => message({ ...each, notBefore })));
    await patch({ quietHours: null });
    for (const id of held) await fixture.until(id, 'delivered');
    expect(heard()).toEqual(story);

    const [fired, ...later] = [0, 1].flatMap(() => storyOf(`outage-${target}`)).toSpliced(3, 1);
    receiver.answer = () => ({ status: 500 });
    const ids = [await send(fired)];
    await fixture.until(ids[0]!, 'retrying');
    receiver.answer = () => undefined;
    for (const each of later) ids.push(await send(each));
    await fixture.untilHeld(ids[2]!, 'after_resolution');
    await fixture.untilHeld(ids[4]!, 'after_resolution');
    await fixture.hurry(ids[0]!);
    for (const id of ids) await fixture.until(id, 'delivered');
    expect(heard()).toEqual([...story, 'alert.fired', ...story, ...story.slice(1)]);
  });

  it('stay in order even if an earlier firing was delivered', async () => {
    const { send, target } = await ruleWithHook();
    const [fired, resolved] = story.map((type) => ({ type, collapseKey: `again-${target}`, standalone: true }));
    await fixture.until(await send(fired), 'delivered');
    receiver.answer = () => ({ status: 500 });
    const open = await send(resolved);
    await fixture.until(open, 'retrying');
    receiver.answer = () => undefined;
    const second = await send(fired);
    await fixture.untilHeld(second, 'after_resolution');
    const last = await send(resolved);
    await fixture.untilHeld(last, 'after_firing');
    // The next check is after the result of the previous message, not twice a second.
    expect((await fixture.row(last)).next_attempt_at.getTime()).toBeGreaterThan(Date.now() + 30_000);
    expect((await fixture.row(last)).attempts).toBe(0);
    await fixture.hurry(open);
    // Each delivered message makes the next one due.
    for (const id of [open, second, last]) await fixture.until(id, 'delivered');
  });

  it('let an alarm pass that would wait long for them; what it overtook is then not sent', async () => {
    const { send, target } = await ruleWithHook();
    const [fired, resolved] = story.map((type) => ({ type, collapseKey: `stuck-${target}`, standalone: true }));
    await fixture.until(await send(fired), 'delivered');
    receiver.answer = ({ json }) => (json.type === 'alert.resolved' ? { status: 500 } : undefined);
    const stuck = await send(resolved);
    await fixture.until(stuck, 'retrying');
    await fixture.app.db.pool.query(
      `UPDATE deliveries SET next_attempt_at = now() + interval '5 min', due_at = now() + interval '5 min' WHERE id = $1`,
      [stuck],
    );
    await fixture.until(await send(fired), 'delivered');
    receiver.answer = () => undefined;
    await fixture.hurry(stuck);
    expect(await fixture.until(stuck, 'superseded')).toMatchObject({ reason: 'newer_firing', attempts: 1 });
    await fixture.until(await send(resolved), 'delivered');
  });
});

describe('an undelivered group message (storm or summary)', () => {
  it.each(['storm', 'summary'] as const)('delays the resolution of each subject named in the %s', async (way) => {
    const { ruleId, send, target } = await ruleWithHook();
    const about = (named: object) => ({
      data: { ...ALERT, ruleId, ...named },
      collapseKey: JSON.stringify([target, named]),
    });
    const failing = async (delivery: Partial<NewDelivery>) => {
      receiver.answer = () => ({ status: 500 });
      const id = await send({ ...delivery, ruleIds: [ruleId], standalone: true });
      await fixture.until(id, 'retrying');
      receiver.answer = () => undefined;
      return id;
    };
    const named = await failing({ ...ways[way](ruleId, subject), collapseKey: `open-${target}` });
    const ended = await send({ ...about(subject), type: 'alert.resolved' });
    await fixture.untilHeld(ended, 'after_firing');
    const unnamed = { protocol: 'curve', chain: 'ethereum' };
    await fixture.until(await send({ ...about(unnamed), type: 'alert.resolved' }), 'delivered');
    for (const id of [named, ended]) {
      await fixture.hurry(id);
      await fixture.until(id, 'delivered');
    }
    const lost = await failing({ ...ways[way](ruleId, subject), collapseKey: `lost-${target}` });
    await fixture.app.db.pool.query(`UPDATE deliveries SET expires_at = now() - interval '1 s' WHERE id = $1`, [lost]);
    await fixture.hurry(lost);
    await fixture.until(lost, 'expired');
    const late = await fixture.until(await send({ ...about(subject), type: 'alert.resolved' }), 'suppressed');
    expect(late).toMatchObject({ reason: 'firing_not_delivered' });
  });

  it('waits, if it resolves alerts, for earlier firings, and delays later firings', async () => {
    const { ruleId, send, target } = await ruleWithHook();
    const fired = { data: { ...ALERT, ruleId, ...subject }, collapseKey: `ends-${target}`, standalone: true };
    const { type, data } = ways.storm(ruleId, subject);
    const end = { type, data: { ...data, explanation: { state: 'resolved', alerts: [{ ruleId, ...subject }] } } };
    receiver.answer = () => ({ status: 500 });
    const first = await send(fired);
    await fixture.until(first, 'retrying');
    receiver.answer = () => undefined;
    const storm = await send({ ...end, collapseKey: `storm-${target}`, ruleIds: [ruleId] });
    await fixture.untilHeld(storm, 'after_firing');
    const again = await send(fired);
    await fixture.untilHeld(again, 'after_resolution');
    expect([arrivals(storm), arrivals(again)]).toEqual([0, 0]);
    for (const id of [first, storm, again]) {
      await fixture.hurry(id);
      await fixture.until(id, 'delivered');
    }
  });
});

describe('notification preferences', () => {
  it('keep all of several concurrent changes', async () => {
    for (let n = 0; n < 5; n++) {
      const on = n % 2 === 1;
      const changes = [{ channels: { email: on } }, { channels: { push: on } }, { channels: { webhook: on } }];
      const answers = await Promise.all([...changes, { unsubscribed: on }].map(patch));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const { body } = await tester.get('/v1/alerts/preferences');
      expect(body).toMatchObject({ channels: { email: on, push: on, webhook: on }, unsubscribed: on });
    }
  });

  it('change only in the given fields', async () => {
    const quietHours = { start: '22:00', end: '07:00', timezone: 'Europe/Berlin', allowCritical: false };
    await patch({ quietHours });
    expect((await patch({ quietHours: { end: '06:00' } })).body.quietHours).toEqual({ ...quietHours, end: '06:00' });
    const days = ['fri', 'sat'];
    expect((await patch({ quietHours: { days } })).body.quietHours).toEqual({ ...quietHours, end: '06:00', days });
    const shown = (await tester.get('/v1/alerts/preferences')).body;
    expect((await tester.call('PUT', '/v1/alerts/preferences', shown)).body).toEqual(shown);
    expect((await patch({ digest: { every: 'hour' } })).status).toBe(400);
  });

  it('of an hourly digest have no time of day, and refuse one by name', async () => {
    const daily = { every: 'day', at: '08:30', timezone: 'Europe/Berlin' };
    expect((await patch({ digest: daily })).body.digest).toEqual(daily);
    const hourly = { every: 'hour', timezone: 'Europe/Berlin' };
    expect((await patch({ digest: { every: 'hour' } })).body.digest).toEqual(hourly);
    for (const answer of [
      await patch({ digest: { at: '08:30' } }),
      await tester.call('PUT', '/v1/alerts/preferences', { digest: { ...hourly, at: '08:30' } }),
    ]) {
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/digest/at' }] } });
    }
    const shown = (await tester.get('/v1/alerts/preferences')).body;
    expect(shown.digest).toEqual(hourly);
    expect((await tester.call('PUT', '/v1/alerts/preferences', shown)).body).toEqual(shown);
    expect((await patch({ digest: { every: 'day' } })).body.digest).toEqual({ ...daily, at: '08:00' });
    expect((await patch({ digest: null })).body.digest).toBeNull();
  });

  it.each([
    ['quiet hours with equal start and end', { quietHours: { start: '00:00', end: '00:00', timezone: 'UTC' } }],
    ['a UTC offset as timezone of quiet hours', { quietHours: { start: '22:00', end: '07:00', timezone: '+05:30' } }],
    ['a UTC offset as timezone of a digest', { digest: { every: 'day', timezone: '-03:00' } }],
    ['null as a start time', { quietHours: { start: null, end: '07:00', timezone: 'UTC' } }],
  ])('refuse %s', async (_, body) => {
    for (const method of ['PATCH', 'PUT']) {
      const answer = await tester.call(method, '/v1/alerts/preferences', body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
  });
});
