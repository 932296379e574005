import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { editsApplied, logEvaluated, shardsReady } from '../../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { seeded } from '../../support/data/recorded-writer.js';
import { waitFor } from '../../support/wait-for.js';

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

let app: TestApp;
let alice: RestCaller;
let market: MarketWriter;

beforeAll(async () => {
  app = await createTestApp({ settings: { VERIFY_TARGETS: 'false', EGRESS_ALLOW: '127.0.0.0/8' } });
  alice = await RestCaller.of(app, 'alice');
  market = new MarketWriter(app.db.pool);
  await shardsReady(app);
});
afterAll(() => app?.close());

/** Waits until history contains every published value. */
async function historyWritten(): Promise<void> {
  const { rows } = await app.db.pool.query<{ head: number }>('SELECT head_seq::float8 AS head FROM event_log_bounds()');
  await waitFor(
    async () =>
      (await app.db.pool.query<{ seq: number }>(`SELECT seq::float8 AS seq FROM log_readers WHERE name = 'history'`))
        .rows[0]!.seq >= rows[0]!.head,
    { what: 'written history' },
  );
}

/** Adds hourly samples among the values of a period: values of rows that were not published. */
async function sampled(from: string, to: string): Promise<void> {
  await app.db.pool.query(
    `INSERT INTO history_sampled_hours SELECT * FROM generate_series(date_trunc('hour', $1::timestamptz, 'UTC'), $2, '1 hour')
     ON CONFLICT DO NOTHING`,
    [from, to],
  );
  await app.db.pool.query(
    `INSERT INTO metric_points (series_id, at, seq, value)
     SELECT series_id, at + interval '1 ms', 0, value * CASE WHEN seq % 2 = 0 THEN 1.2 ELSE 0.8 END
     FROM metric_points WHERE at >= $1 AND seq > 0 ON CONFLICT DO NOTHING`,
    [from],
  );
}

const RULES: object[] = [
  {
    name: 'crossing',
    conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 100 }],
    mode: 'crossing',
  },
  {
    name: 'with hysteresis',
    conditions: [{ token: 'bitcoin', metric: 'price', operator: 'lt', threshold: 98 }],
    mode: 'crossing',
    hysteresis: 0.03,
    notifyResolved: true,
  },
  { name: 'while true', conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gte', threshold: 101 }] },
  { name: 'a jump', conditions: [{ token: 'bitcoin', metric: 'price', operator: 'change_pct', threshold: 0.03 }] },
  {
    name: 'two keys',
    conditions: [
      { token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 99 },
      { protocol: 'aave-v3', metric: 'tvl', operator: 'lt', threshold: 1e9 },
    ],
    mode: 'crossing',
  },
  {
    name: 'a tree on every chain',
    where: {
      or: [
        { protocol: 'aave-v3', chain: '*', metric: 'tvl', operator: 'gt', threshold: 6e8 },
        { protocol: 'aave-v3', chain: '*', metric: 'tvl', operator: 'lt', threshold: 4e8 },
      ],
    },
    mode: 'crossing',
  },
  { name: 'once', conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 100.5 }], mode: 'once' },
];

interface ShownAlert {
  state: string;
  reason: string;
  value: number;
}

