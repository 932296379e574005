import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../support/create-test-app.js';

describe('what every request passes', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await createTestApp({ settings: { CORS_ORIGINS: 'https://one.example,https://two.example' } });
  });

  afterAll(() => app.close());

  it('answers an unknown address with a problem that names it, without its query', async () => {
    const answer = await fetch(`${app.url}/nowhere?apiKey=rta_a_secret`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await answer.json()).toEqual({
      type: 'urn:defi-realtime:error:not_found',
      title: 'Not found',
      status: 404,
      detail: expect.any(String),
      instance: '/nowhere',
      code: 'not_found',
    });
  });

  it.each([
    ['not JSON', '{"a":', {}, 400, 'invalid_request'],
    ['a bare word', 'null', {}, 400, 'invalid_request'],
    ['9 MB', JSON.stringify({ a: 'x'.repeat(9_000_000) }), {}, 413, 'payload_too_large'],
    ['an unknown charset', '{}', { 'content-type': 'application/json; charset=klingon' }, 400, 'invalid_request'],
    ['an unknown encoding', '{}', { 'content-encoding': 'rot13' }, 400, 'invalid_request'],
    ['a broken gzip', 'no gzip', { 'content-encoding': 'gzip' }, 400, 'invalid_request'],
  ])('refuses a body that is %s', async (_what, body, headers, status, code) => {
    const answer = await fetch(`${app.url}/v1/admin/api-keys`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json', ...headers },
    });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code, status });
  });

  it('refuses an address that is not validly encoded', async () => {
    const answer = await fetch(`${app.url}/v1/tvl/%FF`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_request' });
  });

  it.each(['http://[', 'http://a:99999/x', '//['])(
    'answers the unreadable target %s as every other',
    async (target) => {
      const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
      socket.end(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const answer = await text(socket);
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).toMatch(/^X-Request-Id: /m);
      expect(answer).toMatch(/^Content-Type: application\/problem\+json/m);
      expect(answer).not.toMatch(/express/i);
    },
  );

  it('keeps a sane request id and replaces any other', async () => {
    const sane = await fetch(`${app.url}/health/live`, { headers: { 'x-request-id': 'trace-7:a.b_c' } });
    expect(sane.headers.get('x-request-id')).toBe('trace-7:a.b_c');
    const hostile = await fetch(`${app.url}/nowhere`, { headers: { 'x-request-id': 'a b"<script>' } });
    expect(hostile.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('lets the listed origins in and no other', async () => {
    const allowed = await fetch(`${app.url}/health/live`, { headers: { origin: 'https://two.example' } });
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://two.example');
    expect(allowed.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
    const other = await fetch(`${app.url}/health/live`, { headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('lets pages ask queries by every method of theirs', async () => {
    const preflight = await fetch(`${app.url}/v1/query/advanced`, {
      method: 'OPTIONS',
      headers: { origin: 'https://one.example', 'access-control-request-method': 'QUERY' },
    });
    const methods = preflight.headers.get('access-control-allow-methods')?.split(',');
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'QUERY']) expect(methods).toContain(method);
  });

  it('sends strict headers and says nothing of its framework', async () => {
    const answer = await fetch(`${app.url}/health/live`);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-powered-by')).toBeNull();
  });

  it('measures requests by route pattern, and unknown addresses as one series', async () => {
    await fetch(`${app.url}/nowhere/${Math.random()}`);
    await fetch(`${app.url}/health/live`);
    const text = await (await fetch(`${app.url}/metrics`)).text();
    expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/health\/live",status="200"\} \d/);
    expect(text).toContain('route="unmatched"');
    expect(text).not.toContain('/nowhere/');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('describes itself as OpenAPI 3.1 with the key as the way in, and shows it as a page', async () => {
    const document = (await (await fetch(`${app.url}/openapi.json`)).json()) as Record<string, unknown>;
    expect(document).toMatchObject({
      openapi: '3.1.0',
      security: [{ bearer: [] }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    });
    const page = await fetch(`${app.url}/docs`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
  });
});
