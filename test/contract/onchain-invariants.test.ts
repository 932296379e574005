import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ALARM_CODES } from '../../src/onchain/store/chain-alarms.js';
import { CHECKS } from '../../src/onchain/store/invariant-checks.js';

const ROOT = join(import.meta.dirname, '../..');

it('every invariant of the projection names a test and checks that exist, and no check is missing', () => {
  const tests = globSync(
    [
      'src/onchain/**/*.spec.ts',
      'src/events/core/*.spec.ts',
      'test/*/onchain*.test.ts',
      'test/integration/onchain/*.ts',
      'test/integration/{alerts,query}/*.test.ts',
    ],
    {
      cwd: ROOT,
    },
  )
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  const rows = readFileSync(join(ROOT, 'src/onchain/INVARIANTS.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| statement'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.map((cells) => cells[4]).filter((name) => !tests.includes(`'${name}`))).toEqual([]);
  const named = rows.flatMap((cells) => [...(cells[3] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name ?? ''));
  expect(named.filter((name) => !(name in CHECKS) && !(name in ALARM_CODES))).toEqual([]);
  expect(Object.keys(CHECKS).filter((check) => !named.includes(check))).toEqual([]);
});
