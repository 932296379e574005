import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/servers/create-test-app.js';
import { keyDesk, type KeyDesk } from '../support/data/key-desk.js';

let app: TestApp;

let admin: string;

let call: KeyDesk['call'];

let make: KeyDesk['make'];

beforeAll(async () => {
  ({ app, admin, call, make } = await keyDesk());
});

afterAll(() => app.close());

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
