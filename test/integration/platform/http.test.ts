import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';

describe('the HTTP server', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await createTestApp({ settings: { CORS_ORIGINS: 'https://one.example,https://two.example' } });
  });

  afterAll(() => app.close());

  it('returns a 404 problem with the path of an unknown address, without its query', async () => {
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
    ['a bare `null`', 'null', {}, 400, 'invalid_request'],
    ['9 MB large', JSON.stringify({ a: 'x'.repeat(9_000_000) }), {}, 413, 'payload_too_large'],
    ['in an unknown charset', '{}', { 'content-type': 'application/json; charset=klingon' }, 400, 'invalid_request'],
    ['in an unknown encoding', '{}', { 'content-encoding': 'rot13' }, 400, 'invalid_request'],
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

  it('refuses a path with invalid percent-encoding', async () => {
    const answer = await fetch(`${app.url}/v1/tvl/%FF`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_request' });
  });

  it.each(['http://[', 'http://a:99999/x', '//['])(
    'returns a problem with a request id for the invalid request target %s',
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

  it('keeps a valid request id and replaces any other', async () => {
    const sane = await fetch(`${app.url}/health/live`, { headers: { 'x-request-id': 'trace-7:a.b_c' } });
    expect(sane.headers.get('x-request-id')).toBe('trace-7:a.b_c');
    const hostile = await fetch(`${app.url}/nowhere`, { headers: { 'x-request-id': 'a b"<script>' } });
    expect(hostile.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('allows only the listed CORS origins', async () => {
    const allowed = await fetch(`${app.url}/health/live`, { headers: { origin: 'https://two.example' } });
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://two.example');
    expect(allowed.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
    const other = await fetch(`${app.url}/health/live`, { headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('allows all methods in CORS preflights, including QUERY', async () => {
    const preflight = await fetch(`${app.url}/v1/query/advanced`, {
      method: 'OPTIONS',
      headers: { origin: 'https://one.example', 'access-control-request-method': 'QUERY' },
    });
    const methods = preflight.headers.get('access-control-allow-methods')?.split(',');
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'QUERY']) expect(methods).toContain(method);
  });

  it('sends strict security headers and does not name its framework', async () => {
    const answer = await fetch(`${app.url}/health/live`);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-powered-by')).toBeNull();
  });

  it('records metrics by route pattern, and unknown paths as one series', async () => {
    await fetch(`${app.url}/nowhere/${Math.random()}`);
    await fetch(`${app.url}/health/live`);
    const text = await (await fetch(`${app.url}/metrics`)).text();
    expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/health\/live",status="200"\} \d/);
    expect(text).toContain('route="unmatched"');
    expect(text).not.toContain('/nowhere/');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('serves an OpenAPI 3.1 document with bearer security, and a documentation page', async () => {
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

  it('describes the refusals of every route in the OpenAPI document', async () => {
    interface Described {
      paths: Record<string, Record<string, { responses: Record<string, { $ref?: string; content?: object }> }>>;
      components: { responses: Record<string, unknown>; schemas: Record<string, { required: string[] }> };
    }
    const { paths, components } = (await (await fetch(`${app.url}/openapi.json`)).json()) as Described;
    const statusesOf = (path: string, method: string) => Object.keys(paths[path]?.[method]?.responses ?? {});
    const keyed = ['401', '403', '429', '503', 'default'];
    expect(statusesOf('/v1/alerts/rules/{ruleId}', 'patch')).toEqual(['200', '400', '404', '413', ...keyed].sort());
    expect(statusesOf('/v1/me', 'get')).toEqual(['200', ...keyed]);
    expect(statusesOf('/v1/stream', 'post')).toEqual(['200', '400', '413', ...keyed].sort());
    expect(statusesOf('/v1/stream', 'head')).toEqual(['200', '429', '503', 'default']);
    for (const { responses } of Object.values(paths).flatMap((methods) => Object.values(methods))) {
      const refused = responses['default'] ?? {};
      expect(components.responses[refused.$ref?.split('/').at(-1) ?? '']).toHaveProperty('content');
    }
    const problem = (await (await fetch(`${app.url}/v1/me`)).json()) as object;
    expect(components.schemas['Problem']?.required.toSorted()).toEqual(Object.keys(problem).sort());
  });

  it('refuses a request without a key before reading its body', async () => {
    const socket = connect(app.port, '127.0.0.1').on('error', () => {});
    const head =
      'POST /v1/alerts/rules HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7900000\r\n\r\n';
    socket.write(`${head}{"a":`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 [^]*"missing_api_key"/);
  });

  it.each([
    ['/v1/alerts/rules', 413, 'payload_too_large'],
    ['/v1/query/advanced', 413, 'payload_too_large'],
    ['/v1/ingest/tvl', 422, 'limit_exceeded'],
    ['/nowhere', 404, 'not_found'],
  ])('limits the unpacked size of a compressed body at %s', async (path, status, code) => {
    const body = brotliCompressSync(Buffer.from(`{"items":[${Array.from({ length: 2_600_000 }, () => '{}').join()}]}`));
    const send = (headers: Record<string, string>) =>
      fetch(`${app.url}${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'content-encoding': 'br', ...headers },
      });
    const answer = await send({ authorization: `Bearer ${app.adminKey}` });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code });
    expect([401, 404]).toContain((await send({})).status);
  });

  it('sends `100 Continue` only if it will read the body', async () => {
    const ask = async (headers: string): Promise<string> => {
      const socket = connect(app.port, '127.0.0.1').on('error', () => {});
      const body = '{}';
      socket.write(
        `POST /v1/query/advanced HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
          `Expect: 100-continue\r\nConnection: close\r\n${headers}\r\n`,
      );
      socket.once('data', () => socket.write(body));
      return text(socket);
    };
    expect(await ask('')).toMatch(/^HTTP\/1\.1 401 /);
    expect(await ask(`Authorization: Bearer ${app.adminKey}\r\n`)).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 /,
    );
  });

  it('accepts a body that starts with a byte order mark', async () => {
    const answer = await fetch(`${app.url}/v1/ingest/tvl`, {
      method: 'POST',
      body: '\uFEFF{"items":[]}',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(200);
  });

  it.each(['/openapi.json', '/openapi.yaml'])('returns 304 for %s with a matching `if-none-match`', async (path) => {
    const known = await fetch(`${app.url}${path}`);
    // The answer is read, because a connection with an unread answer stays open.
    await known.arrayBuffer();
    // Without `fetch`, which bypasses all caches if this header is set.
    const socket = connect(app.port, '127.0.0.1');
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-None-Match: ${known.headers.get('etag')}\r\n\r\n`,
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 304 /);
  });

  it('does not repeat a key from the path or the query in an error', async () => {
    const key = 'rta_ab12_s3cr3tS3cr3tS3cr3t';
    for (const path of [`/ws?apiKey=${key}`, `/nowhere/${key}`, `/nowhere/${key.replaceAll('_', '%5F')}`]) {
      expect(await (await fetch(`${app.url}${path}`)).text()).not.toContain('s3cr3t');
    }
  });

  it('limits health probes and pages separately from other requests without a key', async () => {
    const statusOf = async (path: string) => (await fetch(`${app.url}${path}`)).status;
    const statuses = new Set<number>();
    for (let n = 0; n < 65; n++) statuses.add(await statusOf('/nowhere'));
    expect(statuses).toEqual(new Set([404, 429]));
    expect(await statusOf('/v1/me')).toBe(429);
    expect([await statusOf('/health/live'), await statusOf('/openapi.json')]).toEqual([200, 200]);
    const probes = new Set<number>();
    for (let n = 0; n < 605 && probes.size < 2; n++) probes.add(await statusOf('/health/live'));
    expect(probes).toEqual(new Set([200, 429]));
    expect(await statusOf('/openapi.json')).toBe(200);
    const me = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${app.adminKey}` } });
    expect(me.status).toBe(200);
  });
});
