import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeClient } from '../../src/client/bundle.mjs';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
let app: TestApp;

beforeAll(async () => {
  await writeClient(join(root, 'dist/client', version));
  app = await createTestApp();
});
afterAll(() => app.close());

const get = (path: string) => fetch(`${app.url}/client/${path}`, { headers: { origin: 'https://other.example' } });

it.each([`${version}/index.js`, `${version}/live.js`, `${version}/shared.js`, `${version}.js`])(
  'the client is served to other origins and cached for ever: %s',
  async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(await answer.text()).toContain('export');
  },
);

it.each(['9.9.9/index.js', '9.9.9.js', `${version}/other.js`, `${version}/../index.js`, version])(
  'an unknown version or name of the client is not found: %s',
  async (path) => {
    const answer = await get(path);
    expect([answer.status, await answer.json()]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
  },
);

it('the served module works as it stands', async () => {
  const text = await (await get(`${version}/index.js`)).text();
  const module = (await import(
    `data:text/javascript,${encodeURIComponent(text)}`
  )) as typeof import('../../src/client/index.js');
  const client = module.connect({ url: app.url, auth: await app.key() });
  await new Promise<void>((resolve) => {
    client.on('state', (state) => {
      if (state === 'open') resolve();
    });
  });
  client.close();
  expect(client.state).toBe('closed');
});
