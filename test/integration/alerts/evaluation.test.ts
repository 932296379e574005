import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AlertEvaluation } from '../../../src/alerts/evaluation/alert-evaluation.js';
import { AlertHistoryWriter } from '../../../src/alerts/evaluation/alert-history-writer.js';
import { TransitionWriter, type Planned } from '../../../src/alerts/evaluation/transition-writer.js';
import { RuleLoader } from '../../../src/alerts/evaluation/rule-loader.js';
import { Database } from '../../../src/platform/database/database.js';
import { editsApplied, logEvaluated, shardsReady } from '../../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { WebhookReceiver } from '../../support/servers/webhook-receiver.js';

let db: TestDatabase;
let app: TestApp;
let market: MarketWriter;
let alice: RestCaller;

const HOUR_START = Date.UTC(2026, 10, 29, 12);
const SETTINGS = { VERIFY_TARGETS: 'false', EGRESS_ALLOW: '127.0.0.0/8', WEBHOOK_RATE: '0' };

beforeEach(async () => {
  db = await createTestDatabase();
  market = new MarketWriter(db.pool);
  await start();
  alice = await RestCaller.of(app, 'alice');
});

afterEach(async () => {
  await app?.close();
  await db?.drop();
});

async function start(): Promise<void> {
  app = await createTestApp({ db, settings: SETTINGS });
  await shardsReady(app);
}

/** Ends the process and starts another in its place; what happens in `meanwhile` waits for the new one. */
async function restart(meanwhile: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  await app.close();
  await meanwhile();
  await start();
  alice = new RestCaller(app.url, alice.apiKey);
}

const above = (threshold: number, more: object = {}) => ({
  name: `above ${threshold}`,
  conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold }],
  mode: 'crossing',
  throttleMinutes: 0,
  ...more,
});

interface Alert {
  ruleId: string;
  name: string;
  state: string;
  reason: string;
  at: string;
  value: number;
  message: string;
  ruleVersion: number;
  outcome: { messages: number; groupedIn?: string; suppressed?: string };
}

/** Returns all alerts of the user, oldest first, when there are `count` and everything written has been evaluated. */
async function alerts(count: number): Promise<Alert[]> {
  await waitFor(async () => (await alice.get('/v1/alerts/history?limit=1000')).body.data.length >= count, {
    what: `${count} alerts`,
    timeoutMs: 40_000,
  });
  await logEvaluated(db.pool);
  const { body } = await alice.get('/v1/alerts/history?limit=1000');
  return (body.data as Alert[]).toReversed();
}

async function live(...bodies: object[]): Promise<string[]> {
  const ids: string[] = [];
  for (const body of bodies) ids.push(await alice.rule(body));
  await editsApplied(db.pool);
  return ids;
}

