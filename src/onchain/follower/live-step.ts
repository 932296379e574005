import {
  findFork,
  type BlockHeader,
  type BlockRef,
  type ForkResult,
  type Hash,
  type StoredChain,
} from '../core/index.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import { inParallel, readBlocks, type BlockLogs, type Checks } from './block-logs.js';
import type { Watch } from './watch.js';

/** Blocks that one step adds, at most; the rest follows in the next one. */
export const MAX_BLOCKS_OF_STEP = 64;
/** Distance to the head from which headers are read by height at the same time, before the walk from parent to parent. */
const MIN_READ_AHEAD = 3;

/** Stored blocks above the final one. */
export interface LiveWindow extends StoredChain {
  readonly final: BlockRef;
  readonly head: BlockRef;
}

/** Finding of a step that reads new blocks. */
export type LiveFinding =
  /** Nothing to store. */
  | { readonly kind: 'none' }
  /** The chain changed during the step: it is to be repeated at once. */
  | { readonly kind: 'again' }
  | { readonly kind: 'too_deep'; readonly reason: string }
  | {
      readonly kind: 'blocks';
      readonly blocks: readonly BlockHeader[];
      readonly logs: BlockLogs;
      /** Set if stored blocks are replaced. */
      readonly reorg: { readonly ancestor: BlockRef; readonly depth: number } | undefined;
    };

/** Window of stored blocks: the final one and, ascending, those above it. */
export function windowOf(final: BlockRef, above: readonly BlockRef[]): LiveWindow {
  const hashes = new Map<number, Hash>();
  let head: BlockRef = final;
  for (const block of above) {
    if (block.number !== head.number + 1) break;
    hashes.set(block.number, block.hash);
    head = block;
  }
  return { final, head, hashAt: (number) => hashes.get(number) };
}

/**
 * Reads what the branch of a block adds to the stored ones, completely, from one endpoint. Nothing is stored. The block is at most
 * `MAX_BLOCKS_OF_STEP` ahead of them.
 */
export async function liveStep(
  endpoint: StepEndpoint,
  head: BlockHeader,
  window: LiveWindow,
  forkDepth: number,
  watch: Watch,
  checks: Checks,
): Promise<LiveFinding> {
  const result = await forkOf(endpoint, head, window, forkDepth);
  switch (result.kind) {
    case 'same':
    case 'behind':
      return { kind: 'none' };
    case 'moved':
      return { kind: 'again' };
    case 'too_deep':
      return result;
    case 'bad_endpoint':
      throw endpoint.out(result.reason);
    case 'too_far':
      throw endpoint.out(`its newest block is ${result.blocks} blocks ahead`);
    default: {
      const reorg = result.kind === 'reorg' ? result : undefined;
      const blocks = result.newBlocks;
      return { kind: 'blocks', blocks, logs: await readBlocks(endpoint, blocks, watch, checks), reorg };
    }
  }
}

async function forkOf(
  endpoint: StepEndpoint,
  head: BlockHeader,
  window: LiveWindow,
  forkDepth: number,
): Promise<ForkResult> {
  const ahead = await readAhead(endpoint, window.head.number + 1, head.number - 1);
  const parent = async (hash: Hash): Promise<BlockHeader | undefined> => ahead.get(hash) ?? endpoint.blockByHash(hash);
  return findFork(window, head, parent, { forkDepth, maxNewBlocks: MAX_BLOCKS_OF_STEP });
}

/** Reads the blocks of these heights, as they probably are the parents of the head. */
async function readAhead(endpoint: StepEndpoint, from: number, to: number): Promise<Map<Hash, BlockHeader>> {
  if (to - from + 1 < MIN_READ_AHEAD) return new Map();
  const numbers = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const found = await inParallel(numbers, (number) => endpoint.blockByNumber(number));
  return new Map(found.flatMap((block) => (block === undefined ? [] : [[block.hash, block] as const])));
}
