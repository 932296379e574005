import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const IMPORT = /from '(\.[^']*)\.js'/g;

/** Returns the imports of each file of the product, types included. */
function imports(): Map<string, string[]> {
  const files = globSync('src/**/*.ts', { exclude: ['**/*.spec.ts'] });
  return new Map(
    files.map((file) => {
      const named = [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, path]) =>
        join(dirname(file), `${path}.ts`),
      );
      return [file, named.filter((one) => files.includes(one))];
    }),
  );
}

/** Returns the files that a file imports, directly or not. */
function reached(start: string, graph: ReadonlyMap<string, string[]>): Set<string> {
  const found = new Set<string>();
  const open = [...(graph.get(start) ?? [])];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    open.push(...(graph.get(file) ?? []));
  }
  return found;
}

/** Returns each set of files that all import each other, directly or not, once. */
function circles(graph: ReadonlyMap<string, string[]>): string[][] {
  const from = new Map([...graph.keys()].map((file) => [file, reached(file, graph)]));
  const members = [...from].map(([file, names]) => [...names].filter((other) => from.get(other)?.has(file)).sort());
  return [...new Set(members.filter((circle) => circle.length > 0).map((circle) => circle.join(' ')))].map((circle) =>
    circle.split(' '),
  );
}

test('circles of imports are found, types included', () => {
  const graph = new Map([
    ['a', ['b', 'e']],
    ['b', ['c']],
    ['c', ['a']],
    ['d', ['a', 'e']],
    ['e', ['d']],
    ['f', ['a']],
  ]);
  expect(circles(graph)).toEqual([['a', 'b', 'c', 'd', 'e']]);
  expect(imports().get('src/realtime/core/session/session.ts')).toContain('src/realtime/core/session/session-host.ts');
});

test('no circle of imports, types included, has more than two files', () => {
  const graph = imports();
  expect(graph.size).toBeGreaterThan(500);
  expect(circles(graph).filter((circle) => circle.length > 2)).toEqual([]);
});
