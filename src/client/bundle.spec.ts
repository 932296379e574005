import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { bundleClient } from './bundle.mjs';

const MAX_BYTES = { index: 8 * 1024, live: 2 * 1024, shared: 2 * 1024 };

it.each(Object.entries(MAX_BYTES))(
  'the module %s of the client has at most %i bytes, compressed',
  async (entry, max) => {
    const modules = await bundleClient();
    const text = modules.get(entry) ?? '';
    expect(text).toContain('export');
    expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(max);
  },
);

it('the client needs no other module, and reads no global when it is imported', async () => {
  const modules = await bundleClient();
  const imported = [...modules.values()].flatMap((text) =>
    [...text.matchAll(/from\s?"([^"]+)"/g)].map(([, name]) => name),
  );
  expect([...new Set(imported)]).toEqual(['./index.js']);
  const names = [
    'WebSocket',
    'fetch',
    'performance',
    'setTimeout',
    'navigator',
    'BroadcastChannel',
    'document',
    'crypto',
  ];
  const text = (modules.get('index') ?? '').replace(/export\{[^}]*\};?\s*$/, '');
  // oxlint-disable-next-line typescript/no-implied-eval -- runs the module without the globals
  const load = new Function(...names, text) as (...given: undefined[]) => void;
  expect(() => load(...names.map(() => undefined))).not.toThrow();
});
