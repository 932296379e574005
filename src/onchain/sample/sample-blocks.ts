import { bloomBits, type Hash } from '../core/index.js';
import { hashOf, type SampleLog, type SampleRecording } from './recording.js';

/** Time of block 0: 1 January 2025, Unix ms. */
const FIRST_BLOCK_MS = 1_735_689_600_000;
const BLOCK_MS = 2_000;
/** Blocks between the newest one and the newest final one: a minute. */
const FINALITY_DEPTH = 30;
/** Blocks between two reorganisations: three minutes. */
const FORK_INTERVAL = 90;
/** Blocks that the deepest reorganisation replaces. */
const MAX_FORK_DEPTH = 3;

/** Branch of a block: the one that stays, or one that is replaced. */
type Branch = 'main' | 'fork';
const HEIGHT_DIGITS = 12;

export interface SampleBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash;
  /** Unix seconds. */
  readonly at: number;
  readonly logs: readonly SampleLog[];
}

/**
 * Blocks of the sample chain. Each follows from its number and branch alone and the newest one from the time, so that nothing is
 * stored and the chain goes on after a restart. Every `FORK_INTERVAL` blocks the last one to three are replaced: their
 * transactions, which stood in the first of them, are spread over the new ones.
 */
export class SampleBlocks {
  constructor(
    private readonly recording: SampleRecording,
    private readonly now: () => number,
  ) {}

  /** Number of the newest block. */
  get head(): number {
    return Math.floor((this.now() - FIRST_BLOCK_MS) / BLOCK_MS);
  }

  get final(): number {
    return this.head - FINALITY_DEPTH;
  }

  /** Returns the block of a height as the chain is now; undefined if there is none. */
  byNumber(number: number): SampleBlock | undefined {
    const { head } = this;
    if (!Number.isSafeInteger(number) || number < 0 || number > head) return undefined;
    const isReplaced = number >= forkStart(number) && head < nextFork(number);
    return this.block(number, isReplaced ? 'fork' : 'main');
  }

  /** Returns a block of either branch, as nodes know those that were replaced for a while. */
  byHash(hash: unknown): SampleBlock | undefined {
    if (typeof hash !== 'string') return undefined;
    const number = Number.parseInt(hash.slice(2, 2 + HEIGHT_DIGITS), 16);
    if (Number.isNaN(number) || number > this.head) return undefined;
    const branch = (['main', 'fork'] as const).find((each) => blockHash(number, each) === hash);
    return branch === undefined ? undefined : this.block(number, branch);
  }

  private block(number: number, branch: Branch): SampleBlock {
    const first = forkStart(number);
    const parent = branch === 'fork' && number > first ? 'fork' : 'main';
    return {
      number,
      hash: blockHash(number, branch),
      parentHash: blockHash(number - 1, parent),
      at: (FIRST_BLOCK_MS + number * BLOCK_MS) / 1_000,
      logs: branch === 'main' ? this.recording.logsOf(number) : this.logsOfFork(number, first),
    };
  }

  private logsOfFork(number: number, first: number): SampleLog[] {
    if (number !== first) return [];
    const blocks = Array.from({ length: nextFork(number) - first }, (_, at) => first + at);
    return blocks.flatMap((each) => this.recording.logsOf(each));
  }
}

/** Block whose arrival ends the next fork at or after a block. */
const nextFork = (number: number): number => (Math.floor(number / FORK_INTERVAL) + 1) * FORK_INTERVAL;

/** First block of the next fork that begins at or after a block, or to which it belongs. */
function forkStart(number: number): number {
  const end = nextFork(number);
  return end - 1 - ((end / FORK_INTERVAL) % MAX_FORK_DEPTH);
}

/** Hash that begins with the number of its block, by which the block is found. */
function blockHash(number: number, branch: Branch): Hash {
  if (number < 0) return `0x${'0'.repeat(64)}`;
  const height = number.toString(16).padStart(HEIGHT_DIGITS, '0');
  return `0x${height}${hashOf(`block ${branch} ${number}`).slice(2 + HEIGHT_DIGITS)}`;
}

/** Returns the bloom filter of logs. */
export function bloomOf(logs: readonly SampleLog[]): string {
  const bytes = Buffer.alloc(256);
  const values = new Set(logs.flatMap(({ address, topics }) => [address, ...topics]));
  for (const value of values) {
    for (const bit of bloomBits(value))
      bytes.writeUInt8(bytes.readUInt8(255 - (bit >> 3)) | (1 << (bit & 7)), 255 - (bit >> 3));
  }
  return `0x${bytes.toString('hex')}`;
}
