import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { dataDirectory } from './data-directory.js';

const root = mkdtempSync(join(tmpdir(), 'data-directory-'));
afterAll(() => rmSync(root, { recursive: true }));

it('a data directory is created empty, private and with its parents, and is reused afterwards', () => {
  const directory = join(root, 'a/b/c');
  expect([dataDirectory(directory), dataDirectory(directory)]).toEqual([directory, directory]);
  expect([statSync(directory).mode & 0o777, readdirSync(directory)]).toEqual([0o700, []]);
});

it('a data directory that cannot be created or written is refused with the name of its setting', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  const impossible = ['/proc/x', '/proc', '/proc/x/y', file, join(file, 'below'), join(root, 'a\u0000b')];
  for (const directory of impossible) {
    expect(() => dataDirectory(directory)).toThrow(
      `DATA_DIR=${directory} must be a directory that this process can create and write`,
    );
  }
});
