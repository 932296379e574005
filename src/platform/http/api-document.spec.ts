import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Classes of a file: in files named `*.dto.ts` each is a schema of the OpenAPI document, by its name alone. */
const CLASS = /^(?:export )?(?:abstract )?class (\w+)/gm;

it('no two DTO classes have the same name, because one would replace the other in the OpenAPI document', () => {
  const files = globSync('src/**/*.dto.ts');
  const found = new Map<string, string[]>();
  for (const file of files) {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(CLASS)) {
      found.set(name, [...(found.get(name) ?? []), file]);
    }
  }
  expect([...found].filter(([, places]) => places.length > 1)).toEqual([]);
  expect(found.get('PageInfo')).toEqual(['src/platform/http/paging/page.dto.ts']);
  expect(files.length).toBeGreaterThan(20);
});
