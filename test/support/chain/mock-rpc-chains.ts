import type { Address, Hash } from '../../../src/onchain/core/index.js';
import { MockChain, type LogSpec } from './mock-rpc-chain.js';

const word = (value: number): Hash => `0x${value.toString(16).padStart(64, '0')}`;
export const SINGLE_CONTRACT: Address = `0x${'a1'.repeat(20)}`;
export const SINGLE_TOPIC: Hash = `0x${'c3'.repeat(32)}`;

/** Chain with so many logs of one contract in each block after block 0. */
export function chainOfLogs({ perBlock }: { perBlock: readonly number[] }): MockChain {
  const chain = new MockChain();
  for (const count of perBlock)
    chain.mine(
      Array.from({ length: count }, (_, index): LogSpec => ({
        address: SINGLE_CONTRACT,
        topics: [SINGLE_TOPIC, word(index), word(index + 1), word(index + 2)],
        data: '0x',
      })),
    );
  return chain;
}
