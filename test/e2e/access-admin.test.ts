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
    expect((await one(`limit=1&outcome=ok&cursor=${next}`)).body.errors).toMatchObject([{ code: 'invalid_cursor' }]);
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

it('the DefiLlama-compatible routes require a key by default', async () => {
  expect((await fetch(`${app.url}/protocols`)).status).toBe(401);
});
