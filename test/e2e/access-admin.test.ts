import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many routes, judged by the tests
  body: any;
}

let app: TestApp;
let admin: string;

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'none=0,free=0,pro=0,enterprise=0' } });
  admin = app.adminKey;
});
afterAll(() => app.close());

async function call(
  method: string,
  path: string,
  key?: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(app.url + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

const make = async (fields: object = {}): Promise<{ id: string; key: string }> =>
  (await call('POST', '/v1/admin/api-keys', admin, { userId: 'alice', ...fields })).body;

describe('creating API keys', () => {
  it('shows the secret key once; the key then has exactly the given rights', async () => {
    const fields = {
      name: 'desk',
      role: 'writer',
      tier: 'pro',
      transports: ['rest', 'sse'],
      subscriptionTypes: ['alerts'],
      limits: { messages: 7 },
    };
    const made = await call('POST', '/v1/admin/api-keys', admin, { userId: 'alice', ...fields });
    expect(made.status).toBe(201);
    expect(made.body.key).toMatch(/^rta_[0-9a-f]{16}_[\w-]{43}$/);
    const { key, ...view } = made.body;
    expect(view).toMatchObject({ userId: 'alice', state: 'active', expiresAt: null, ...fields });
    expect((await call('GET', `/v1/admin/api-keys/${view.id}`, admin)).body).toEqual(view);
    const me = await call('GET', '/v1/me', key);
    expect(me.body).toMatchObject({
      userId: 'alice',
      keyId: view.id,
      role: 'writer',
      tier: 'pro',
      used: { connections: 0, messages: 0 },
    });
    expect(me.body.limits).toMatchObject({ messages: 7, connections: 50 });
  });

  it('stores only a hash of the secret in the database', async () => {
    const { key, id } = await make();
    const secret = key.slice(`rta_${id}_`.length);
    const { rows } = await app.db.pool.query(
      'SELECT k::text AS row, octet_length(secret_hash) AS length FROM api_keys k WHERE id = $1',
      [id],
    );
    expect(rows[0].length).toBe(32);
    expect(rows[0].row).not.toContain(secret);
    const audit = await app.db.pool.query('SELECT count(*) AS n FROM audit_log a WHERE a::text LIKE $1', [
      `%${secret}%`,
    ]);
    expect(audit.rows[0].n).toBe(0);
  });

  it('returns the same key for a repeated `Idempotency-Key` and refuses it with another body', async () => {
    const headers = { 'idempotency-key': 'order-66' };
    const body = { userId: 'idem' };
    const [first, again] = await Promise.all(
      [1, 2].map(() => call('POST', '/v1/admin/api-keys', admin, body, headers)),
    );
    expect(again!.body).toEqual(first!.body);
    expect((await call('POST', '/v1/admin/api-keys', admin, { userId: 'other' }, headers)).body.code).toBe('conflict');
    expect((await call('GET', '/v1/admin/api-keys?userId=idem', admin)).body.data).toHaveLength(1);
    expect((await call('POST', '/v1/admin/api-keys', admin, body, { 'idempotency-key': 'a'.repeat(201) })).status).toBe(
      400,
    );
  });

  it.each([
    ['no body', undefined, 400],
    ['no user', {}, 400],
    ['an empty user', { userId: '' }, 400],
    ['a long user', { userId: 'x'.repeat(256) }, 400],
    ['a user with control characters', { userId: 'a\u0000b' }, 400],
    ['a user of blanks', { userId: ' \t ' }, 400],
    ['a user with half a character', { userId: 'a\uD800' }, 400],
    ['a user that is a number', { userId: 7 }, 400],
    ['an unknown role', { userId: 'a', role: 'root' }, 400],
    ['a null role', { userId: 'a', role: null }, 400],
    ['an unknown tier', { userId: 'a', tier: 'gold' }, 400],
    ['a time in the past', { userId: 'a', expiresAt: '2001-01-01T00:00:00Z' }, 400],
    ['a text that is not a time', { userId: 'a', expiresAt: 'tomorrow' }, 400],
    ['a time beyond the calendar', { userId: 'a', expiresAt: '+275760-09-13T00:00:00Z' }, 400],
    ['an impossible day', { userId: 'a', expiresAt: '2099-02-31T00:00:00Z' }, 400],
    ['an unknown transport', { userId: 'a', transports: ['pigeon'] }, 400],
    ['an empty list of transports', { userId: 'a', transports: [] }, 400],
    ['an unknown subscription type', { userId: 'a', subscriptionTypes: ['x'] }, 400],
    ['a negative limit', { userId: 'a', limits: { messages: -1 } }, 400],
    ['a fractional limit', { userId: 'a', limits: { messages: 1.5 } }, 400],
    ['an unknown limit', { userId: 'a', limits: { coffee: 1 } }, 400],
    ['limits that are a list', { userId: 'a', limits: [] }, 400],
    ['an unknown field', { userId: 'a', secret: 'x' }, 400],
    ['half JSON', '{"userId":', 400],
  ])('refuses an invalid body: %s', async (_, body, status) => {
    const answer = await call('POST', '/v1/admin/api-keys', admin, body);
    expect([answer.status, answer.body.code]).toEqual([status, 'invalid_request']);
  });
});

it('ignores rights given through `__proto__`', async () => {
  const made = await call('POST', '/v1/admin/api-keys', admin, '{"userId":"proto","__proto__":{"role":"admin"}}');
  expect(made.body.role).toBe('reader');
});

describe('changing and revoking API keys', () => {
  it('applies changed rights immediately, also to a cached key', async () => {
    const { id, key } = await make({ role: 'reader' });
    expect((await call('GET', '/v1/admin/api-keys', key)).status).toBe(403);
    const changed = await call('PATCH', `/v1/admin/api-keys/${id}`, admin, { role: 'admin', limits: { messages: 3 } });
    expect(changed.body).toMatchObject({ role: 'admin', limits: { messages: 3 }, userId: 'alice' });
    expect((await call('GET', '/v1/admin/api-keys', key)).status).toBe(200);
    expect((await call('PATCH', `/v1/admin/api-keys/${id}`, admin, {})).body.role).toBe('admin');
    const none = { role: null, tier: null, name: null, limits: null };
    const refused = await call('PATCH', `/v1/admin/api-keys/${id}`, admin, none);
    expect(refused.body.errors.map((fault: { pointer: string }) => fault.pointer).toSorted()).toEqual([
      '/limits',
      '/name',
      '/role',
      '/tier',
    ]);
    expect((await call('PATCH', `/v1/admin/api-keys/${id}`, admin, { userId: 'mallory' })).status).toBe(400);
  });

  it('revokes a key immediately and permanently; a repeated request succeeds', async () => {
    const { id, key } = await make();
    expect((await call('GET', '/v1/me', key)).status).toBe(200);
    expect((await call('DELETE', `/v1/admin/api-keys/${id}`, admin)).status).toBe(204);
    expect((await call('GET', '/v1/me', key)).body).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect((await call('DELETE', `/v1/admin/api-keys/${id}`, admin)).status).toBe(204);
    expect((await call('PATCH', `/v1/admin/api-keys/${id}`, admin, { name: 'x' })).body.code).toBe('conflict');
    expect((await call('GET', `/v1/admin/api-keys/${id}`, admin)).body.state).toBe('revoked');
  });

  it('rotates with overlap: the old and the new key work until the old key expires', async () => {
    const { id, key } = await make({ name: 'r', tier: 'pro', limits: { messages: 9 } });
    const rotated = await call('POST', `/v1/admin/api-keys/${id}/rotate`, admin, { overlapSeconds: 3600 });
    expect(rotated.status).toBe(201);
    expect(rotated.body).toMatchObject({
      userId: 'alice',
      name: 'r',
      tier: 'pro',
      limits: { messages: 9 },
      expiresAt: null,
    });
    const old = (await call('GET', `/v1/admin/api-keys/${id}`, admin)).body;
    expect(old.rotatedTo).toBe(rotated.body.id);
    const trail = await call('GET', `/v1/admin/audit?action=api_key.rotate&subject=${id}`, admin);
    expect(trail.body.data).toMatchObject([
      { detail: { request: { overlapSeconds: 3600 }, created: rotated.body.id } },
    ]);
    expect(Date.parse(old.expiresAt) - Date.now()).toBeGreaterThan(3_500_000);
    for (const each of [key, rotated.body.key]) expect((await call('GET', '/v1/me', each)).body.userId).toBe('alice');
    await app.db.pool.query('UPDATE api_keys SET expires_at = now() WHERE id = $1', [id]);
    await expect
      .poll(async () => (await call('GET', '/v1/me', key)).body.code, { timeout: 20_000 })
      .toBe('api_key_expired');
    expect((await call('GET', '/v1/me', rotated.body.key)).status).toBe(200);
    expect((await call('POST', `/v1/admin/api-keys/${id}/rotate`, admin, {})).body.code).toBe('conflict');
  });

  it('rotates without overlap: the old key ends at once; a repeat creates no second key', async () => {
    const { id, key } = await make();
    const headers = { 'idempotency-key': 'spin' };
    const first = await call('POST', `/v1/admin/api-keys/${id}/rotate`, admin, {}, headers);
    const again = await call('POST', `/v1/admin/api-keys/${id}/rotate`, admin, {}, headers);
    expect(again.body).toEqual(first.body);
    expect((await call('GET', '/v1/me', key)).body.code).toBe('invalid_api_key');
    for (const overlapSeconds of [-1, 1.5, '60', 2_592_001, null]) {
      expect((await call('POST', `/v1/admin/api-keys/${first.body.id}/rotate`, admin, { overlapSeconds })).status).toBe(
        400,
      );
    }
  });

  it('lets users rotate their own key; a repeated request returns the same new key', async () => {
    const { key } = await make({ userId: 'owner', role: 'reader', tier: 'pro' });
    const headers = { 'idempotency-key': 'mine' };
    const first = await call('POST', '/v1/me/rotate', key, { graceMinutes: 5 }, headers);
    expect([first.status, first.body]).toMatchObject([201, { userId: 'owner', role: 'reader', tier: 'pro' }]);
    expect((await call('POST', '/v1/me/rotate', key, { graceMinutes: 5 }, headers)).body).toEqual(first.body);
    expect((await call('POST', '/v1/me/rotate', key, {})).body.code).toBe('conflict');
    expect((await call('POST', '/v1/me/rotate', first.body.key, { graceMinutes: 0 })).status).toBe(201);
    expect((await call('GET', '/v1/me', first.body.key)).body.code).toBe('invalid_api_key');
    for (const graceMinutes of [-1, 1.5, '60', 10_081, null]) {
      expect((await call('POST', '/v1/me/rotate', key, { graceMinutes })).status).toBe(400);
    }
  });

  it('limits repeated rotations so that they cannot fill `api_keys` and `audit_log`', async () => {
    let { key } = await make({ userId: 'looping' });
    const lines = async () =>
      (
        await app.db.pool.query(`SELECT FROM audit_log WHERE action = 'api_key.rotate' AND actor <> $1`, [
          `key:${admin.split('_')[1]}`,
        ])
      ).rowCount;
    const before = (await lines()) ?? 0;
    const codes: unknown[] = [];
    for (let n = 0; n < 20; n++) {
      const { status, body } = await call('POST', '/v1/me/rotate', key, { graceMinutes: 1 });
      codes.push(body.code ?? status);
      key = body.key ?? key;
    }
    expect(codes).toEqual([...Array<number>(10).fill(201), ...Array<string>(10).fill('rate_limited')]);
    expect((await call('POST', '/v1/notifications/webhook-secrets/rotate', key, {})).body.code).toBe('rate_limited');
    expect(await lines()).toBe(before + 10);
    const { rowCount } = await app.db.pool.query(`SELECT FROM api_keys WHERE user_id = 'looping'`);
    expect(rowCount).toBe(11);
  });

  it.each(['nosuchkey', '%00', "x'--", 'x'.repeat(3000), '..%2f'])(
    'returns 404 for the unknown key id %s',
    async (id) => {
      for (const [method, path, body] of [
        ['GET', ''],
        ['PATCH', '', {}],
        ['DELETE', ''],
        ['POST', '/rotate', {}],
      ] as const) {
        const answer = await call(method, `/v1/admin/api-keys/${id}${path}`, admin, body);
        expect([method, answer.status, answer.body.code]).toEqual([method, 404, 'not_found']);
      }
    },
  );
});

describe('listing API keys', () => {
  it('returns each key once across pages and filters by user, role, tier and state', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await make({ userId: 'pager', tier: n % 2 ? 'pro' : 'free' })).id);
    await call('DELETE', `/v1/admin/api-keys/${ids[0]}`, admin);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await call('GET', `/v1/admin/api-keys?userId=pager&limit=2${cursor}`, admin);
      seen.push(...body.data.map((key: { id: string }) => key.id));
      expect(body.page.has_more).toBe(body.page.next_cursor !== null);
      cursor = body.page.has_more ? `&cursor=${body.page.next_cursor}` : '';
    } while (cursor !== '');
    expect(seen).toEqual(ids);
    const count = async (query: string) =>
      (await call('GET', `/v1/admin/api-keys?userId=pager&${query}`, admin)).body.data.length;
    expect([await count('state=revoked'), await count('state=active'), await count('state=expired')]).toEqual([
      1, 4, 0,
    ]);
    expect([await count('tier=pro'), await count('role=admin')]).toEqual([2, 0]);
  });

  it('returns CSV for `Accept: text/csv` and escapes formulas', async () => {
    await make({ userId: 'csv', name: '=1+1' });
    const { headers, text } = await call('GET', '/v1/admin/api-keys?userId=csv', admin, undefined, {
      accept: 'text/csv',
    });
    expect(headers.get('content-type')).toContain('text/csv');
    expect(text.split('\r\n')[0]).toContain('id,userId,name');
    expect(text).toContain(`'=1+1`);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=1e2',
    'cursor=x',
    'cursor=-1',
    'role=root',
    'state=x',
    'userId=',
    'nope=1',
    'limit=1&limit=2',
    'cursor=99999999999999999999',
  ])('refuses the query string ?%s', async (query) => {
    const answer = await call('GET', `/v1/admin/api-keys?${query}`, admin);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  });
});

