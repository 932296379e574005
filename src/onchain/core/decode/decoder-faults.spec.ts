import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WRITTEN_EVENTS, rawLog, readByViem } from '../../../../test/support/chain/raw-logs.js';
import { decoderFor, isDecodeFailure, topic0sOf, type EventKind, type RawLog, type Standard } from '../index.js';

const CONTRACT = `0x${'c0'.repeat(20)}` as const;
const ALICE = `0x${'a1'.repeat(20)}`;
const HIGHEST = 2n ** 256n - 1n;

const decoder = (standard: Standard) => decoderFor([{ address: CONTRACT, standard }], { maxBatchQuantity: 100 });

function written(kind: EventKind, count: number, ...args: unknown[]): RawLog {
  return rawLog(
    CONTRACT,
    WRITTEN_EVENTS.find((event) => event.kind === kind)!,
    count,
    args,
  );
}

function withTopic(log: RawLog, position: number, topic: unknown): RawLog {
  return { ...log, topics: log.topics.with(position, topic as string) };
}

const stake = written('Stake', 2, ALICE, 1n);
const mint = written('BatchMint', 0, ALICE, 1n, 1n);
const batch = (ids: bigint[], values: bigint[]) => written('TransferBatch', 3, ALICE, ALICE, ALICE, ids, values);
const consecutive = (first: bigint, last: bigint) => written('ConsecutiveTransfer', 3, first, last, ALICE, ALICE);

const CASES: { name: string; standard: Standard; log: RawLog; code: string }[] = [
  {
    name: 'too many topics',
    standard: 'batch',
    log: { ...stake, topics: [...stake.topics, stake.topics[2]!] },
    code: 'topic_count',
  },
  { name: 'no data', standard: 'batch', log: { ...mint, data: '0x' }, code: 'short_data' },
  {
    name: 'data that lacks a byte',
    standard: 'batch',
    log: { ...mint, data: mint.data.slice(0, -2) },
    code: 'short_data',
  },
  { name: 'half a byte', standard: 'batch', log: { ...mint, data: `${mint.data}0` }, code: 'bad_data' },
  { name: 'data without digits', standard: 'batch', log: { ...mint, data: `0x${'zz'.repeat(96)}` }, code: 'bad_data' },
  { name: 'data that is no text', standard: 'batch', log: { ...mint, data: 7 as never }, code: 'bad_data' },
  { name: 'a short topic', standard: 'batch', log: withTopic(stake, 2, '0x01'), code: 'bad_data' },
  { name: 'a topic that is no text', standard: 'batch', log: withTopic(stake, 2, null), code: 'bad_data' },
  {
    name: 'a topic that ends in a space',
    standard: 'batch',
    log: withTopic(stake, 2, `0x${'1'.repeat(63)} `),
    code: 'bad_data',
  },
  {
    name: 'a wide address in a topic',
    standard: 'batch',
    log: withTopic(stake, 1, `0x${'1'.repeat(64)}`),
    code: 'dirty_address',
  },
  {
    name: 'a wide address in data',
    standard: 'batch',
    log: { ...mint, data: mint.data.replace('0x0', '0x1') },
    code: 'dirty_address',
  },
  {
    name: 'a wide operator',
    standard: 'erc1155',
    log: withTopic(batch([], []), 1, `0x1${'0'.repeat(63)}`),
    code: 'dirty_address',
  },
  { name: 'more ids than amounts', standard: 'erc1155', log: batch([1n, 2n], [1n]), code: 'unequal_lists' },
  { name: 'a range that ends before it begins', standard: 'erc721', log: consecutive(5n, 4n), code: 'backward_range' },
  { name: 'a range of 101 tokens', standard: 'erc721', log: consecutive(1n, 101n), code: 'batch_too_large' },
  { name: 'all tokens there are', standard: 'erc721', log: consecutive(0n, HIGHEST), code: 'batch_too_large' },
  {
    name: 'a batch of 101 tokens',
    standard: 'batch',
    log: written('BatchBurn', 1, ALICE, 1n, 101n),
    code: 'batch_too_large',
  },
  {
    name: 'lists of 101 items',
    standard: 'erc1155',
    log: batch(Array(101).fill(1n), Array(101).fill(1n)),
    code: 'batch_too_large',
  },
  {
    name: 'ids above 256 bits',
    standard: 'batch',
    log: written('BatchMint', 0, ALICE, HIGHEST, 2n),
    code: 'token_id_overflow',
  },
  { name: 'a pending log', standard: 'batch', log: { ...stake, blockHash: null as never }, code: 'bad_log' },
  { name: 'no log index', standard: 'batch', log: { ...stake, logIndex: '5' }, code: 'bad_log' },
  { name: 'no time', standard: 'batch', log: { ...stake, blockTimestamp: undefined }, code: 'bad_log' },
  { name: 'topics that are no list', standard: 'batch', log: { ...stake, topics: {} as never }, code: 'bad_log' },
];

