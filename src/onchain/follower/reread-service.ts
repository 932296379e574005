import type { Database } from '../../platform/database/database.js';
import { digestOfBlocks } from '../core/index.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import { nextReread, noteReread, type AskedReread, type ServedPart } from '../store/asked-rereads.js';
import type { RangeFinding } from './range-check.js';

/** Blocks of which one digest is shown. */
const VERIFIED_BLOCKS = 1_000;

/** Check that goes on from `next` up to `to`. */
export interface Progress {
  readonly to: number;
  next: number;
  omitted: number;
  healed: number;
}

/** Serves the ranges that callers asked for, a part at a time: the callers take turns. */
export class RereadService {
  constructor(
    private readonly database: Database,
    private readonly chain: number,
    /** Compares the next part, heals it and moves `next`; undefined if no endpoint has it. */
    private readonly compare: (progress: Progress) => Promise<RangeFinding | undefined>,
  ) {}

  /** Reads one part of the range that waits longest; returns whether there was one. */
  async serve(): Promise<boolean> {
    const asked = await nextReread(this.database, this.chain);
    if (asked === undefined) return false;
    await noteReread(this.database, asked, await this.partOf(asked));
    return true;
  }

  private async partOf(asked: AskedReread): Promise<ServedPart> {
    const to = asked.kind === 'verify' ? Math.min(asked.to, asked.next + VERIFIED_BLOCKS - 1) : asked.to;
    const progress: Progress = { next: asked.next, to, omitted: 0, healed: 0 };
    const [ours, theirs] = [new Map<number, string>(), new Map<number, string>()];
    let [isComparable, differences] = [false, 0];
    const outcome = (fault: string | null): ServedPart => {
      const { next, healed } = progress;
      if (asked.kind === 'replay' || fault !== null) return { next, ranges: [], differences, healed, fault };
      const digests = { ours: digestOfBlocks(ours), theirs: digestOfBlocks(theirs) };
      const shown = isComparable
        ? { ...digests, equal: digests.ours === digests.theirs }
        : { ours: null, theirs: null, equal: null };
      return { next, ranges: [{ from: asked.next, to, ...shown }], differences, healed, fault };
    };
    try {
      do {
        const finding = await this.compare(progress);
        if (finding === undefined) return outcome(`no endpoint has block ${progress.next} yet`);
        isComparable ||= finding.isComparable;
        differences += finding.differing;
        for (const [block, digest] of finding.ours) ours.set(block, digest);
        for (const [block, digest] of finding.theirs) theirs.set(block, digest);
      } while (asked.kind === 'verify' && progress.next <= to);
      return outcome(null);
    } catch (error) {
      if (!(error instanceof RpcFault)) throw error;
      return outcome(`no endpoint gives block ${progress.next}: ${error.message}`);
    }
  }
}
