/** Raw logs built by viem from ABIs written once more here: the judge of the decoder, and what simulated chains serve. */
import { decodeEventLog, encodeAbiParameters, parseAbiItem, toEventSelector, type AbiEvent } from 'viem';
import type { EventKind, RawLog, Standard } from '../../../src/onchain/core/index.js';

interface WrittenEvent {
  readonly standard: Standard;
  readonly kind: EventKind;
  /** Arguments without `indexed`, in the order of the ABI. */
  readonly args: string;
  /** Positions of the arguments that may be indexed, in the order in which they are. */
  readonly indexed: readonly number[];
}

export const WRITTEN_EVENTS: readonly WrittenEvent[] = [
  {
    standard: 'batch',
    kind: 'BatchMint',
    args: 'address to, uint256 startTokenId, uint256 quantity',
    indexed: [0, 1, 2],
  },
  {
    standard: 'batch',
    kind: 'BatchBurn',
    args: 'address from, uint256 startTokenId, uint256 quantity',
    indexed: [0, 1, 2],
  },
  {
    standard: 'batch',
    kind: 'BatchTransfer',
    args: 'address from, address to, uint256 startTokenId, uint256 quantity',
    indexed: [0, 1, 2],
  },
  { standard: 'batch', kind: 'Stake', args: 'address account, uint256 tokenId', indexed: [0, 1] },
  { standard: 'batch', kind: 'Unstake', args: 'address account, uint256 tokenId', indexed: [0, 1] },
  { standard: 'erc721', kind: 'Transfer', args: 'address from, address to, uint256 tokenId', indexed: [0, 1, 2] },
  {
    standard: 'erc721',
    kind: 'ConsecutiveTransfer',
    args: 'uint256 fromTokenId, uint256 toTokenId, address fromAddress, address toAddress',
    indexed: [0, 2, 3],
  },
  {
    standard: 'erc1155',
    kind: 'TransferSingle',
    args: 'address operator, address from, address to, uint256 id, uint256 value',
    indexed: [0, 1, 2],
  },
  {
    standard: 'erc1155',
    kind: 'TransferBatch',
    args: 'address operator, address from, address to, uint256[] ids, uint256[] values',
    indexed: [0, 1, 2],
  },
  { standard: 'erc20', kind: 'Transfer', args: 'address from, address to, uint256 value', indexed: [0, 1, 2] },
];

/** ABI of an event with its first `count` arguments indexed. */
function abiOf(event: WrittenEvent, count: number): AbiEvent {
  const indexed = new Set(event.indexed.slice(0, count));
  const args = event.args
    .split(', ')
    .map((text, position) => (indexed.has(position) ? text.replace(' ', ' indexed ') : text));
  return parseAbiItem(`event ${event.kind}(${args.join(', ')})`) as AbiEvent;
}

const SOMEWHERE: Omit<RawLog, 'address' | 'topics' | 'data'> = {
  blockNumber: '0x10',
  blockHash: `0x${'b1'.repeat(32)}`,
  transactionHash: `0x${'7a'.repeat(32)}`,
  transactionIndex: '0x3',
  logIndex: '0x5',
  blockTimestamp: '0x64000000',
};

/** Log of an event with its first `count` arguments indexed. `place` states block and position; without it, some block. */
export function rawLog(
  address: string,
  event: WrittenEvent,
  count: number,
  args: readonly unknown[],
  place: Partial<typeof SOMEWHERE> = {},
): RawLog {
  const { inputs } = abiOf(event, count);
  const given = inputs.map((input, position) => ({ input, value: args[position] }));
  const topics = given
    .filter(({ input }) => input.indexed)
    .map(({ input, value }) => encodeAbiParameters([{ type: input.type }], [value]));
  const inData = given.filter(({ input }) => !input.indexed);
  return {
    ...SOMEWHERE,
    ...place,
    address,
    topics: [toEventSelector(abiOf(event, 0)), ...topics],
    data: encodeAbiParameters(
      inData.map(({ input }) => input),
      inData.map(({ value }) => value),
    ),
  };
}

/** Arguments that viem's general decoder reads, by name; throws where viem does. */
export function readByViem(log: RawLog, event: WrittenEvent, count: number): Readonly<Record<string, unknown>> {
  const { args } = decodeEventLog({
    abi: [abiOf(event, count)],
    topics: log.topics as [`0x${string}`, ...`0x${string}`[]],
    data: log.data as `0x${string}`,
  });
  return args ?? {};
}
