import { expect, it } from 'vitest';
import type { PublishedState } from '../../events/index.js';
import { UnseenSubjects } from './unseen-subjects.js';

it('the check for unknown tokens scans the token list once and yields to the event loop', async () => {
  let looks = 0;
  const published = {
    loadedAt: 1,
    price: () => undefined,
    *all() {
      looks += 1;
      for (let index = 0; index < 100_000; index += 1) yield { token: `coin-${index}`, symbol: `C${index}` };
    },
  };
  const conditions = Array.from({ length: 10 }, (_, index) => ({
    metric: 'price' as const,
    operator: 'lt' as const,
    threshold: 1,
    token: index === 0 ? 'c99999' : `nobody-${index}`,
  }));
  let turns = 0;
  let waiting = setImmediate(function turn() {
    turns += 1;
    waiting = setImmediate(turn);
  });
  const warnings = await new UnseenSubjects(published as unknown as PublishedState).warnings({ conditions });
  clearImmediate(waiting);
  expect(warnings.map(({ detail }) => detail).slice(0, 2)).toEqual([
    'The token c99999 has no price yet; did you mean coin-99999?',
    'The token nobody-1 has no price yet.',
  ]);
  expect(looks).toBe(1);
  expect(turns).toBeGreaterThan(2);
});
