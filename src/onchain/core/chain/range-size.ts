/** Blocks from `from` to `to`, both included. */
export interface BlockRange {
  readonly from: number;
  readonly to: number;
}

export interface RangeSizeOptions {
  /** Blocks of the first range. */
  readonly start: number;
  /** Longest range, blocks, whatever endpoints allow. */
  readonly max: number;
  /** Size of an answer to aim at, bytes. */
  readonly targetBytes: number;
}

const DEFAULTS: RangeSizeOptions = { start: 500, max: 100_000, targetBytes: 1_000_000 };
const GROWTH = 1.5;
/**
 * Full ranges in a row after which a limit of an endpoint is tried again. A limit may come from a dense part of the chain, and
 * one refused call in this many costs little.
 */
const LIMIT_LIFTED_AFTER = 50;

/**
 * Length of the next range of `eth_getLogs`: grows while answers are small, halves when one is too large, and keeps to what the
 * endpoint itself suggested.
 */
export class RangeSize {
  private readonly options: RangeSizeOptions;
  private size: number;
  /** Longest range that the endpoint is believed to take, blocks. */
  private limit: number;
  private fullRanges = 0;

  constructor(options: Partial<RangeSizeOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.size = Math.max(1, Math.min(this.options.start, this.options.max));
    this.limit = this.options.max;
  }

  /** Length of the next range, blocks; at least 1. */
  get blocks(): number {
    return this.size;
  }

  /** Returns the next range from a block on, up to `last`. */
  next(from: number, last: number): BlockRange {
    return { from, to: Math.min(last, from + this.size - 1) };
  }

  /** Notes an answer. A range shorter than asked for, as at the end, makes nothing grow. */
  answered({ from, to }: BlockRange, bytes: number): void {
    const blocks = to - from + 1;
    const { targetBytes } = this.options;
    if (bytes > targetBytes) {
      this.size = Math.max(1, Math.floor((blocks * targetBytes) / bytes));
      return;
    }
    if (blocks < this.size) return;
    if (this.size >= this.limit && this.limit < this.options.max) this.liftLimit();
    // An answer that would pass the target when it grows as the range does is left as it is.
    if (bytes * GROWTH <= targetBytes) this.size = Math.min(this.limit, Math.ceil(this.size * GROWTH));
  }

  /**
   * Notes a range that was refused as too large. The range that the endpoint suggested is pinned; without a useful suggestion the
   * length halves. Returns false if a single block was refused: no range is short enough.
   */
  tooLarge({ from, to }: BlockRange, suggested?: BlockRange): boolean {
    const blocks = to - from + 1;
    const suggestion = suggested?.from === from ? suggested.to - from + 1 : 0;
    const useful = suggestion >= 1 && suggestion < blocks;
    this.size = useful ? suggestion : Math.max(1, Math.floor(blocks / 2));
    this.limit = this.size;
    this.fullRanges = 0;
    return blocks > 1;
  }

  private liftLimit(): void {
    this.fullRanges += 1;
    if (this.fullRanges < LIMIT_LIFTED_AFTER) return;
    this.fullRanges = 0;
    this.limit = Math.min(this.options.max, Math.ceil(this.limit * GROWTH));
  }
}
