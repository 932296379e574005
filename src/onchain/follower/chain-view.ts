import type { BlockHeader } from '../core/index.js';
import type { WatchedChain } from '../config/chain-registry.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import type { BlockRef } from '../store/chain-store.js';
import { MAX_BLOCKS_OF_STEP, type LiveWindow } from './live-step.js';

/** Parent of block 0. */
const BEFORE_BLOCK_0: BlockRef = { number: -1, hash: `0x${'0'.repeat(64)}`, at: 0 };

/** Blocks of a chain that a step begins and ends with, as one endpoint has them. */
export class ChainView {
  constructor(private readonly chain: WatchedChain) {}

  /** Returns the block up to which a step reads: the head, or one on the way to it. */
  async goalOf(endpoint: StepEndpoint, head: BlockHeader, window: LiveWindow): Promise<BlockHeader> {
    const number = window.head.number + MAX_BLOCKS_OF_STEP;
    if (head.number <= number) return head;
    const block = await endpoint.blockByNumber(number);
    if (block === undefined) throw endpoint.out(`it does not have block ${number}, below its newest one`);
    return block;
  }

  /** Returns the newest final block: the known one if the endpoint has no newer one. */
  async finalOf(endpoint: StepEndpoint, head: BlockHeader, known: BlockRef | undefined): Promise<BlockRef | undefined> {
    const { tag, depth } = this.chain.finality;
    const tagged = await endpoint.finalized(tag);
    if (tagged !== undefined) return newer(known, tagged);
    const number = head.number - depth;
    if (number < 0 || number <= (known?.number ?? -1)) return known;
    return newer(known, await endpoint.blockByNumber(number));
  }

  /** Returns the endpoint's block at the height of a stored one that is not in the chain of the final block. */
  async otherBlock(
    endpoint: StepEndpoint,
    above: readonly BlockRef[],
    final: BlockRef | undefined,
  ): Promise<BlockHeader | undefined> {
    if (final === undefined) return undefined;
    const top = above.findLast(({ number }) => number <= final.number);
    if (top === undefined || top.hash === final.hash) return undefined;
    const block = await endpoint.blockByNumber(top.number);
    if (top.number === final.number && block?.hash !== final.hash)
      throw endpoint.out('its final block is not its block of that height');
    return block?.hash === top.hash ? undefined : block;
  }

  /** Base of a chain of which no block is final yet: the block before the first one that is wanted. */
  async beforeFirst(endpoint: StepEndpoint): Promise<BlockRef> {
    const first = this.chain.contracts.reduce((lowest, { fromBlock }) => Math.min(lowest, fromBlock), Infinity);
    const block = first > 0 && first < Infinity ? await endpoint.blockByNumber(first - 1) : undefined;
    return block ?? BEFORE_BLOCK_0;
  }
}

function newer(one: BlockRef | undefined, other: BlockRef | undefined): BlockRef | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.number > one.number ? other : one;
}
