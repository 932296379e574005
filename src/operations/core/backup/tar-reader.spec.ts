import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { TarReader, type TarEntry } from './tar-reader.js';

const folder = mkdtempSync(join(tmpdir(), 'tar-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(chunks: readonly Buffer[]): Promise<Map<string, TarEntry & { text: string }>> {
  const found = new Map<string, TarEntry & { text: string }>();
  let current = '';
  const reader = new TarReader({
    entry: async (entry) => {
      current = entry.path;
      found.set(entry.path, { ...entry, text: '' });
    },
    content: async (chunk) => {
      const entry = found.get(current)!;
      found.set(current, { ...entry, text: entry.text + chunk.toString('latin1') });
    },
  });
  for (const chunk of chunks) await reader.write(chunk);
  expect(reader.end()).toBe(found.size);
  return found;
}

describe('an archive of files', () => {
  mkdirSync(join(folder, 'base/1'), { recursive: true });
  writeFileSync(join(folder, 'empty'), '', { mode: 0o600 });
  writeFileSync(join(folder, 'base/1/block'), 'a'.repeat(512));
  writeFileSync(join(folder, 'base/1/more'), 'b'.repeat(1_500));
  symlinkSync('/elsewhere', join(folder, 'link'));
  const archive = execFileSync('tar', ['--format=ustar', '-C', folder, '-c', 'empty', 'base', 'link']);

  it('is read alike in chunks of any size', async () => {
    const whole = await read([archive]);
    expect([...whole.keys()].toSorted()).toEqual(['base/', 'base/1/', 'base/1/block', 'base/1/more', 'empty', 'link']);
    expect(whole.get('empty')).toMatchObject({ kind: 'file', mode: 0o600, bytes: 0 });
    expect(whole.get('base/1/more')).toMatchObject({ bytes: 1_500, text: 'b'.repeat(1_500) });
    expect(whole.get('link')).toMatchObject({ kind: 'link', target: '/elsewhere' });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3_000 }), async (size) => {
        const chunks = Array.from({ length: Math.ceil(archive.length / size) }, (_, at) =>
          archive.subarray(at * size, (at + 1) * size),
        );
        expect(await read(chunks)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it('is refused if it ends inside a file, has a damaged header or leads out of its directory', async () => {
    const start = archive.indexOf('base/1/more');
    await expect(read([archive.subarray(0, start + 600)])).rejects.toThrow('the archive ends inside a file');
    const damaged = Buffer.from(archive);
    damaged[3] = 0x41;
    await expect(read([damaged])).rejects.toThrow('the archive has a damaged header');
    const outside = execFileSync('tar', ['--format=ustar', '-P', '-C', join(folder, 'base'), '-c', '../empty']);
    await expect(read([outside])).rejects.toThrow('the archive has a path outside its directory: ../empty');
  });
});
