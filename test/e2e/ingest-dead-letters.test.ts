import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

describe('dead letters in the admin API', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await createTestApp();
    await app.db.pool.query(
      `INSERT INTO dead_letters (reader, epoch, seq, event, reason, failures)
       VALUES ('gone', 'e1', 1, '{"seq": 1, "type": "governance"}', 'Error: no', 5)`,
    );
  });

  afterAll(() => app.close());

  const call = (path: string, method = 'GET', key = app.adminKey): Promise<Response> =>
    fetch(`${app.url}/v1/admin/dead-letters${path}`, { method, headers: { authorization: `Bearer ${key}` } });

  it('are listed as CSV', async () => {
    const answer = await fetch(`${app.url}/v1/admin/dead-letters`, {
      headers: { authorization: `Bearer ${app.adminKey}`, accept: 'text/csv' },
    });
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await answer.text()).toMatch(/^id,reader,reason,.*\r\n\d+,gone,Error: no,5,/);
  });

  it('are listed with their reason and can be discarded; a retry for an unknown reader fails', async () => {
    const { data } = (await (await call('?limit=5&reader=gone')).json()) as { data: { id: string }[] };
    expect(data).toMatchObject([{ reader: 'gone', reason: 'Error: no', failures: 5, event: { type: 'governance' } }]);
    const id = data[0]?.id ?? '';
    expect((await call(`/${id}/retry`, 'POST')).status).toBe(409);
    expect((await call(`/${id}`, 'DELETE')).status).toBe(204);
    expect((await call(`/${id}`, 'DELETE')).status).toBe(404);
    const { rows } = await app.db.pool.query(
      `SELECT action, subject, outcome, detail ->> 'code' AS code FROM audit_log
       WHERE actor = 'key:testadmin' AND action IN ('dead_letter.retry', 'dead_letter.discard') ORDER BY id`,
    );
    expect(rows).toEqual([
      { action: 'dead_letter.retry', subject: id, outcome: 'refused', code: 'conflict' },
      { action: 'dead_letter.discard', subject: id, outcome: 'ok', code: null },
      { action: 'dead_letter.discard', subject: id, outcome: 'refused', code: 'not_found' },
    ]);
  });

  it('are available to admins only, and invalid parameters are refused', async () => {
    expect((await call('', 'GET', await app.key({ role: 'writer' }))).status).toBe(403);
    expect((await call('?limit=0')).status).toBe(400);
    const cursor = await call('?cursor=x');
    expect(cursor.status).toBe(400);
    expect(await cursor.json()).toMatchObject({
      detail: 'cursor must be a cursor of this list; omit it to start with the first page',
    });
    expect((await call('?reader=%00')).status).toBe(400);
    expect((await call('/x/retry', 'POST')).status).toBe(400);
  });
});
