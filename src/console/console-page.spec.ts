import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConsoleFiles } from './console-files.js';
import { consolePage } from './console-page.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

describe('the console page', () => {
  let server: Server;

  beforeAll(async () => {
    const app = express().use(consolePage());
    app.use((_request, response) => void response.status(404).end('next'));
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        );
      });
      sent.on('error', reject).end();
    });

  const addresses = async (): Promise<string[]> => {
    const { body } = await get('/');
    return [...body.toString().matchAll(/(?:href|src)="(\/console\/[^"]+)"/g)].map(([, address = '']) => address);
  };

  it('is sent with `no-cache` and a strict CSP, without inline scripts or external URLs', async () => {
    const { status, headers, body } = await get('/');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-cache');
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(body.toString()).not.toMatch(/<script(?![^>]+src=)|<style|\s(?:style|on[a-z]+)="|https?:\/\//);
  });

  it('returns 304 for a matching `If-None-Match`', async () => {
    const { headers } = await get('/');
    const again = await get('/', { 'if-none-match': headers.etag ?? '' });
    expect(again.status).toBe(304);
    expect(again.body).toHaveLength(0);
  });

  it('references only existing files, each cacheable for a year', async () => {
    const named = await addresses();
    expect(named.length).toBeGreaterThan(5);
    for (const address of named) {
      const { status, headers } = await get(address);
      expect({ address, status, cache: headers['cache-control'] }).toEqual({
        address,
        status: 200,
        cache: 'public, max-age=31536000, immutable',
      });
    }
  });

  it('serves every module that another module imports', async () => {
    const [app = ''] = (await addresses()).filter((address) => address.endsWith('/app.js'));
    const seen = new Set<string>();
    const follow = async (address: string): Promise<void> => {
      if (seen.has(address)) return;
      seen.add(address);
      const { status, body } = await get(address);
      expect({ address, status }).toEqual({ address, status: 200 });
      const imports = /^import [^;]*?'(\.[^']+)';$|\bimport\('(\.[^']+)'\)/gms;
      for (const [, fixed, lazy = ''] of body.toString().matchAll(imports)) {
        const target = fixed ?? lazy;
        await follow(new URL(target, `http://host${address}`).pathname);
      }
    };
    await follow(app);
    expect([...seen].map((address) => address.split('/').slice(3).join('/'))).toEqual(
      expect.arrayContaining(['vendor/socket.io.js', 'vendor/uplot.js', 'live/view.js', 'query/view.js']),
    );
  });

  it('sends at most 15 KB of frame and 150 KB until the first view is complete, gzipped', async () => {
    const { page, assets } = readConsoleFiles();
    const sizeOf = (names: Iterable<string>): number =>
      [...names].reduce((sum, name) => sum + (assets.get(name)?.gzipped.length ?? Infinity), page.gzipped.length);
    const frame = new Set((await addresses()).map((address) => address.split('/').slice(3).join('/')));
    expect(sizeOf(frame)).toBeLessThanOrEqual(15_000);

    const views = assets.get('views.js')?.body.toString() ?? '';
    const [, styles = ''] = /styles: \[([^\]]+)\]/.exec(views) ?? [];
    const all = new Set([
      ...frame,
      'live/view.html',
      ...[...styles.matchAll(/'([^']+)'/g)].map(([, name = '']) => name),
    ]);
    const follow = (name: string): void => {
      all.add(name);
      for (const [, target = ''] of (assets.get(name)?.body ?? '')
        .toString()
        .matchAll(/^import [^;]*?'([^']+)';$/gms)) {
        const next = new URL(target, `http://host/${name}`).pathname.slice(1);
        if (!all.has(next)) follow(next);
      }
    };
    for (const entry of ['live-data.js', 'live/view.js']) follow(entry);
    expect(all).toContain('vendor/uplot.js');
    expect(sizeOf(all)).toBeLessThanOrEqual(150_000);
  });

  it('serves files under the path of another version with `Cache-Control: no-store`', async () => {
    const { status, headers } = await get('/console/000000000000/app.js');
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('compresses files for clients that accept gzip', async () => {
    const [app = ''] = (await addresses()).filter((address) => address.endsWith('/app.js'));
    const plain = await get(app);
    const small = await get(app, { 'accept-encoding': 'gzip' });
    expect(small.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(small.body).equals(plain.body)).toBe(true);
  });

  it.each(['/console/app.js', '/console/000000000000/../index.js', '/console/000000000000/index.html', '/consoles'])(
    'passes %s on to the next route handler',
    async (path) => {
      const { status, body } = await get(path);
      expect([status, body.toString()]).toEqual([404, 'next']);
    },
  );
});