describe('a log that cannot be read', () => {
  it.each(CASES)('is a failure $code, not an exception: $name', ({ standard, log, code }) => {
    expect(decoder(standard)(log)).toEqual({ code, detail: expect.any(String) });
  });

  it('has a variant with exactly the bounds', () => {
    expect(decoder('erc721')(consecutive(1n, 100n))).toMatchObject({ startTokenId: 1n, quantity: 100n });
    expect(decoder('erc721')(consecutive(HIGHEST, HIGHEST))).toMatchObject({ startTokenId: HIGHEST, quantity: 1n });
    expect(decoder('batch')(written('BatchTransfer', 0, ALICE, ALICE, 3n, 0n))).toMatchObject({ quantity: 0n });
    expect(decoder('erc1155')(batch([], []))).toMatchObject({ tokenIds: [], quantities: [] });
  });

  it('does not count amounts of ERC-20 and ERC-1155 as tokens', () => {
    const erc20 = WRITTEN_EVENTS.find(({ standard }) => standard === 'erc20')!;
    expect(decoder('erc20')(rawLog(CONTRACT, erc20, 2, [ALICE, ALICE, HIGHEST]))).toMatchObject({ quantity: HIGHEST });
    const single = written('TransferSingle', 3, ALICE, ALICE, ALICE, HIGHEST, HIGHEST);
    expect(decoder('erc1155')(single)).toMatchObject({ startTokenId: HIGHEST, quantity: HIGHEST });
  });

  it.each(['0x20', `0x${'f'.repeat(64)}`, `0x${'0'.repeat(50)}fffffffffffff0`])(
    'has a list at %s outside the data',
    (offset) => {
      const word = offset.slice(2).padStart(64, '0');
      const data = `0x${word}${word}${'f'.repeat(64)}`;
      expect(decoder('erc1155')({ ...batch([], []), data })).toMatchObject({ code: 'short_data' });
    },
  );

  it('is never an exception, whatever a node sends', () => {
    const standards: Standard[] = ['batch', 'erc721', 'erc1155', 'erc20'];
    const topics = fc.oneof(
      fc.anything(),
      fc
        .tuple(fc.constantFrom(...topic0sOf(standards)), fc.array(fc.anything(), { maxLength: 4 }))
        .map((t) => t.flat()),
    );
    const garbage = fc.oneof(
      fc.anything(),
      fc.record({ address: fc.constant(CONTRACT), topics, data: fc.anything(), blockHash: fc.anything() }),
      fc.record({ ...fieldsOf(stake), topics: topics, data: fc.anything() }),
    );
    fc.assert(
      fc.property(garbage, fc.constantFrom(...standards), (log, standard) => {
        const found = decoder(standard)(log as never);
        expect(!found || isDecodeFailure(found) || found.contract === CONTRACT).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

function fieldsOf(log: RawLog): Record<string, fc.Arbitrary<unknown>> {
  return Object.fromEntries(Object.entries(log).map(([name, value]) => [name, fc.constant(value)]));
}

describe('the rate of decoding', () => {
  it('is at least five times that of viem', () => {
    const transfer = WRITTEN_EVENTS.find(({ kind }) => kind === 'Transfer')!;
    const logs = Array.from({ length: 200 }, (_, id) => rawLog(CONTRACT, transfer, 3, [ALICE, ALICE, BigInt(id)]));
    const ours = decoder('erc721');
    const best = (work: () => unknown) =>
      Math.min(
        ...Array.from({ length: 20 }, () => {
          const start = performance.now();
          work();
          return performance.now() - start;
        }),
      );
    const theirs = best(() => logs.map((log) => readByViem(log, transfer, 3)));
    expect(theirs / best(() => logs.map((log) => ours(log)))).toBeGreaterThan(5);
  });
});