describe('the audit trail', () => {
  it('records every admin action, also refused ones, with actor, subject and request id', async () => {
    const made = await call('POST', '/v1/admin/api-keys', admin, { userId: 'audited' }, { 'x-request-id': 'trail-1' });
    await call('DELETE', '/v1/admin/api-keys/missing1', admin, undefined, { 'x-request-id': 'trail-2' });
    const { body } = await call('GET', '/v1/admin/audit?action=api_key.&actor=key:testadmin&limit=2', admin);
    expect(body.data[0]).toMatchObject({
      action: 'api_key.revoke',
      subject: 'missing1',
      outcome: 'refused',
      detail: { code: 'not_found' },
      requestId: 'trail-2',
    });
    expect(body.data[1]).toMatchObject({
      action: 'api_key.create',
      subject: made.body.id,
      outcome: 'ok',
      address: '127.0.0.1',
      requestId: 'trail-1',
    });
    const one = (query: string) => call('GET', `/v1/admin/audit?${query}`, admin);
    expect((await one(`subject=${made.body.id}&outcome=ok&action=api_key.create`)).body.data).toHaveLength(1);
    expect((await one(`subject=${made.body.id}&to=2001-01-01T00:00:00Z`)).body.data).toHaveLength(0);
    expect((await one(`subject=${made.body.id}&from=2001-01-01T00:00:00Z`)).body.data).toHaveLength(1);
    expect((await one(`subject=${made.body.id}&from=2001-01-01&to=2999-12-31T23:00%2B01:00`)).body.data).toHaveLength(
      1,
    );
    const next = (await one(`limit=1`)).body.page.next_cursor;
    expect((await one(`limit=1&cursor=${next}`)).body.data).toHaveLength(1);
    const csv = await call('GET', '/v1/admin/audit?limit=1', admin, undefined, { accept: 'text/csv' });
    expect([csv.text.split('\r\n')[0], csv.headers.has('x-next-cursor')]).toEqual([
      'id,at,actor,action,subject,outcome,detail,address,requestId',
      true,
    ]);
  });

  it.each([
    'from=yesterday',
    'to=2020-13-01',
    'outcome=maybe',
    'action=DROP%20TABLE',
    'actor=%00',
    'cursor=x',
    'from=%2B275760-01-01',
    'from=2026-W01',
    'from=2026-W01-1',
    'to=2026-325',
    'to=2026-11-21T10',
    'from=2026-11-21T10:00:00,5Z',
  ])('refuses the query string ?%s', async (query) => {
    const answer = await call('GET', `/v1/admin/audit?${query}`, admin);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  });

  it('records which process leads the event log', async () => {
    const led = async () => (await call('GET', '/v1/admin/audit?action=log.lead&actor=system', admin)).body.data;
    await expect
      .poll(led, { timeout: 20_000 })
      .toMatchObject([
        { outcome: 'ok', detail: { lease: expect.any(Number), host: expect.any(String), pid: process.pid } },
      ]);
  });

  it('cannot be changed, not even by the owner of the table', async () => {
    for (const change of ['UPDATE audit_log SET actor = $$x$$', 'DELETE FROM audit_log', 'TRUNCATE audit_log']) {
      await expect(app.db.pool.query(change)).rejects.toThrow('append-only');
      await expect(app.db.pool.query(`BEGIN; SET LOCAL ROLE rta_app; ${change}`)).rejects.toThrow(
        /permission denied|must be owner/,
      );
    }
  });

  it('records a repeated refusal in one row and names only existing keys', async () => {
    const { id, key } = await make();
    const bad = `${key}A`;
    for (let n = 0; n < 20; n++) await call('GET', '/v1/me', bad);
    const { body } = await call('GET', `/v1/admin/audit?action=access.refused&subject=${id}`, admin);
    expect(body.data).toHaveLength(1);
    expect(body.data[0]).toMatchObject({
      actor: `key:${id}`,
      outcome: 'refused',
      detail: { code: 'invalid_api_key', transport: 'rest' },
    });
    for (let n = 0; n < 100; n++) await call('GET', '/v1/me', `rta_guess${n}_${'a'.repeat(43)}`);
    const guesses = await app.db.pool.query(
      `SELECT count(*) AS n FROM audit_log WHERE action = 'access.refused' AND actor = 'unknown'`,
    );
    expect(guesses.rows[0].n).toBeLessThan(5);
  });
});

