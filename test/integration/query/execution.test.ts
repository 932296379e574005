import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueryAdmission } from '../../../src/query/execution/query-admission.js';
import { QueryPool } from '../../../src/query/execution/query-pool.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { waitFor } from '../../support/wait-for.js';

let app: TestApp;
let key: string;
let pool: QueryPool;

beforeAll(async () => {
  app = await createTestApp({ settings: { QUERY_POOL: '2' } });
  key = await app.key();
  pool = app.nest.get(QueryPool, { strict: false });
});
afterAll(() => app?.close());

const options = (signal = new AbortController().signal, timeoutMs = 30_000) => ({ timeoutMs, owner: 'tester', signal });
const sleeping = async () => {
  const { rows } = await app.db.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'defi-realtime-query' AND state = 'active'
     AND query LIKE '%pg_sleep%' AND datname = current_database()`,
  );
  return rows[0]?.n ?? 0;
};
const sleep = { text: 'SELECT pg_sleep(60)', values: [] };

describe('query connections', () => {
  it('are read-only, without access to keys, the event log and the audit log', async () => {
    for (const text of [
      `INSERT INTO protocols (slug, name) VALUES ('x', 'x')`,
      'CREATE TEMPORARY TABLE t (a int)',
      'SELECT * FROM api_keys',
      'SELECT * FROM event_log',
      'SELECT * FROM audit_log',
    ]) {
      await expect(pool.run({ text, values: [] }, options())).rejects.toThrow(/read-only|permission denied/);
    }
  });

  it('cancel a statement after its timeout, and return `limit_exceeded`', async () => {
    const running = pool.run(sleep, options(undefined, 50));
    await expect(running).rejects.toMatchObject({ code: 'limit_exceeded', errors: [{ code: 'too_slow' }] });
    expect(await pool.run({ text: 'SELECT 1', values: [] }, options())).toEqual([[1]]);
  });

  it('are replaced after a short timeout, and reused after a long timeout', async () => {
    const ask = async (timeoutMs: number) =>
      (await pool.run({ text: 'SELECT pg_backend_pid()', values: [] }, options(undefined, timeoutMs)))[0];
    const brief = await ask(900);
    expect(await ask(30_000)).not.toEqual(brief);
    const long = await ask(5_000);
    expect(await ask(30_000)).toEqual(long);
  });

  it('cancel the statement of an aborted request', async () => {
    const leaving = new AbortController();
    const running = pool.run(sleep, options(leaving.signal)).catch((error: unknown) => error);
    await waitFor(async () => (await sleeping()) === 1);
    leaving.abort(new Error('gone'));
    expect(String(await running)).toContain('gone');
    expect(await waitFor(async () => (await sleeping()) === 0)).toBe(true);
  });

  it('are all available again after a request was aborted while it waited for a connection', async () => {
    const held = Array.from({ length: pool.connections }, () => {
      const leaving = new AbortController();
      return { leaving, done: pool.run(sleep, options(leaving.signal)).catch(() => undefined) };
    });
    await waitFor(async () => (await sleeping()) === pool.connections);
    const leaving = new AbortController();
    const waiting = pool
      .run({ text: 'SELECT 1', values: [] }, options(leaving.signal))
      .catch((error: unknown) => error);
    leaving.abort(new Error('gone'));
    expect(String(await waiting)).toContain('gone');
    for (const one of held) one.leaving.abort(new Error('gone'));
    await Promise.all(held.map(({ done }) => done));
    // All connections can be acquired again.
    const rows = await Promise.all(
      Array.from({ length: pool.connections + 1 }, () => pool.run({ text: 'SELECT 1', values: [] }, options())),
    );
    expect(rows).toEqual(Array.from({ length: pool.connections + 1 }, () => [[1]]));
  });

  it('apply the owner of each request, even to a prepared statement', async () => {
    const statement = { text: `SELECT current_setting('rta.owner')`, values: [], prepared: true };
    const ask = (owner: string) => pool.run(statement, { ...options(), owner });
    for (const owner of ['one', 'other', 'one', 'one', 'other', 'other']) expect(await ask(owner)).toEqual([[owner]]);
  });

  it('keep at most 101 prepared statements', async () => {
    for (let n = 0; n < 250; n += 1) {
      await pool.run(
        { text: `SELECT ${n}, count(*) FROM pg_prepared_statements`, values: [], prepared: true },
        options(),
      );
    }
    const [row] = await pool.run({ text: 'SELECT count(*) FROM pg_prepared_statements', values: [] }, options());
    expect(Number(row?.[0])).toBeLessThanOrEqual(101);
  });

  it('cancel the running statement when the client closes its HTTP connection', async () => {
    const blocker = await app.db.pool.connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE protocol_tvl IN ACCESS EXCLUSIVE MODE');
      const asking = request(`${app.url}/v1/query/advanced`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      });
      asking.on('error', () => undefined);
      asking.end('{}');
      const running = async (): Promise<number> => {
        const { rows } = await app.db.pool.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'defi-realtime-query' AND state = 'active'
           AND wait_event_type = 'Lock' AND datname = current_database()`,
        );
        return rows[0]?.n ?? 0;
      };
      expect(await waitFor(async () => (await running()) === 1)).toBe(true);
      asking.destroy();
      expect(await waitFor(async () => (await running()) === 0)).toBe(true);
    } finally {
      await blocker.query('ROLLBACK');
      blocker.release();
    }
  });

  it('return only the rows of the current owner, whoever used the connection before', async () => {
    const owners = ['alice', 'bob', ''];
    await app.db.pool.query(
      `SELECT append_events(jsonb_agg(jsonb_build_object('type', 'alert', 'owner', o, 'data', '{}'::jsonb))) FROM unnest(ARRAY['alice', 'bob']) AS o`,
    );
    const seen = (owner: string) =>
      pool.run({ text: `SELECT seq FROM readable_events WHERE type = 'alert'`, values: [] }, { ...options(), owner });
    await waitFor(async () => (await seen('bob')).length === 1);
    for (let round = 0; round < 10; round++) {
      const found = await Promise.all(owners.map(seen));
      expect(found.map((rows) => rows.length)).toEqual([1, 1, 0]);
    }
  });

  it('drop a waiting request when the client closes its HTTP connection', async () => {
    const admission = app.nest.get(QueryAdmission, { strict: false });
    const held = Array.from({ length: 2 }, () => hold(admission));
    const asking = request(`${app.url}/v1/query/advanced`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
    asking.on('error', () => undefined);
    asking.end('{}');
    const waiting = async () => /^query_waiting (\d+)/m.exec(await (await fetch(`${app.url}/metrics`)).text())?.[1];
    await waitFor(async () => (await waiting()) === '1');
    asking.destroy();
    expect(await waitFor(async () => (await waiting()) === '0')).toBe(true);
    for (const release of held) release();
  });
});

