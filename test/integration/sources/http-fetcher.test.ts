import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpFetcher, type HttpFetcherOptions } from '../../../src/events/sources/defillama/http-fetcher.js';
import { json, startLlamaServer, type LlamaServer } from './llama-server.js';

describe('the HTTP fetcher', () => {
  let server: LlamaServer;
  let fetcher: HttpFetcher;

  beforeEach(async () => {
    server = await startLlamaServer(json({ ok: true }));
  });

  afterEach(async () => {
    await fetcher.close();
    await server.close();
  });

  const get = (options: Partial<HttpFetcherOptions> = {}): Promise<unknown> => {
    fetcher = new HttpFetcher({ timeoutMs: 500, retryMs: 1, attempts: 3, breakAfter: 50, ...options });
    return fetcher.get(`${server.url}/x`, new AbortController().signal);
  };

  it('returns a parsed body, and undefined while the server returns 304', async () => {
    server.answer = json({ n: 1 }, { etag: '"1"' });
    expect(await get()).toEqual({ n: 1 });
    server.answer = (_, response) => response.writeHead(304).end();
    expect(await fetcher.get(`${server.url}/x`, new AbortController().signal)).toBeUndefined();
    fetcher.forget(`${server.url}/x`);
    server.answer = json({ n: 2 });
    expect(await fetcher.get(`${server.url}/x`, new AbortController().signal)).toEqual({ n: 2 });
    expect(server.requests).toEqual(['GET /x -', 'GET /x "1"', 'GET /x -']);
  });

  it.each([
    ['a 503', (_: unknown, response: { writeHead(status: number): { end(): void } }) => response.writeHead(503).end()],
    ['a reset connection', (_: unknown, response: { destroy(): void }) => response.destroy()],
    ['truncated JSON', json('{"protocols": [1, 2')],
  ])('retries after %s', async (_, failure) => {
    let failures = 0;
    server.answer = (request, response) => {
      if (failures++ < 2) failure(request, response);
      else json({ ok: true })(request, response);
    };
    expect(await get()).toEqual({ ok: true });
    expect(server.requests).toHaveLength(3);
  });

  it('waits as long as a 429 requests, but gives up at once if the wait is very long', async () => {
    let first = true;
    server.answer = (request, response) => {
      if (first) response.writeHead(429, { 'retry-after': '0' }).end();
      else json({ ok: true })(request, response);
      first = false;
    };
    expect(await get()).toEqual({ ok: true });
    await fetcher.close();
    server.answer = (_, response) => response.writeHead(429, { 'retry-after': '86400' }).end();
    await expect(get()).rejects.toThrow('429');
    await fetcher.close();
    server.answer = (_, response) =>
      response.writeHead(429, { 'retry-after': new Date(Date.now() + 86_400_000).toUTCString() }).end();
    await expect(get()).rejects.toThrow('429');
    expect(server.requests).toHaveLength(4);
  });

  it.each([
    ['another content type', json('<html>', { 'content-type': 'text/html' }), 'not JSON'],
    [
      'a redirect',
      (_: unknown, response: { writeHead(...a: unknown[]): { end(): void } }) =>
        response.writeHead(302, { location: '/y' }).end(),
      '302',
    ],
    [
      'a 404',
      (_: unknown, response: { writeHead(status: number): { end(): void } }) => response.writeHead(404).end(),
      '404',
    ],
    ['a body above the size limit', json({ text: 'x'.repeat(5_000) }), 'more than 1000 bytes'],
  ])('does not retry after %s', async (_, answer, message) => {
    server.answer = answer;
    await expect(get({ maxBytes: 1_000 })).rejects.toThrow(message);
    expect(server.requests).toHaveLength(1);
  });

  it('gives up on a silent server, and on a server that sends too slowly', async () => {
    server.answer = () => undefined;
    await expect(get({ timeoutMs: 50, attempts: 2 })).rejects.toThrow(/timeout/i);
    await fetcher.close();
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(drip));
    };
    await expect(get({ timeoutMs: 100, attempts: 1 })).rejects.toThrow(/timeout/i);
  });

  it('pauses requests to a server that keeps failing, and resumes later', async () => {
    server.answer = (_, response) => response.writeHead(500).end();
    await expect(get({ attempts: 1, breakAfter: 2, breakMs: 100 })).rejects.toThrow('500');
    const again = (): Promise<unknown> => fetcher.get(`${server.url}/x`, new AbortController().signal);
    await expect(again()).rejects.toThrow('500');
    await expect(again()).rejects.toThrow('requests are paused');
    expect(server.requests).toHaveLength(2);
    server.answer = json({ ok: true });
    await expect.poll(again, { timeout: 20_000 }).toEqual({ ok: true });
  });

  it('pauses requests only to the failing server', async () => {
    const healthy = await startLlamaServer(json({ ok: true }));
    try {
      server.answer = (_, response) => response.writeHead(500).end();
      await expect(get({ attempts: 1, breakAfter: 1, breakMs: 60_000 })).rejects.toThrow('500');
      expect(await fetcher.get(`${healthy.url}/x`, new AbortController().signal)).toEqual({ ok: true });
    } finally {
      await healthy.close();
    }
  });

  it('stores ETags only for the most recent addresses', async () => {
    server.answer = json({ ok: true }, { etag: '"1"' });
    await get();
    for (let n = 0; n < 300; n++) await fetcher.get(`${server.url}/${n}`, new AbortController().signal);
    await fetcher.get(`${server.url}/x`, new AbortController().signal);
    await fetcher.get(`${server.url}/299`, new AbortController().signal);
    expect(server.requests.slice(-2)).toEqual(['GET /x -', 'GET /299 "1"']);
  });

  it('stops at once on abort', async () => {
    server.answer = () => undefined;
    fetcher = new HttpFetcher({ timeoutMs: 60_000 });
    const stop = new AbortController();
    const answer = fetcher.get(`${server.url}/x`, stop.signal);
    stop.abort();
    await expect(answer).rejects.toThrow(/abort/i);
  });
});