describe('publication thresholds', () => {
  it('are listed, set and removed', async () => {
    expect((await call('GET', '/v1/admin/thresholds', admin)).body.data).toContainEqual({
      metric: 'tvl',
      subject: '*',
      minChangeRatio: 0.01,
      minChangeAbsolute: 0,
    });
    const path = '/v1/admin/thresholds/price/ethereum:0xabc';
    const put = await call('PUT', path, admin, { minChangeRatio: 0.2 });
    expect(put.body).toEqual({ metric: 'price', subject: 'ethereum:0xabc', minChangeRatio: 0.2, minChangeAbsolute: 0 });
    expect((await call('PUT', path, admin, { minChangeRatio: 0.3, minChangeAbsolute: 5 })).body.minChangeAbsolute).toBe(
      5,
    );
    expect((await call('DELETE', path, admin)).status).toBe(204);
    expect((await call('DELETE', path, admin)).body.code).toBe('not_found');
    expect(
      (await call('GET', '/v1/admin/audit?action=threshold.put&limit=1', admin)).body.data[0].detail.request,
    ).toEqual({ minChangeRatio: 0.3, minChangeAbsolute: 5 });
  });

  it('are removed under the same spelling with which they were set', async () => {
    for (const [given, kept] of [
      ['tvl/Uniswap-V3', 'uniswap-v3'],
      ['price/coingecko:Bitcoin', 'bitcoin'],
      ['price/binance:0xABC', 'bsc:0xabc'],
    ]) {
      const spelled = `/v1/admin/thresholds/${given}`;
      expect((await call('PUT', spelled, admin, { minChangeRatio: 0.2 })).body.subject).toBe(kept);
      expect((await call('DELETE', spelled, admin)).status).toBe(204);
    }
  });

  it.each([
    ['volume/x', { minChangeRatio: 0.1 }],
    ['tvl/a%20b', { minChangeRatio: 0.1 }],
    ['tvl/%00', { minChangeRatio: 0.1 }],
    [`tvl/${'x'.repeat(129)}`, { minChangeRatio: 0.1 }],
    ['tvl/x', { minChangeRatio: -1 }],
    ['tvl/x', { minChangeRatio: '1' }],
    ['tvl/x', { minChangeRatio: 2e6 }],
    ['tvl/x', { minChangeRatio: 0.1, minChangeAbsolute: -1 }],
    ['tvl/x', { minChangeRatio: 0.1, minChangeAbsolute: null }],
    ['tvl/x', {}],
    ['tvl/x', '[1]'],
    ['tvl/UPPER', { minChangeRatio: 0.1, x: 1 }],
  ])('are refused with an invalid path or body: %s', async (path, body) => {
    const answer = await call('PUT', `/v1/admin/thresholds/${path}`, admin, body);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  });
});