describe('the evaluator', () => {
  it('reports each crossing once, even after a restart', async () => {
    await market.price('bitcoin', 60_000);
    await live(above(70_000, { notifyResolved: true }));
    await market.price('bitcoin', 71_000);
    await alerts(1);
    await restart(() => market.price('bitcoin', 72_000));
    await market.price('bitcoin', 69_000);
    await market.price('bitcoin', 73_000);
    const notified = await alerts(3);
    expect(notified.map(({ state, value }) => [state, value])).toEqual([
      ['fired', 71_000],
      ['resolved', 69_000],
      ['fired', 73_000],
    ]);
  });

  it('starts from the last published value, even if two values have the same millisecond', async () => {
    await market.price('bitcoin', 60_000);
    await live(above(70_000));
    // Numbered together and evaluated as one batch: the position is after both when the first is notified.
    await db.pool.query(`
      BEGIN;
      UPDATE token_prices SET price = 80000, observed_at = date_trunc('milliseconds', now()) + interval '100 microseconds';
      UPDATE token_prices SET price = 60000, observed_at = date_trunc('milliseconds', now()) + interval '200 microseconds';
      COMMIT`);
    await alerts(1);
    await restart();
    await market.price('bitcoin', 80_000);
    expect(await alerts(2)).toMatchObject([{ value: 80_000 }, { value: 80_000 }]);
  });

  it('reports a crossing that happened while no process ran', async () => {
    await market.price('bitcoin', 60_000);
    await live(above(70_000));
    await restart(() => market.price('bitcoin', 75_000));
    expect(await alerts(1)).toMatchObject([{ state: 'fired', value: 75_000 }]);
  });

  it('does not fire a rule for changes before the creation of the rule', async () => {
    await market.price('bitcoin', 60_000);
    const [earlier] = await live(above(70_000));
    await restart(async () => {
      await market.price('bitcoin', 75_000);
      await market.price('bitcoin', 60_000);
      // Inserted like a rule of another process while evaluators lag behind the log; it is evaluated only after the
      // restart.
      await db.pool.query(
        `INSERT INTO alert_rules (user_id, name, conditions, mode, throttle_minutes, created_at)
         SELECT user_id, 'made later', conditions, mode, 0, clock_timestamp() + interval '3 seconds' FROM alert_rules`,
      );
    });
    expect(await alerts(1)).toMatchObject([{ ruleId: earlier, value: 75_000 }]);
    await waitFor(async () => {
      const { rows } = await db.pool.query<{ made: boolean }>(
        `SELECT bool_and(created_at < clock_timestamp()) AS made FROM alert_rules`,
      );
      return rows[0]?.made;
    });
    await market.price('bitcoin', 76_000);
    const names = (await alerts(3)).map((alert) => alert.name);
    expect(names.toSorted()).toEqual(['above 70000', 'above 70000', 'made later']);
  });

  it('applies a rule edit made while no process ran', async () => {
    await market.price('bitcoin', 60_000);
    const [ruleId] = await live(above(70_000), above(71_000));
    const { rows } = await db.pool.query<{ rule: object }>('SELECT to_jsonb(r) AS rule FROM alert_rules r');
    expect(rows).toHaveLength(2);
    await restart(async () => {
      // Edited like in another process: the changed rule, its version, and the record for the evaluators.
      await db.pool.query(
        `WITH changed AS (
           UPDATE alert_rules SET conditions = jsonb_set(conditions, '{0,threshold}', '65000'), version = 2
           WHERE rule_id = $1 RETURNING shard, rule_id),
         counted AS (UPDATE alert_shards s SET rules_revision = rules_revision + 1 FROM changed WHERE s.shard = changed.shard
           RETURNING s.shard, s.rules_revision)
         INSERT INTO alert_rule_edits SELECT counted.shard, rules_revision, rule_id FROM counted, changed`,
        [ruleId],
      );
      await market.price('bitcoin', 66_000);
    });
    expect(await alerts(1)).toMatchObject([{ ruleId, value: 66_000, ruleVersion: 2 }]);
  });

  it('keeps the state of a rule over a restart, even if the rule has not fired yet', async () => {
    await market.price('bitcoin', 71_000);
    // The rule holds when it is created, so only the next crossing counts; because of hysteresis it holds down to 66,500.
    const [ruleId] = await live(above(70_000, { hysteresis: 0.05 }));
    await market.price('bitcoin', 69_000);
    await logEvaluated(db.pool);
    await restart();
    await market.price('bitcoin', 72_000);
    await market.price('bitcoin', 66_000);
    await market.price('bitcoin', 73_000);
    expect(await alerts(1)).toMatchObject([{ ruleId, value: 73_000 }]);
  });

  it('forgets the state of a disabled rule, even if the process restarts in between', async () => {
    await market.price('bitcoin', 60_000);
    const [ruleId] = await live(above(70_000));
    await market.price('bitcoin', 71_000);
    await alerts(1);
    await alice.post(`/v1/alerts/rules/${ruleId}/disable`);
    await editsApplied(db.pool);
    await restart(() => market.price('bitcoin', 60_000));
    await alice.post(`/v1/alerts/rules/${ruleId}/enable`);
    await editsApplied(db.pool);
    await market.price('bitcoin', 61_000);
    await logEvaluated(db.pool);
    await restart();
    await market.price('bitcoin', 72_000);
    expect(await alerts(2)).toMatchObject([{ value: 71_000 }, { value: 72_000 }]);
  });

  it('applies edits, disabling and deletion of rules without a restart', async () => {
    await market.price('bitcoin', 60_000);
    const [edited, disabled, deleted] = await live(above(90_000), above(70_000), above(70_001));
    await alice.call('PATCH', `/v1/alerts/rules/${edited}`, { conditions: above(65_000).conditions });
    await alice.post(`/v1/alerts/rules/${disabled}/disable`);
    await alice.call('DELETE', `/v1/alerts/rules/${deleted}`);
    await editsApplied(db.pool);
    await market.price('bitcoin', 80_000);
    expect(await alerts(1)).toMatchObject([{ ruleId: edited, value: 80_000 }]);
    await alice.post(`/v1/alerts/rules/${disabled}/enable`);
    await editsApplied(db.pool);
    await market.price('bitcoin', 60_000);
    await market.price('bitcoin', 81_000);
    const again = await alerts(3);
    expect(new Set(again.slice(1).map((alert) => alert.ruleId))).toEqual(new Set([edited, disabled]));
  });

  it('fires every rule for a change after its creation, however slowly rules are loaded', async () => {
    await market.price('bitcoin', 60_000);
    const loader = app.nest.get(RuleLoader);
    const read = loader.edits.bind(loader);
    vi.spyOn(loader, 'edits').mockImplementation(async (...asked) => {
      const edits = await read(...asked);
      await sleep(200);
      return edits;
    });
    for (const threshold of [70_000, 70_001, 70_002]) await alice.rule(above(threshold));
    await market.price('bitcoin', 80_000);
    expect(await alerts(3)).toMatchObject([{ value: 80_000 }, { value: 80_000 }, { value: 80_000 }]);
  });

  it('stores no alert of a rule that was deleted just before the commit', async () => {
    await market.price('bitcoin', 60_000);
    const [ruleId] = await live(above(70_000), above(70_500));
    // Deleted without notice to the evaluator, whose memory still contains the rule.
    await db.pool.query('DELETE FROM alert_rules WHERE rule_id = $1', [ruleId]);
    await market.price('bitcoin', 80_000);
    expect(await alerts(1)).toMatchObject([{ outcome: { messages: 0 } }]);
    expect((await alerts(1)).filter((alert) => alert.ruleId === ruleId)).toEqual([]);
  });

  it('merges the transitions of a rule per minute once it has 1,000 in an hour', async () => {
    const [ruleId = ''] = await live(above(70_000));
    const subject = (n: number): object => ({ instanceKey: `token=t${n % 150}`, seq: n + 1, at: HOUR_START + n });
    const plan = (n: number) =>
      ({
        transition: { ruleId, ruleVersion: 1, reason: 'first_fire', event: null, heldBack: [], ...subject(n) },
        rule: { userId: 'alice' },
        alert: { alertId: randomUUID(), ruleId, name: 'r', state: 'fired', value: n, explanation: {} },
        outcome: { messages: 0, suppressed: 'throttled' },
      }) as unknown as Planned;
    const writer = app.nest.get(AlertHistoryWriter);
    for (const [from, to] of [
      [0, 900],
      [900, 1_200],
      [1_200, 1_300],
    ] as const) {
      const plans = Array.from({ length: to - from }, (_, n) => plan(from + n));
      await app.nest.get(Database).transaction((tx) => writer.record(tx, plans, []));
    }
    const { rows } = await db.pool.query(
      'SELECT grouped FROM alert_transitions WHERE rule_id = $1 ORDER BY grouped IS NULL',
      [ruleId],
    );
    expect(rows).toHaveLength(1_001);
    expect(rows[0].grouped).toMatchObject({ count: 300, firstValue: 1_000, lastValue: 1_299 });
    expect(rows[0].grouped.subjects).toHaveLength(100);
    const { body } = await alice.get(`/v1/alerts/history?ruleId=${ruleId}&limit=1`);
    expect(body.data[0]).toMatchObject({ count: 300, firstValue: 1_000, outcome: { suppressed: 'throttled' } });
  });

  it('shows no value of an earlier firing for a rule with mode `once` that holds again', async () => {
    await market.price('bitcoin', 60_000);
    const [ruleId = ''] = await live({ ...above(70_000), mode: 'once', notifyResolved: true });
    await market.price('bitcoin', 80_000);
    await market.price('bitcoin', 65_000);
    await alerts(2);
    await market.price('bitcoin', 90_000);
    const state = async () => (await alice.get(`/v1/alerts/rules/${ruleId}`)).body.state;
    await waitFor(async () => (await state()).phase === 'firing');
    expect(await state()).toMatchObject({ firing: [{ subject: 'token=bitcoin', value: null }], spent: true });
  });

  it('returns the firing state of a rule, and resolves a firing that an edit ended', async () => {
    await market.price('bitcoin', 60_000);
    const [ruleId = ''] = await live({ ...above(70_000), notifyResolved: true });
    await market.price('bitcoin', 80_000);
    await alerts(1);
    const firing = (await alice.get('/v1/alerts/rules?state=firing')).body.data;
    expect(firing).toMatchObject([
      { ruleId, state: { phase: 'firing', firing: [{ subject: 'token=bitcoin', value: 80_000 }], firingCount: 1 } },
    ]);
    const conditions = [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 90_000 }];
    const { body: edited } = await alice.call('PATCH', `/v1/alerts/rules/${ruleId}`, { conditions });
    const notified = await alerts(2);
    expect(notified.map(({ reason }) => reason)).toEqual(['first_fire', 'edited']);
    expect(notified[1]?.at).toBe(edited.updatedAt);
    expect((await alice.get('/v1/alerts/rules?state=firing')).body.data).toEqual([]);
  });

  it('resolves a firing under its old token after an edit to another token, even after a restart', async () => {
    await market.price('bitcoin', 60_000);
    await market.price('ethereum', 3_000);
    const [ruleId = ''] = await live({
      ...above(70_000),
      mode: 'while_true',
      throttleMinutes: 5,
      notifyResolved: true,
    });
    await market.price('bitcoin', 80_000);
    await alerts(1);
    await app.nest.get(AlertEvaluation).stop();
    const conditions = [{ token: 'ethereum', metric: 'price', operator: 'gt', threshold: 2_000 }];
    await alice.call('PATCH', `/v1/alerts/rules/${ruleId}`, { conditions });
    await restart();
    await market.price('ethereum', 3_100);
    const [, resolved, fired] = await alerts(3);
    expect(resolved).toMatchObject({ reason: 'edited', token: 'bitcoin', value: 80_000, ruleVersion: 1 });
    expect(resolved?.message).toContain('resolved by an edit of the rule, Price of bitcoin is $80,000');
    expect(fired).toMatchObject({ state: 'fired', token: 'ethereum', ruleVersion: 2 });
  });

  it('decides on missing observations from table rows, not from events, even after a restart', async () => {
    const observed = `now() - interval '10 minutes'`;
    const tick = () => db.pool.query(`SELECT append_events('[{"type": "tick", "source": "test"}]')`);
    await db.pool.query(`INSERT INTO token_prices (token, price, observed_at) VALUES ('bitcoin', 60000, ${observed})`);
    const absence = { conditions: [{ metric: 'price', token: 'bitcoin', absent: { minutes: 5 } }] };
    const never = { conditions: [{ metric: 'price', token: 'nowhere', absent: { minutes: 5 } }] };
    await live(above(0, { ...absence, notifyResolved: true }));
    const { body } = await alice.post('/v1/alerts/rules', above(0, never));
    expect(body.warnings).toMatchObject([{ code: 'no_value_yet', detail: expect.stringContaining('5 minutes after') }]);
    await tick();
    const [fired] = await alerts(1);
    expect(fired).toMatchObject({ state: 'fired', token: 'bitcoin', threshold: 5 });
    expect(fired?.value).toBeCloseTo(10, 0);
    expect(fired?.message).toMatch(/: Price of bitcoin was not observed for 10 min.*, the last value is \$60,000 at /);
    await restart(tick);
    await db.pool.query('UPDATE token_prices SET price = 60001, observed_at = now()');
    await tick();
    const [, resolved] = await alerts(2);
    expect(resolved).toMatchObject({ state: 'resolved', token: 'bitcoin' });
    expect(resolved?.message).toMatch(/resolved, Price of bitcoin is observed again, at .* UTC: \$60,000/);
  });

  it('marks the alert of a snoozed rule as suppressed', async () => {
    await market.price('bitcoin', 60_000);
    const [snoozed, other] = await live(above(70_000), above(70_500));
    await alice.post(`/v1/alerts/rules/${snoozed}/snooze`, { minutes: 5 });
    await editsApplied(db.pool);
    await market.price('bitcoin', 80_000);
    const seen = await alerts(2);
    expect(new Map(seen.map(({ ruleId, outcome }) => [ruleId, outcome]))).toEqual(
      new Map([
        [snoozed, { messages: 0, suppressed: 'snoozed' }],
        [other, { messages: 0 }],
      ]),
    );
  });

  it('writes a failing transition to the dead letters, and continues', async () => {
    await market.price('bitcoin', 60_000);
    await live(above(70_000, { name: 'unwritable' }), above(70_500));
    await db.pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no room for %', NEW.alert ->> 'name' USING ERRCODE = '22000'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON alert_transitions FOR EACH ROW
        WHEN (NEW.alert ->> 'name' = 'unwritable') EXECUTE FUNCTION refuse()`);
    await market.price('bitcoin', 80_000);
    expect(await alerts(1)).toMatchObject([{ value: 80_000 }]);
    const letters = await new RestCaller(app.url, app.adminKey).get('/v1/admin/dead-letters?reader=alerts');
    expect(letters.body.data).toMatchObject([{ reader: 'alerts', reason: expect.stringContaining('no room') }]);
  });

  it('loads rules that compare texts, huge numbers or nothing, and fires the matching rule', async () => {
    await market.price('bitcoin', 60_000);
    const event = { metric: 'event', eventType: 'liquidation', field: 'kind', operator: 'eq' } as const;
    await alice.rule({ ...above(70_000), conditions: [{ ...event, threshold: 'partial' }] });
    await alice.rule({ ...above(70_000), conditions: [{ metric: 'event', eventType: 'liquidation' }] });
    await alice.rule(above(1e308));
    const crossed = await alice.rule(above(70_000));
    await restart();
    await market.price('bitcoin', 80_000);
    await logEvaluated(db.pool);
    const { rows } = await db.pool.query('SELECT rule_id FROM alert_transitions');
    expect(rows).toEqual([{ rule_id: crossed }]);
  });

  it('commits 3,000 transitions in parts', async () => {
    const wide = { ...above(10), conditions: [{ metric: 'price', operator: 'gt', threshold: 10 }] };
    await live(...Array.from({ length: 10 }, () => wide));
    const write = vi.spyOn(app.nest.get(TransitionWriter), 'write');
    await db.pool.query(
      `INSERT INTO token_prices (token, price) SELECT 'flood-' || n, 20 FROM generate_series(1, 300) n`,
    );
    await logEvaluated(db.pool);
    const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM alert_transitions');
    expect(rows[0].n).toBe(3_000);
    for (const [, transitions] of write.mock.calls) expect(transitions.length).toBeLessThan(1_010);
    write.mockRestore();
  });

  it('loads 5,000 rules and fires exactly the 3,000 that match', async () => {
    await market.price('bitcoin', 60_000);
    await restart(() =>
      db.pool.query(
        `INSERT INTO alert_rules (user_id, name, conditions, mode, throttle_minutes)
         SELECT 'user ' || n % 500, 'rule ' || n, jsonb_build_array(jsonb_build_object(
           'token', 'bitcoin', 'metric', 'price', 'operator', 'gt', 'threshold', 60000 + n)), 'crossing', 0
         FROM generate_series(1, 5000) n`,
      ),
    );
    await market.price('bitcoin', 63_000.5);
    await waitFor(
      async () => (await db.pool.query('SELECT count(*)::int AS n FROM alert_transitions')).rows[0].n >= 3_000,
      { what: '3,000 transitions', timeoutMs: 30_000 },
    );
    await logEvaluated(db.pool);
    const { rows } = await db.pool.query(
      `SELECT count(*)::int AS transitions, count(DISTINCT rule_id)::int AS rules,
         (SELECT count(*)::int FROM event_log WHERE type = 'alert') AS events FROM alert_transitions`,
    );
    expect(rows[0]).toMatchObject({ transitions: 3_000, rules: 3_000 });
    const metrics = await (await fetch(`${app.url}/metrics`)).text();
    expect(metrics).toMatch(/alert_transitions_total\{state="fired",outcome="notified"\} 3000/);
  });
});

describe('alert messages', () => {
  let hooks: WebhookReceiver;
  beforeEach(async () => {
    hooks = await WebhookReceiver.start();
  });
  afterEach(() => hooks.close());

  it('are merged into one summary when one event fires many rules, except for critical rules', async () => {
    await market.price('bitcoin', 60_000);
    const actions = [{ type: 'webhook', target: hooks.url() }];
    await live(...Array.from({ length: 12 }, (_, index) => above(70_000 + index, { actions })));
    const critical = await alice.rule(above(70_100, { actions, priority: 'critical' }));
    await editsApplied(db.pool);
    await market.price('bitcoin', 80_000);

    const notified = await alerts(13);
    const [summary] = await hooks.next('alert.summary');
    const [single] = await hooks.next('alert.fired');
    expect(summary!.json.data).toMatchObject({ name: '12 alerts fired', type: 'storm', explanation: { count: 12 } });
    expect(single!.json.data).toMatchObject({ ruleId: critical });
    const grouped = notified.filter((alert) => alert.outcome.groupedIn === summary!.json.data['alertId']);
    expect(grouped).toHaveLength(12);
    expect(hooks.received).toHaveLength(2);
  });

  it('report a resolution only to targets that received the firing', async () => {
    await market.price('bitcoin', 60_000);
    const [first, second] = ['/first', '/second'].map((path) => ({ type: 'webhook', target: hooks.url(path) }));
    const more = { notifyResolved: true, actions: [first] };
    const [added, moved, bare] = await live(
      above(70_000, more),
      above(70_001, more),
      above(70_002, { ...more, actions: [] }),
    );
    await market.price('bitcoin', 80_000);
    await alerts(3);
    await alice.call('PATCH', `/v1/alerts/rules/${added}`, { actions: [first, second] });
    for (const id of [moved, bare]) await alice.call('PATCH', `/v1/alerts/rules/${id}`, { actions: [second] });
    await market.price('bitcoin', 60_000);
    const notified = (await alerts(6)).slice(3);
    const sent = new Map(notified.map(({ ruleId, outcome }) => [ruleId, outcome.messages]));
    expect([added, moved, bare].map((id) => sent.get(id ?? ''))).toEqual([1, 0, 0]);
    await market.price('bitcoin', 80_000);
    await market.price('bitcoin', 60_000);
    const again = (await alerts(12)).slice(6);
    expect(again.map(({ outcome }) => outcome.messages).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 1, 2, 2]);
  });

  it('stop with a notice when a rule flaps', async () => {
    await market.price('bitcoin', 60_000);
    await live(above(70_000, { actions: [{ type: 'webhook', target: hooks.url() }] }));
    for (let round = 0; round < 18; round++) {
      await market.price('bitcoin', 71_000);
      await market.price('bitcoin', 60_000);
    }
    const notified = await alerts(18);
    expect(notified.map((alert) => alert.outcome.suppressed ?? 'notified')).toEqual([
      ...Array.from({ length: 16 }, () => 'notified'),
      'flapping',
      'flapping',
    ]);
    expect(notified[15]!.message).toContain('further messages wait');
    expect(notified[14]!.message).not.toContain('further messages wait');
  });
});