it(`a backtest reports the same alerts as live rules over the same period (seed ${seed})`, async () => {
  const random = seeded(seed);
  await market.protocol('aave-v3');
  await market.price('bitcoin', 95);
  for (const chain of ['ethereum', 'base']) await market.tvl('aave-v3', chain, 5e8);
  await logEvaluated(app.db.pool);
  const ids = [];
  for (const rule of RULES) ids.push(await alice.rule({ ...rule, throttleMinutes: 0 }));
  await editsApplied(app.db.pool);
  await historyWritten();

  const { rows } = await app.db.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const from = rows[0]!.now.toISOString();
  for (let step = 0; step < 60; step++) {
    if (random() < 0.7) await market.price('bitcoin', 95 + Math.round(random() * 80) / 10);
    else {
      // Values of one millisecond make one total only if the same step of the log has them.
      await sleep(1);
      await market.tvl('aave-v3', random() < 0.5 ? 'ethereum' : 'base', Math.round(3e8 + random() * 4e8));
    }
  }
  await logEvaluated(app.db.pool);
  await historyWritten();
  const to = new Date(Date.now() + 5).toISOString();
  await sampled(from, to);

  for (const [index, rule] of RULES.entries()) {
    const live = (await alice.get(`/v1/alerts/history?ruleId=${ids[index]}&limit=1000`)).body.data as ShownAlert[];
    const tested = await alice.post('/v1/alerts/rules/backtest', { rule: { ...rule, throttleMinutes: 0 }, from, to });
    expect(tested).toMatchObject({ status: 200 });
    const shape = ({ state, reason, value }: ShownAlert) => [state, reason, value];
    expect([rule, ...(tested.body.alerts as ShownAlert[]).map(shape)]).toEqual([rule, ...live.toReversed().map(shape)]);
    expect(tested.body.resolution).toBe('raw');
  }
  const some = await app.db.pool.query('SELECT count(*)::int AS n FROM alert_transitions');
  expect(some.rows[0].n).toBeGreaterThan(5);
});