describe('the system overview', () => {
  it('shows versions, settings and migrations, and no secrets', async () => {
    const { body, text } = await call('GET', '/v1/admin/system', admin);
    expect(body.process).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+/), node: process.version });
    expect(body.settings).toMatchObject({
      PORT: 0,
      DATABASE_URL: { set: true },
      JWT_SECRET: { set: false },
      SECRETS_KEY: { set: true },
    });
    expect(body.database.migrations).toContain('Access1790000003000');
    expect(body.connections).toEqual({ open: 0, keys: 0 });
    for (const secret of ['only-for-tests', app.adminKey, app.db.url]) expect(text).not.toContain(secret);
  });
});

describe('roles', () => {
  const ROUTES = [
    ['GET', '/v1/admin/api-keys'],
    ['POST', '/v1/admin/api-keys'],
    ['GET', '/v1/admin/api-keys/x'],
    ['PATCH', '/v1/admin/api-keys/x'],
    ['DELETE', '/v1/admin/api-keys/x'],
    ['POST', '/v1/admin/api-keys/x/rotate'],
    ['GET', '/v1/admin/audit'],
    ['GET', '/v1/admin/thresholds'],
    ['PUT', '/v1/admin/thresholds/tvl/x'],
    ['DELETE', '/v1/admin/thresholds/tvl/x'],
    ['GET', '/v1/admin/system'],
  ] as const;

  it.each(ROUTES)('restrict %s %s to administrators', async (method, path) => {
    const reader = await app.key({ role: 'reader' });
    const writer = await app.key({ role: 'writer' });
    for (const key of [reader, writer])
      expect((await call(method, path, key)).body).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await call(method, path)).body).toMatchObject({ status: 401, code: 'missing_api_key' });
    expect((await call(method, path, admin)).status).not.toBe(403);
    expect((await call(method, path, admin)).status).not.toBe(401);
  });

  it('allow every key to read `/v1/me`; a request without a key is refused', async () => {
    for (const role of ['reader', 'writer', 'admin'] as const) {
      expect((await call('GET', '/v1/me', await app.key({ role }))).body.role).toBe(role);
    }
    expect((await call('GET', '/v1/me')).body.code).toBe('missing_api_key');
  });
});

