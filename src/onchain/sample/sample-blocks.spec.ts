import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoderFor, isDecodeFailure, mayContain, bloomBits, type RawLog } from '../core/index.js';
import { bloomOf, SampleBlocks, type SampleBlock } from './sample-blocks.js';
import { SampleRecording, type SampleLog } from './recording.js';

const recording = new SampleRecording();
/** A block whose pass begins at it, far from the first one. */
const START = 1_800 * 16_000;
const FIRST_BLOCK_MS = Date.UTC(2025, 0, 1);
const timeOf = (number: number): number => FIRST_BLOCK_MS + number * 2_000;
const at = (head: number): SampleBlocks => new SampleBlocks(recording, () => timeOf(head) + 700);

const raw = (block: SampleBlock, log: SampleLog, index: number): RawLog => ({
  ...log,
  blockNumber: `0x${block.number.toString(16)}`,
  blockHash: block.hash,
  transactionIndex: '0x0',
  logIndex: `0x${index.toString(16)}`,
});

describe('the blocks of the sample chain', () => {
  it('are two seconds apart, begin in 2025 and end at the present', () => {
    const blocks = at(START);
    expect(blocks.head).toBe(START);
    expect(blocks.byNumber(START)?.at).toBe(timeOf(START) / 1_000);
    expect(blocks.byNumber(START + 1)).toBeUndefined();
    expect(blocks.final).toBe(START - 30);
  });

  it('follow each other from any newest block down, and are found by their hashes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), (after) => {
        const blocks = at(START + after);
        for (let number = START + after; number > START + after - 100; number -= 1) {
          const block = blocks.byNumber(number);
          expect(block?.parentHash).toBe(blocks.byNumber(number - 1)?.hash);
          expect(blocks.byHash(block!.hash)).toEqual(block);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('are the same in another process, and none that is final is ever replaced', () => {
    for (let head = START; head < START + 400; head += 1) {
      const [now, later] = [at(head), at(head + 1_000)];
      expect(now.byNumber(now.final)).toEqual(later.byNumber(now.final));
    }
  });

  it('are replaced about every three minutes, one to three at a time, with the same transactions in other blocks', () => {
    const depths: number[] = [];
    const hashes = (block: SampleBlock | undefined) => block?.logs.map(({ transactionHash }) => transactionHash) ?? [];
    for (let head = START; head < START + 540; head += 1) {
      const [before, after] = [at(head), at(head + 1)];
      const replaced = [0, 1, 2, 3, 4]
        .map((each) => head - each)
        .filter((number) => before.byNumber(number)!.hash !== after.byNumber(number)!.hash);
      if (replaced.length === 0) continue;
      depths.push(replaced.length);
      const logs = (blocks: SampleBlocks) => replaced.toReversed().flatMap((number) => hashes(blocks.byNumber(number)));
      expect(logs(before)).toEqual(logs(after));
      expect(before.byHash(before.byNumber(head)!.hash)).toEqual(after.byHash(before.byNumber(head)!.hash));
    }
    expect(depths.toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('know no block of another hash', () => {
    const { hash } = at(START).byNumber(START - 5)!;
    const other = `${hash.slice(0, -1)}${hash.endsWith('0') ? '1' : '0'}`;
    expect([other, '', '0x', 'x'.repeat(66)].map((each) => at(START).byHash(each))).toEqual(Array(4).fill(undefined));
  });

  it('have blooms that contain their addresses and topics', () => {
    const blocks = at(START + 1_800);
    for (let number = START; number < START + 200; number += 1) {
      const { logs } = blocks.byNumber(number)!;
      const bloom = bloomOf(logs) as `0x${string}`;
      for (const value of logs.flatMap(({ address, topics }) => [address, ...topics]))
        expect(mayContain(bloom, bloomBits(value))).toBe(true);
    }
    expect(bloomOf([])).toBe(`0x${'0'.repeat(512)}`);
  });
});

describe('the recording of the sample chain', () => {
  const contracts = recording.contractsAt(START + 100);
  const decode = decoderFor(contracts, { maxBatchQuantity: 100 });

  it('begins a pass of each contract, half an hour apart, at or before any block', () => {
    expect(contracts.map(({ standard, fromBlock }) => [standard, fromBlock - START])).toEqual([
      ['erc721', 0],
      ['batch', -900],
    ]);
  });

  it('moves, stakes and burns only what its owner has, and leaves no token at the end of a pass', () => {
    const owners = new Map<string, string | null>();
    const stakes = new Map<string, string>();
    const kinds = new Set<string>();
    const blocks = at(START + 4_000);
    for (let number = START - 900; number < START + 2_700; number += 1) {
      const block = blocks.byNumber(number)!;
      for (const [index, log] of block.logs.entries()) {
        const contract = contracts.find(({ address }) => address === log.address)!;
        if (number < contract.fromBlock || number >= contract.fromBlock + 1_800) continue;
        const event = decode(raw(block, log, index), block.at * 1_000);
        if (event === undefined || isDecodeFailure(event)) throw new Error(`no event: ${JSON.stringify(event)}`);
        kinds.add(event.kind);
        for (let each = 0n; each < event.quantity!; each += 1n) {
          const token = `${contract.standard} ${event.startTokenId! + each}`;
          // The account of a stake is in `from`, too.
          const staker = event.kind === 'Stake' ? null : event.staker;
          expect([owners.get(token) ?? null, stakes.get(token) ?? null]).toEqual([event.from, staker]);
          if (event.kind === 'Stake') stakes.set(token, event.staker!);
          if (event.kind === 'Unstake') stakes.delete(token);
          if (event.staker !== null) continue;
          owners.set(token, event.to);
        }
      }
    }
    expect([...kinds].toSorted()).toEqual(['BatchBurn', 'BatchMint', 'BatchTransfer', 'Stake', 'Transfer', 'Unstake']);
    expect([...owners.values()].filter((owner) => owner !== null)).toEqual([]);
    expect(owners.size).toBe(306 + 692);
  });

  it('has other tokens in every pass', () => {
    const tokens = (pass: number): string[] => {
      const numbers = Array.from({ length: 1_800 }, (_, each) => START + pass * 1_800 + each);
      return numbers.flatMap((number) => recording.logsOf(number)).flatMap(({ topics }) => topics[3] ?? []);
    };
    const first = new Set(tokens(0));
    expect(first.size).toBe(306);
    expect(tokens(1).filter((token) => first.has(token))).toEqual([]);
  });
});
