import type { BlockHeader } from '../model/block.js';
import type { Hash } from '../model/hex.js';

export interface BlockRef {
  readonly number: number;
  readonly hash: Hash;
}

/** Stored part of a chain: its head and the canonical blocks above `final`. */
export interface StoredChain {
  /** Newest stored block; undefined before the first. */
  readonly head: BlockRef | undefined;
  /** Newest final block; nothing at or below it changes any more. Undefined: no block is final yet. */
  readonly final: BlockRef | undefined;
  /** Returns the hash of the canonical stored block of a height; undefined if none is stored. */
  hashAt(number: number): Hash | undefined;
}

export interface ForkLimits {
  /** Most stored blocks that a reorg may replace. */
  readonly forkDepth: number;
  /** Most blocks of the new branch that are read; more is work for ranges. */
  readonly maxNewBlocks: number;
}

/** Meaning of a new head for the stored chain. `newBlocks` ascend to the new head. */
export type ForkResult =
  | { readonly kind: 'same' }
  /** The head is an ancestor of the stored head: the endpoint lags. */
  | { readonly kind: 'behind'; readonly blocks: number }
  | { readonly kind: 'extend'; readonly newBlocks: readonly BlockHeader[] }
  | {
      readonly kind: 'reorg';
      readonly ancestor: BlockRef;
      /** Stored blocks that the new branch replaces. */
      readonly depth: number;
      readonly newBlocks: readonly BlockHeader[];
    }
  /** The head is further away than `maxNewBlocks`. */
  | { readonly kind: 'too_far'; readonly blocks: number }
  /** The fork is below the final block, or deeper than `forkDepth`. */
  | { readonly kind: 'too_deep'; readonly reason: string }
  /** The endpoint does not know a parent of its own head: the branch was replaced meanwhile. */
  | { readonly kind: 'moved'; readonly missing: Hash }
  | { readonly kind: 'bad_endpoint'; readonly reason: string };

/**
 * Finds where the branch of a new head leaves the stored chain, by walking from parent to parent. Asks for no block twice, and
 * for none below the final one. Changes of the chain during the walk end in `moved`, and the next head is looked at afresh.
 * @param parent returns a block by its hash; undefined if the endpoint does not know it
 */
export async function findFork(
  stored: StoredChain,
  head: BlockHeader,
  parent: (hash: Hash) => Promise<BlockHeader | undefined>,
  { forkDepth, maxNewBlocks }: ForkLimits,
): Promise<ForkResult> {
  const known = atHead(stored, head);
  if (known !== undefined) return known;
  const base = stored.head;
  if (base === undefined) return { kind: 'extend', newBlocks: [head] };
  const behind = base.number - head.number;
  if (behind > forkDepth)
    return {
      kind: 'bad_endpoint',
      reason: `its head is ${behind} blocks behind the stored one, which it does not know`,
    };
  if (-behind > maxNewBlocks) return { kind: 'too_far', blocks: -behind };
  const branch = [head];
  for (let oldest = head; ;) {
    const below = { number: oldest.number - 1, hash: oldest.parentHash };
    if (isStored(stored, below)) return joined(base, below, branch, forkDepth);
    const deep = tooDeep(stored.final, base, below.number, forkDepth);
    if (deep !== undefined) return deep;
    const found = await parent(below.hash);
    if (found === undefined) return { kind: 'moved', missing: below.hash };
    if (found.hash !== below.hash || found.number !== below.number)
      return {
        kind: 'bad_endpoint',
        reason: `it answered with another block than the parent of block ${oldest.number}`,
      };
    branch.push(found);
    oldest = found;
  }
}

function isStored(stored: StoredChain, { number, hash }: BlockRef): boolean {
  const { final } = stored;
  return (number === final?.number && hash === final.hash) || stored.hashAt(number) === hash;
}

/** Result for a head that is stored already, or lies where nothing may change. */
function atHead(stored: StoredChain, head: BlockHeader): ForkResult | undefined {
  if (stored.head === undefined) return undefined;
  if (stored.head.hash === head.hash) return { kind: 'same' };
  if (isStored(stored, head)) return { kind: 'behind', blocks: stored.head.number - head.number };
  if (stored.final === undefined || head.number > stored.final.number) return undefined;
  return {
    kind: 'bad_endpoint',
    reason: `its head ${head.number} is not above the final block ${stored.final.number}`,
  };
}

/** Result if the block of the height `below` may not be replaced; the branch has another one there. */
function tooDeep(
  final: BlockRef | undefined,
  base: BlockRef,
  below: number,
  forkDepth: number,
): ForkResult | undefined {
  if (final !== undefined && below <= final.number)
    return {
      kind: 'too_deep',
      reason: `the branch of the new head leaves the chain below the final block ${final.number}`,
    };
  if (below < 0) return { kind: 'too_deep', reason: 'the branch of the new head has another first block' };
  return base.number - below < forkDepth ? undefined : deeperThan(forkDepth);
}

function deeperThan(forkDepth: number): ForkResult {
  return { kind: 'too_deep', reason: `the branch of the new head replaces more than ${forkDepth} blocks` };
}

/** Result for a branch, newest block first, that leaves the chain after `ancestor`. */
function joined(base: BlockRef, ancestor: BlockRef, branch: readonly BlockHeader[], forkDepth: number): ForkResult {
  const newBlocks = branch.toReversed();
  const depth = base.number - ancestor.number;
  if (depth === 0) return { kind: 'extend', newBlocks };
  return depth > forkDepth ? deeperThan(forkDepth) : { kind: 'reorg', ancestor, depth, newBlocks };
}