describe('API keys in requests', () => {
  it.each([
    'rta_',
    'rta_x_',
    'rta__x',
    'Bearer',
    'x'.repeat(8000),
    'rta_x_y_z',
    'a.b.c',
    '..',
    'null',
    "rta_' OR 1=1_x",
  ])('are refused in the form %s', async (key) => {
    const { body } = await call('GET', '/v1/me', key);
    expect(body.status).toBe(401);
  });

  it('are refused in the URL of a REST route and are not repeated in the response', async () => {
    const { key } = await make();
    const answer = await call('GET', `/v1/me?apiKey=${key}`);
    expect(answer.body.code).toBe('missing_api_key');
    expect(answer.text).not.toContain(key);
  });

  it('are refused on a transport that the key may not use', async () => {
    const { key } = await make({ transports: ['websocket'] });
    expect((await call('GET', '/v1/me', key)).body).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('are refused after they expire', async () => {
    const { id, key } = await make({ expiresAt: '2099-01-01T00:00:00Z' });
    expect((await call('GET', '/v1/me', key)).body.expiresAt).toBe('2099-01-01T00:00:00.000Z');
    await app.db.pool.query(`UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1`, [id]);
    await expect
      .poll(async () => (await call('GET', '/v1/me', key)).body.code, { timeout: 20_000 })
      .toBe('api_key_expired');
    expect(
      (await call('GET', '/v1/admin/api-keys?state=expired', admin)).body.data.map((k: { id: string }) => k.id),
    ).toContain(id);
  });
});
