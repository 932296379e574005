import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockHeader } from '../model/block.js';
import type { Hash } from '../model/hex.js';
import { findFork, type ForkLimits, type ForkResult, type StoredChain } from './fork.js';

const hashOf = (name: string): Hash => `0x${Buffer.from(name).toString('hex').padStart(64, '0')}`;

/** Blocks of one height per letter: `aabb` and `aacc` share their first two blocks. */
function branchOf(letters: string): BlockHeader[] {
  return Array.from(letters, (_, number) => ({
    number,
    hash: hashOf(letters.slice(0, number + 1)),
    parentHash: number === 0 ? hashOf('') : hashOf(letters.slice(0, number)),
    at: number * 1_000,
    logsBloom: '0x',
  }));
}

function storedOf(letters: string, final?: number): StoredChain {
  const blocks = branchOf(letters);
  const head = blocks.at(-1);
  return { head, final: final === undefined ? undefined : blocks[final], hashAt: (number) => blocks[number]?.hash };
}

async function fork(
  stored: StoredChain,
  branch: string,
  limits: Partial<ForkLimits> = {},
  hidden: readonly string[] = [],
): Promise<{ result: ForkResult; asked: number }> {
  const blocks = branchOf(branch);
  const byHash = new Map(blocks.map((block) => [block.hash, block]));
  for (const name of hidden) byHash.delete(hashOf(name));
  let asked = 0;
  const result = await findFork(
    stored,
    blocks.at(-1)!,
    (hash) => {
      asked += 1;
      return Promise.resolve(byHash.get(hash));
    },
    { forkDepth: 64, maxNewBlocks: 64, ...limits },
  );
  return { result, asked };
}

describe('the fork of a new head', () => {
  it('is none when the head is the stored one, or an ancestor of it', async () => {
    expect((await fork(storedOf('aaaa'), 'aaaa')).result).toEqual({ kind: 'same' });
    expect((await fork(storedOf('aaaa'), 'aa')).result).toEqual({ kind: 'behind', blocks: 2 });
    expect((await fork(storedOf('aaaa', 1), 'aa')).result).toEqual({ kind: 'behind', blocks: 2 });
  });

  it('starts a chain of which nothing is stored at its head', async () => {
    const empty = { head: undefined, final: undefined, hashAt: () => undefined };
    expect((await fork(empty, 'aaa')).result).toMatchObject({ kind: 'extend', newBlocks: [{ number: 2 }] });
  });

  it('extends the chain without a question when the parent is the stored head', async () => {
    const { result, asked } = await fork(storedOf('aaa'), 'aaaa');
    expect(result).toMatchObject({ kind: 'extend', newBlocks: [{ number: 3 }] });
    expect(asked).toBe(0);
  });

  it('may lie at the final block, but not below it', async () => {
    expect((await fork(storedOf('aaaa', 1), 'aabbb')).result).toMatchObject({ kind: 'reorg', depth: 2 });
    expect((await fork(storedOf('aaaa', 2), 'aabbb')).result).toEqual({
      kind: 'too_deep',
      reason: 'the branch of the new head leaves the chain below the final block 2',
    });
  });

  it('may replace as many blocks as the fork depth, but not one more', async () => {
    expect((await fork(storedOf('aaaa'), 'abbbb', { forkDepth: 3 })).result).toMatchObject({ kind: 'reorg', depth: 3 });
    const { result, asked } = await fork(storedOf('aaaa'), 'abbbb', { forkDepth: 2 });
    expect(result).toMatchObject({ kind: 'too_deep' });
    expect(asked).toBe(2);
  });

  it('may replace the first block only if none is final and it is not the first of the chain', async () => {
    expect((await fork(storedOf('aa'), 'bb')).result).toMatchObject({ kind: 'too_deep' });
    const blocks = branchOf('aaaa').slice(2);
    const late: StoredChain = { head: blocks[1], final: undefined, hashAt: (number) => blocks[number - 2]?.hash };
    expect((await fork(late, 'aabb', { forkDepth: 2 })).result).toMatchObject({ kind: 'too_deep' });
  });

  it('is the fault of the endpoint if its head goes back further than the fork depth or to the final block', async () => {
    expect((await fork(storedOf('aaaaa'), 'ab', { forkDepth: 2 })).result).toMatchObject({ kind: 'bad_endpoint' });
    expect((await fork(storedOf('aaaaa', 1), 'ab')).result).toMatchObject({ kind: 'bad_endpoint' });
  });

  it('is the fault of the endpoint if it answers with another block than the parent', async () => {
    const blocks = branchOf('aabb');
    const result = await findFork(storedOf('aaa'), blocks[3]!, () => Promise.resolve(blocks[1]), {
      forkDepth: 64,
      maxNewBlocks: 64,
    });
    expect(result).toMatchObject({ kind: 'bad_endpoint' });
  });

  it('is looked for again if the branch was replaced during the walk', async () => {
    const { result } = await fork(storedOf('aaaa'), 'abbbb', {}, ['abb']);
    expect(result).toEqual({ kind: 'moved', missing: hashOf('abb') });
  });

  it('is left to ranges if the head is far ahead', async () => {
    const { result, asked } = await fork(storedOf('aa'), 'aaaaaaa', { maxNewBlocks: 4 });
    expect(result).toEqual({ kind: 'too_far', blocks: 5 });
    expect(asked).toBe(0);
  });

  it('is the newest common block of any two branches, and every question is asked once', async () => {
    const chain = fc.record({
      shared: fc.integer({ min: 1, max: 6 }),
      ours: fc.integer({ min: 0, max: 8 }),
      theirs: fc.integer({ min: 0, max: 8 }),
      final: fc.option(fc.integer({ min: 0, max: 13 }), { nil: undefined }),
      forkDepth: fc.integer({ min: 1, max: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(chain, async ({ shared, ours, theirs, final, forkDepth }) => {
        const mine = 's'.repeat(shared) + 'a'.repeat(ours);
        const branch = 's'.repeat(shared) + 'b'.repeat(theirs);
        const finalAt = final === undefined ? undefined : Math.min(final, mine.length - 1);
        const { result, asked } = await fork(storedOf(mine, finalAt), branch, { forkDepth });
        expect(asked).toBeLessThanOrEqual(theirs);
        expect(result).toMatchObject(expected({ shared, ours, theirs, finalAt, forkDepth, branch }));
      }),
    );
  });
});

interface Branches {
  readonly shared: number;
  readonly ours: number;
  readonly theirs: number;
  readonly finalAt: number | undefined;
  readonly forkDepth: number;
  readonly branch: string;
}

const REFUSED: unknown = expect.stringMatching(/too_deep|bad_endpoint/);

/** Result for two branches of known lengths, without a walk. */
function expected({ shared, ours, theirs, finalAt, forkDepth, branch }: Branches): object {
  if (theirs === 0) return { kind: ours === 0 ? 'same' : 'behind' };
  const newBlocks = branchOf(branch).slice(shared);
  if (ours === 0) return { kind: 'extend', newBlocks };
  const isAllowed = ours <= forkDepth && (finalAt === undefined || finalAt < shared);
  if (!isAllowed) return { kind: REFUSED };
  const ancestor = { number: shared - 1, hash: hashOf('s'.repeat(shared)) };
  return { kind: 'reorg', ancestor, depth: ours, newBlocks };
}
