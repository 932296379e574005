import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessEvents, AccessService, SystemFacts, UsageLimits } from '../../../src/access/index.js';
import { Connections } from '../../../src/access/limits/connections.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

let db: TestDatabase;
let one: TestApp;
let two: TestApp;

beforeAll(async () => {
  db = await createTestDatabase();
  [one, two] = await Promise.all([createTestApp({ db }), createTestApp({ db })]);
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await db.drop();
});

const headers = () => ({ authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' });
const create = (app: TestApp, idempotencyKey: string) =>
  fetch(`${app.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { ...headers(), 'idempotency-key': idempotencyKey },
    body: JSON.stringify({ userId: 'twice' }),
  });

describe('two processes on one database', () => {
  it('create one key for a repeated `Idempotency-Key`', async () => {
    const made = (await (await create(one, 'same')).json()) as { id: string };
    const repeated = await create(two, 'same');
    expect(repeated.status).toBe(409);
    expect(await repeated.json()).toMatchObject({ code: 'conflict', detail: expect.stringContaining(made.id) });
    const [racing, other] = await Promise.all([create(one, 'race'), create(two, 'race')]);
    expect(new Set([racing.status, other.status])).toEqual(new Set([201, 409]));
  });

  it('refuse a key within 5 s of its revocation by the other process', async () => {
    const key = await one.key();
    const me = () => fetch(`${two.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect((await me()).status).toBe(200);
    await fetch(`${one.url}/v1/admin/api-keys/${key.split('_')[1]}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${one.adminKey}` },
    });
    await waitFor(async () => (await me()).status === 401, { timeoutMs: 5_000 });
    expect((await me()).status).toBe(401);
  });
});

describe('connections beyond the limit of a key', () => {
  it('are reported once their grace period for resuming is over', async () => {
    const limits = one.nest.get(UsageLimits);
    const secret = await one.key({ limits: { connections: 1 } });
    const caller = await one.nest.get(AccessService).authenticate({ secret, transport: 'sse', address: '192.0.2.1' });
    const overstayed: string[] = [];
    const stop = one.nest.get(AccessEvents).onOverstayed((id) => overstayed.push(id));
    for (const id of ['first', 'second']) await limits.openConnection(caller, id, { resuming: true });
    const clock = one.nest.get(Clock);
    const real = clock.now.bind(clock);
    clock.now = () => real() + 61_000;
    try {
      expect(await waitFor(() => overstayed[0], { timeoutMs: 5_000 })).toBe('second');
    } finally {
      clock.now = real;
      stop();
      for (const id of ['first', 'second']) limits.closeConnection(caller, id);
    }
    expect(one.nest.get(Connections).count(caller.keyId)).toBe(0);
  });
});

describe('the system overview', () => {
  it('includes facts of other modules, and marks a failing module as unavailable', async () => {
    const facts = one.nest.get(SystemFacts);
    facts.add('log', () => ({ headSeq: 7 }));
    facts.add('broken', () => {
      throw new Error('unavailable');
    });
    const answer = await fetch(`${one.url}/v1/admin/system`, { headers: headers() });
    expect(await answer.json()).toMatchObject({ log: { headSeq: 7 }, broken: { status: 'unavailable' } });
  });
});

describe('the audit trail', () => {
  it('records the start and the stop of a process', async () => {
    const own = await createTestApp({ db });
    const count = async (action: string) =>
      (await db.pool.query('SELECT 1 FROM audit_log WHERE action = $1', [action])).rowCount ?? 0;
    const before = await count('system.stop');
    expect(await count('system.start')).toBeGreaterThanOrEqual(3);
    await own.close();
    expect(await count('system.stop')).toBe(before + 1);
  });
});

describe('a process without its database', () => {
  it('returns 503 for a key that is not in its cache', async () => {
    const own = await createTestApp();
    try {
      await own.db.pool.query(`ALTER TABLE api_keys RENAME TO gone`);
      const answer = await fetch(`${own.url}/v1/me`, { headers: { authorization: 'Bearer rta_new_key' } });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({ code: 'unavailable' });
    } finally {
      await own.close();
    }
  });
});
