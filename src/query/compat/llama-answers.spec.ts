import { expect, it } from 'vitest';
import type { LlamaProtocolHistory } from './compat.dto.js';
import { LlamaAnswers } from './llama-answers.js';
import type { LlamaLookups } from './llama-lookups.js';

it('the DefiLlama routes answer all of 500 simultaneous requests, more than the cache holds', async () => {
  const held: (() => void)[] = [];
  const protocol = (slug: string): Promise<Partial<LlamaProtocolHistory>> =>
    new Promise((resolve) => held.push(() => resolve({ slug })));
  const answers = new LlamaAnswers({ protocol } as unknown as LlamaLookups);
  const slugs = Array.from({ length: 500 }, (_, index) => `p${index}`);
  const asked = slugs.map((slug) => answers.protocol(slug));
  expect(held).toHaveLength(slugs.length);
  for (const answer of held) answer();
  expect((await Promise.all(asked)).map(({ slug }) => slug)).toEqual(slugs);
});