describe('a backtest over stored history', () => {
  beforeAll(async () => {
    // 30 days with a published price every minute: a slow wave with a fall of 20 % in the middle.
    await app.db.pool.query(`
      SELECT prepare_metric_points(now());
      WITH series AS (INSERT INTO metric_series (metric, subject) VALUES ('price', 'ethereum') RETURNING id)
      INSERT INTO metric_points (series_id, at, value)
      SELECT series.id, now() - n * interval '1 minute',
        2000 + 100 * sin(n / 2000.0) - CASE WHEN n BETWEEN 15000 AND 16000 THEN 400 ELSE 0 END
      FROM series, generate_series(0, 43199) n`);
  });

  const fall = {
    name: 'ether falls',
    conditions: [{ token: 'ethereum', metric: 'price', operator: 'change_pct', threshold: -0.15, timeWindow: 3600 }],
    actions: [{ type: 'email', target: 'ann@example.com' }],
    mode: 'crossing',
  };

  it('reports alerts, their messages, and the firings per week at other thresholds', async () => {
    const answer = await alice.post('/v1/alerts/rules/backtest', { rule: fall });
    expect(answer).toMatchObject({ status: 200 });
    const { body } = answer;
    expect(body.points).toBeGreaterThan(43_000);
    expect(body).toMatchObject({ fired: 1, sent: 1, resolution: 'raw', warnings: [] });
    expect(body.alerts[0].message).toMatch(/Price of ethereum fell \d+(\.\d+)? % within 1 h/);
    expect(body.alerts[0].messages).toEqual([{ channel: 'email', sentAt: body.alerts[0].at }]);
    const curve = body.curve as { threshold: number; firingsPerWeek: number }[];
    expect(curve.length).toBeGreaterThan(5);
    expect(curve.map((point) => point.threshold)).toEqual(
      curve.map((point) => point.threshold).toSorted((a, b) => a - b),
    );
    expect(curve.find((point) => point.threshold === -0.15)!.firingsPerWeek).toBeCloseTo(7 / 30, 1);
    expect(curve[0]!.firingsPerWeek).toBe(0);
  });

  it('streams progress and then the same result to a client that accepts `text/event-stream`', async () => {
    const body = { rule: { name: 'x', conditions: [{ metric: 'tvl', operator: 'change_pct', threshold: -0.1 }] } };
    const answer = await fetch(`${app.url}/v1/alerts/rules/backtest`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await app.key({ userId: 'alice' })}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify(body),
    });
    const events = (await answer.text()).trim().split('\n\n');
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(events[0]).toMatch(/^event: progress\ndata: \{"done":0,"of":0\}$/);
    const [name, data = ''] = events.at(-1)!.split('\ndata: ');
    const plain = (await alice.post('/v1/alerts/rules/backtest', body)).body;
    expect(name).toBe('event: result');
    const period = { from: expect.any(String), to: expect.any(String) };
    expect(JSON.parse(data)).toEqual({ ...plain, ...period });
  });

  it('takes quiet hours, disabled channels and the throttle into account', async () => {
    const often = {
      ...fall,
      conditions: [{ token: 'ethereum', metric: 'price', operator: 'gt', threshold: 1 }],
      mode: 'while_true',
      throttleMinutes: 60,
    };
    const day = { rule: often, from: new Date(Date.now() - 86_400_000).toISOString() };
    const plain = (await alice.post('/v1/alerts/rules/backtest', day)).body;
    expect(plain.fired).toBeGreaterThanOrEqual(22);
    expect(plain.fired).toBeLessThanOrEqual(25);
    const quietHours = { start: '22:00', end: '06:00', timezone: 'UTC' };
    await alice.call('PUT', '/v1/alerts/preferences', { quietHours });
    const quiet = (await alice.post('/v1/alerts/rules/backtest', day)).body;
    const hours = quiet.alerts.map((alert: { messages: { sentAt: string }[] }) =>
      new Date(alert.messages[0]!.sentAt).getUTCHours(),
    );
    expect(hours.every((hour: number) => hour >= 6 && hour < 22)).toBe(true);
    const never = { ...day, rule: { ...often, quietHours: 'never' } };
    expect((await alice.post('/v1/alerts/rules/backtest', never)).body.alerts[0].messages).toEqual(
      plain.alerts[0].messages,
    );
    await alice.call('PUT', '/v1/alerts/preferences', { channels: { email: false } });
    const off = (await alice.post('/v1/alerts/rules/backtest', day)).body;
    expect(off).toMatchObject({ sent: 0, fired: plain.fired });
    expect(off.alerts[0].messages[0]).toMatchObject({ sentAt: null, suppressed: 'channel_off' });
    await alice.call('PUT', '/v1/alerts/preferences', {});
  });

  it('evaluates a condition without a token for every token, like a live rule', async () => {
    const where = {
      and: [
        { token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 1 },
        { metric: 'change_1h', operator: 'lt', threshold: -0.15 },
      ],
    };
    const rule = { name: 'any token falls', where, mode: 'crossing' };
    await market.price('bitcoin', 95);
    await logEvaluated(app.db.pool);
    await historyWritten();
    await app.db.pool.query(`
      SELECT prepare_metric_points(now());
      INSERT INTO metric_points (series_id, at, value)
      SELECT id, now() - interval '29 days', 95 FROM metric_series WHERE (metric, subject) = ('price', 'bitcoin')`);
    const { body } = await alice.post('/v1/alerts/rules/backtest', { rule });
    expect(body).toMatchObject({ fired: 1, alerts: [{ message: expect.stringContaining('bitcoin') }] });
    expect(body.alerts[0].explanation).toMatchObject({ instance: 'token=ethereum' });
  });

  it('starts from the value before the period, and reports whether it read raw or hourly values', async () => {
    const rule = {
      name: 'above',
      conditions: [{ token: 'kept-by-the-hour', metric: 'price', operator: 'gt', threshold: 100 }],
      mode: 'crossing',
    };
    await app.db.pool.query(`
      WITH series AS (INSERT INTO metric_series (metric, subject) VALUES ('price', 'kept-by-the-hour') RETURNING id),
        kept AS (SELECT raw_from - interval '9 days' AS start FROM history_state)
      INSERT INTO metric_hourly (series_id, samples, bucket, open, high, low, close, sum, opened_at, closed_at)
      SELECT series.id, 1, start + n * interval '1 day', v, v, v, v, v, start + n * interval '1 day', start + n * interval '1 day'
      FROM series, kept, unnest('{120,130,90,110}'::float8[]) WITH ORDINALITY AS value (v, n)`);
    const { rows } = await app.db.pool.query('SELECT raw_from FROM history_state');
    const at = (days: number) => new Date(rows[0].raw_from.getTime() + days * 86_400_000).toISOString();
    const over = async (from: string, to: string) =>
      (await alice.post('/v1/alerts/rules/backtest', { rule, from, to })).body;
    expect(await over(at(-7.5), at(0))).toMatchObject({ fired: 1, points: 4, resolution: 'hourly' });
    expect(await over(at(-4), at(-1))).toMatchObject({ fired: 0, points: 1, resolution: 'raw' });
  });

  it('refuses a rule about more series than it may read values, before it reads any', async () => {
    const rule = { name: 'all', conditions: [{ metric: 'price', operator: 'gt', threshold: 1 }] };
    // Series without values: if they were read, the answer would be empty with status 200.
    await app.db.pool.query(
      `INSERT INTO metric_series (metric, subject) SELECT 'price', 'crowd-' || n FROM generate_series(1, 150001) n`,
    );
    try {
      const { status, body } = await alice.post('/v1/alerts/rules/backtest', { rule });
      expect([status, body.code]).toEqual([422, 'limit_exceeded']);
    } finally {
      await app.db.pool.query(`DELETE FROM metric_series WHERE subject LIKE 'crowd-%'`);
    }
  });

  it('ends, in the database too, when its caller leaves', async () => {
    const key = await app.key({ userId: 'alice' });
    const locker = await app.db.pool.connect();
    const sessions = async () => {
      const { rows } = await app.db.pool.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'defi-realtime backtest' AND datname = current_database()`,
      );
      return rows.length;
    };
    await locker.query('BEGIN; LOCK TABLE metric_series IN ACCESS EXCLUSIVE MODE');
    try {
      const caller = new AbortController();
      const answer = fetch(`${app.url}/v1/alerts/rules/backtest`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ rule: fall }),
        signal: caller.signal,
      }).catch((error: Error) => error.name);
      await waitFor(async () => (await sessions()) === 1, { what: 'a backtest that reads' });
      caller.abort();
      expect(await answer).toBe('AbortError');
      await waitFor(async () => (await sessions()) === 0, { what: 'the end of its session' });
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });

  it('returns the JSON pointer of an invalid field of the rule', async () => {
    const faulty = { ...fall, conditions: [{ ...fall.conditions[0], threshold: 'much' }] };
    const { status, body } = await alice.post('/v1/alerts/rules/backtest', { rule: faulty });
    expect([status, body.errors[0].pointer]).toEqual([400, '/rule/conditions/0/threshold']);
    const never = { ...fall, conditions: [{ ...fall.conditions[0], threshold: -2 }] };
    const refused = await alice.post('/v1/alerts/rules/backtest', { rule: never });
    expect(refused.body.errors[0].pointer).toBe('/rule/conditions/0');
  });

  it('warns about a metric without history, and refuses invalid periods and rules', async () => {
    const volume = {
      name: 'volume',
      conditions: [{ token: 'ethereum', metric: 'volume_24h', operator: 'gt', threshold: 1 }],
    };
    const unknown = await alice.post('/v1/alerts/rules/backtest', { rule: volume });
    expect(unknown.body).toMatchObject({ fired: 0, warnings: [{ code: 'no_history' }] });
    const week = await alice.post('/v1/alerts/rules/backtest', { rule: fall, from: 'now-7d', to: 'now-1d' });
    expect(Date.parse(week.body.to) - Date.parse(week.body.from)).toBe(6 * 86_400_000);
    const refused: [object, number][] = [
      [{ rule: fall, from: 'now-91d' }, 422],
      [{ rule: fall, from: 'now-1d', to: 'now-2d' }, 400],
      [{ rule: fall, from: '2100-01-01T00:00:00Z' }, 400],
      [{ rule: fall, from: '2020-01-01T00:00:00Z' }, 422],
      [{ rule: fall, from: 'yesterday' }, 400],
      [{ from: '2026-01-01T00:00:00Z' }, 400],
      [{ rule: { ...fall, conditions: [] } }, 400],
    ];
    for (const [body, status] of refused) {
      expect([body, (await alice.post('/v1/alerts/rules/backtest', body)).status]).toEqual([body, status]);
    }
  });
});