const costOf = (heavy: boolean) => ({ rows: heavy ? 1_000_000 : 2_000, heavy });

/** Occupies one of the places until it is released. */
function hold(admission: QueryAdmission, heavy = false): () => void {
  let release = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    release = resolve;
  });
  void admission.run(costOf(heavy), 30_000, new AbortController().signal, () => done);
  return release;
}

describe('costly requests of one key', () => {
  const get = (path: string, by: string) => fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${by}` } });
  const waiting = async () =>
    Number(/^query_waiting (\d+)/m.exec(await (await fetch(`${app.url}/metrics`)).text())?.[1]);

  it('wait beyond eight at a time, without delaying other keys or cheap requests', async () => {
    const other = await app.key();
    const held = Array.from({ length: 2 }, () => hold(app.nest.get(QueryAdmission, { strict: false })));
    const crowd = Array.from({ length: 40 }, (_, n) =>
      fetch(`${app.url}/v1/query/advanced`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ limit: n + 1 }),
      }),
    );
    await waitFor(async () => (await waiting()) === 8);
    let listed: number | undefined;
    const list = get('/v1/chains', key).then(({ status }) => (listed = status));
    expect((await get('/v1/chains', other)).status).toBe(200);
    expect((await get('/v1/me', key)).status).toBe(200);
    expect([await waiting(), listed]).toEqual([8, undefined]);
    for (const release of held) release();
    expect(new Set((await Promise.all(crowd)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(await list).toBe(200);
  });
});

describe('query admission', () => {
  it('refuses a query at once if its turn comes too late, with a retry time', async () => {
    const admission = app.nest.get(QueryAdmission, { strict: false });
    const held = Array.from({ length: 2 }, () => hold(admission));
    try {
      // Every waiting query delays the next one's turn, until that would be too late.
      const waits = Array.from({ length: 3_000 }, () => {
        const leave = new AbortController();
        const outcome = admission.run(costOf(true), 10_000, leave.signal, () => Promise.resolve('ran'));
        return { leave, outcome: outcome.catch((error: { code?: string; retryAfterMs?: number }) => error) };
      });
      const refused = await waits.at(-1)?.outcome;
      expect(refused).toMatchObject({ code: 'unavailable', retryAfterMs: expect.any(Number) });
      for (const { leave } of waits) leave.abort(new Error('left'));
      await Promise.all(waits.map(({ outcome }) => outcome));
    } finally {
      for (const release of held) release();
    }
  });

  it('keeps a place for light queries beside heavy queries', async () => {
    const admission = app.nest.get(QueryAdmission, { strict: false });
    const heavy = hold(admission, true);
    const order: string[] = [];
    const run = (name: string, isHeavy: boolean) =>
      admission.run(costOf(isHeavy), 10_000, new AbortController().signal, async () => void order.push(name));
    const second = run('heavy', true);
    await run('light', false);
    heavy();
    await second;
    expect(order).toEqual(['light', 'heavy']);
  });

  it('returns 503 with `retry-after` over HTTP when the queue is too long', async () => {
    const admission = app.nest.get(QueryAdmission, { strict: false });
    const held = Array.from({ length: 2 }, () => hold(admission));
    // Each has a separate key, because one key's queries do not delay those of others. None reads more than the tested
    // query.
    const crowd = Array.from({ length: 2_500 }, (_, n) => {
      const leave = new AbortController();
      const work = async (): Promise<void> => undefined;
      const running = admission.run({ rows: 0, heavy: false }, 30_000, leave.signal, work, `crowd-${n}`);
      return { leave, done: running.catch(() => undefined) };
    });
    const answer = await fetch(`${app.url}/v1/query/advanced`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const { leave } of crowd) leave.abort(new Error('left'));
    for (const release of held) release();
    await Promise.all(crowd.map(({ done }) => done));
  });
});
