import { nextGap, RangeSize, type BlockRange } from '../core/index.js';
import type { WatchedContract } from '../config/chain-registry.js';
import type { EndpointPool } from '../rpc/endpoint-pool.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import { RangeReader } from './block-logs.js';
import type { CoveredContract } from './chain-position.js';
import { Watch, type DecodedLogs } from './watch.js';

export interface ReadRange {
  readonly range: BlockRange;
  readonly watch: Watch;
  readonly logs: DecodedLogs;
}

interface Asked {
  readonly range: BlockRange;
  readonly watch: Watch;
}

/**
 * Reads the final blocks that contracts lack, range by range. The range after the one that was returned is read already, while
 * the caller stores.
 */
export class Backfill {
  private readonly size = new RangeSize();
  private readonly reader = new RangeReader();
  private ahead: { readonly key: string; readonly read: Promise<ReadRange> } | undefined;
  private watches = new Map<string, Watch>();

  constructor(
    private readonly pool: EndpointPool,
    private readonly maxBatchQuantity: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Returns the next range up to `last` that contracts lack; undefined if they lack none. */
  async next(
    contracts: readonly WatchedContract[],
    covered: readonly CoveredContract[],
    last: number,
  ): Promise<ReadRange | undefined> {
    const asked = this.question(contracts, covered, last);
    if (asked === undefined) return undefined;
    const { ahead } = this;
    this.ahead = undefined;
    const isRead = ahead?.key === keyOf(asked.watch, asked.range.from);
    const read = isRead ? await ahead.read : await this.read(asked);
    const after = { from: read.range.to + 1, to: last };
    const rest = this.question(contracts, withRange(covered, read), last);
    if (rest?.range.from === after.from) {
      const reading = this.read(rest);
      // A failure is that of the next call.
      reading.catch(() => undefined);
      this.ahead = { key: keyOf(rest.watch, rest.range.from), read: reading };
    }
    return read;
  }

  private question(
    contracts: readonly WatchedContract[],
    covered: readonly CoveredContract[],
    last: number,
  ): Asked | undefined {
    const gap = nextGap(covered, last);
    if (gap === undefined) return undefined;
    const ids = new Set(gap.contracts.map(({ id }) => id));
    const watched = contracts.filter(({ id }) => ids.has(id));
    if (watched.length === 0) return undefined;
    return { range: { from: gap.from, to: gap.to }, watch: this.watchOf(watched) };
  }

  /** Reads a range, or the first part of it that the endpoint gives. */
  private async read({ range, watch }: Asked): Promise<ReadRange> {
    for (;;) {
      const part = this.size.next(range.from, range.to);
      try {
        const { bytes, ...logs } = await this.pool.step(
          (endpoint) => this.reader.read(endpoint, part, watch),
          this.signal,
        );
        this.size.answered(part, bytes);
        return { range: part, watch, logs };
      } catch (error) {
        const isTooLarge =
          error instanceof RpcFault && (error.kind === 'range_too_large' || error.kind === 'too_large');
        if (!isTooLarge || !this.size.tooLarge(part, error.details.suggested)) throw error;
      }
    }
  }

  private watchOf(contracts: readonly WatchedContract[]): Watch {
    const key = contracts.map(({ id }) => id).join();
    let watch = this.watches.get(key);
    if (watch === undefined) this.watches = new Map([[key, (watch = new Watch(contracts, this.maxBatchQuantity))]]);
    return watch;
  }
}

function keyOf(watch: Watch, from: number): string {
  const ids = [...watch.keys.values()].flat().map(({ id }) => id);
  return `${from}:${ids.join()}`;
}

/** Coverage after a range is stored. */
function withRange(covered: readonly CoveredContract[], { range, watch }: ReadRange): CoveredContract[] {
  const ids = new Set([...watch.keys.values()].flat().map(({ id }) => id));
  return covered.map((contract) => {
    if (!ids.has(contract.id)) return contract;
    const ranges = [...contract.covered, range].sort((a, b) => a.from - b.from);
    return { ...contract, covered: ranges };
  });
}
