import { decodeEventLog, parseAbi } from 'viem';
import { BENCH_CONTRACT, singleTransfers } from './onchain-chains.js';

const ABI = parseAbi(['event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)']);

/** Events a second that viem's decoder reads on one core: nothing else is done with them. */
export function viemRate(events: number): number {
  const chain = singleTransfers({ events, perBlock: 200, accounts: 20_000, startsAt: 1_600_000_000 });
  const logs = Array.from({ length: chain.head }, (_, number) => chain.block(number)?.logs ?? []).flat();
  let decoded = 0;
  const begun = performance.now();
  for (const { address, topics, data } of logs) {
    const { args } = decodeEventLog({ abi: ABI, topics: topics as [`0x${string}`, ...`0x${string}`[]], data });
    if (address === BENCH_CONTRACT && args.tokenId !== undefined) decoded += 1;
  }
  return decoded / ((performance.now() - begun) / 1_000);
}
