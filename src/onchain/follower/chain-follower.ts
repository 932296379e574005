import { Logger } from '@nestjs/common';
import type { Database } from '../../platform/database/database.js';
import { lowestGap, type BlockHeader } from '../core/index.js';
import type { WatchedChain, WatchedContract } from '../config/chain-registry.js';
import type { EndpointPool } from '../rpc/endpoint-pool.js';
import type { StepEndpoint } from '../rpc/step-endpoint.js';
import type { ChainLease } from '../store/chain-lease.js';
import type { BlockBatch, BlockRef, ChainStore } from '../store/chain-store.js';
import { Backfill } from './backfill.js';
import type { Checks } from './block-logs.js';
import { hasLogsAbove, putState, readPosition, type ChainPosition } from './chain-position.js';
import { ChainView } from './chain-view.js';
import type { FollowerListener } from './listener.js';
import { liveStep, windowOf, type LiveFinding, type LiveWindow } from './live-step.js';
import { Watch } from './watch.js';

/** Parts of the process that a follower uses. */
export interface FollowerParts {
  readonly database: Database;
  readonly store: ChainStore;
  readonly pool: EndpointPool;
  readonly listener: FollowerListener;
  readonly maxBatchQuantity: number;
}

/** Headers below the final block that are kept, for endpoints that lag. */
const KEPT_FINAL_HEADERS = 256;

/** Finding of a step. `head` and `final` are those of its endpoint. */
type Found =
  | { readonly kind: 'none' }
  | { readonly kind: 'again' }
  /** Final blocks are missing. */
  | { readonly kind: 'gap'; readonly head: BlockHeader; readonly final: BlockRef }
  | {
      readonly kind: 'live';
      readonly head: BlockHeader;
      readonly final: BlockRef | undefined;
      readonly window: LiveWindow;
      readonly finding: LiveFinding;
      /** Whether the step ends below the head. */
      readonly isPart: boolean;
      /** Whether some contracts lack final blocks. */
      readonly hasGap: boolean;
    };

/**
 * Follows one chain as its leader: reads final blocks by ranges, then new blocks by their hashes, and stores them. A run does
 * what is to be done now; it begins with what the database has, so it may be repeated after any failure.
 */
export class ChainFollower {
  private readonly logger = new Logger(ChainFollower.name);
  private readonly backfill: Backfill;
  private readonly view: ChainView;
  private liveWatch: { readonly key: string; readonly watch: Watch } | undefined;
  /** Head whose blocks are all stored; a look that finds it again is the only call of its run. */
  private done: string | undefined;
  /** Whether new blocks are next, beside contracts that still lack old ones. */
  private isLiveNext = false;
  /** Projection of the range that was stored last: the next one is read and stored meanwhile. */
  private projecting: Promise<void> = Promise.resolve();
  /** Whether stored blocks may wait for their projection: at the start, and after a failure. */
  private isBehind = true;
  /** Totals since the start, for rates. */
  readonly stored = { events: 0, blocks: 0 };

  constructor(
    private readonly chain: WatchedChain,
    private readonly lease: ChainLease,
    private readonly parts: FollowerParts,
    private readonly signal: AbortSignal,
  ) {
    this.view = new ChainView(chain);
    this.backfill = new Backfill(parts.pool, parts.maxBatchQuantity, signal);
  }

  /** Does one step; returns whether the next one is to follow at once. Throws `LeaseLost` if the chain has another leader. */
  async run(): Promise<boolean> {
    const { database, store, pool } = this.parts;
    const position = await readPosition(database, this.chain.id);
    if (position === undefined || position.state === 'paused' || position.state === 'stopped') return false;
    const contracts = this.chain.contracts.filter(({ id }) => position.contracts.some((each) => each.id === id));
    if (contracts.length === 0) return false;
    const above = await store.headers(this.chain.id, (position.final?.number ?? -1) + 1);
    if (this.isBehind) await this.projectStored(contracts, above.at(-1) ?? position.final);
    const found = await pool.step((endpoint) => this.look(endpoint, position, above, contracts), this.signal);
    if (found.kind !== 'gap') await this.settled();
    if (found.kind === 'none' || found.kind === 'again') return found.kind === 'again';
    if (found.kind === 'gap') return this.fill(contracts, position, found);
    const { head, final, window, finding, isPart, hasGap } = found;
    this.isLiveNext = false;
    if (finding.kind === 'too_deep') return this.stop(head, finding.reason);
    await putState(database, this.chain.id, hasGap ? 'backfilling' : 'following');
    if (finding.kind === 'again') return true;
    if (finding.kind === 'blocks' && !(await this.storeLive(finding, window, this.watchOf(contracts), final)))
      return false;
    if (!isPart) this.done = head.hash;
    return isPart || hasGap;
  }

  /** Reads what is new, all from one endpoint, and what is missing. */
  private async look(
    endpoint: StepEndpoint,
    position: ChainPosition,
    above: readonly BlockRef[],
    contracts: readonly WatchedContract[],
  ): Promise<Found> {
    const head = await endpoint.latest();
    const isDone = head.hash === this.done;
    if (isDone && !isLacking(position.contracts, position.final)) return { kind: 'none' };
    const tip = await this.view.finalOf(endpoint, head, position.final);
    const other = await this.view.otherBlock(endpoint, above, tip);
    // Stored blocks that are not of the final chain are replaced first, up to their own height.
    const final = other === undefined ? tip : position.final;
    const hasGap = isLacking(position.contracts, final);
    if (final !== undefined && hasGap) {
      // New blocks of contracts that are complete do not wait for the old blocks of others.
      const isComplete = position.contracts.some((each) => !isLacking([each], final));
      if (!isComplete || isDone || !this.isLiveNext) return { kind: 'gap', head, final };
    }
    const base = final ?? (await this.view.beforeFirst(endpoint));
    const window = windowOf(
      base,
      above.filter(({ number }) => number > base.number),
    );
    const goal = other ?? (await this.view.goalOf(endpoint, head, window));
    const { forkDepth } = this.chain;
    const finding = await liveStep(endpoint, goal, window, forkDepth, this.watchOf(contracts), this.checks);
    if (finding.kind === 'too_deep') await this.doubt(endpoint, window, finding.reason);
    if (goal !== head && finding.kind === 'none') return { kind: 'again' };
    return { kind: 'live', head: goal, final, window, finding, isPart: goal !== head, hasGap };
  }

  /** Stores the next range of final blocks that contracts lack. */
  private async fill(
    contracts: readonly WatchedContract[],
    position: ChainPosition,
    { head, final }: Found & { kind: 'gap' },
  ): Promise<boolean> {
    const read = await this.backfill.next(contracts, position.contracts, final.number);
    if (read === undefined) return false;
    await putState(this.parts.database, this.chain.id, 'backfilling');
    const { range, watch, logs } = read;
    const batch = { ...logs, blocks: [], covered: range, keys: watch.keys, head, final, source: 'rpc' } as const;
    await this.parts.store.flush(this.lease, batch);
    await this.settled();
    this.isLiveNext = true;
    this.projecting = this.noteStored(batch, range.to - range.from + 1);
    // The failure is that of the next step.
    this.projecting.catch(() => undefined);
    return true;
  }

  /** Waits for the projection that goes on, and throws its failure. */
  async settled(): Promise<void> {
    const { projecting } = this;
    this.projecting = Promise.resolve();
    await projecting;
  }

  /** Projects what is stored and was not projected, as its process ended before. */
  private async projectStored(contracts: readonly WatchedContract[], head: BlockRef | undefined): Promise<void> {
    const nothing = { blocks: [], events: [], dead: [], covered: { from: 0, to: -1 }, source: 'rpc' } as const;
    if (head !== undefined)
      await this.parts.listener.stored(this.chain, this.lease, {
        ...nothing,
        keys: this.watchOf(contracts).keys,
        head,
      });
    this.isBehind = false;
  }

  private async storeLive(
    finding: LiveFinding & { kind: 'blocks' },
    window: LiveWindow,
    watch: Watch,
    final: BlockRef | undefined,
  ): Promise<boolean> {
    const { blocks, logs, reorg } = finding;
    const [first, last] = [blocks[0], blocks.at(-1)];
    if (first === undefined || last === undefined) return true;
    const covered = { from: first.number, to: last.number };
    const batch = {
      ...logs,
      blocks,
      covered,
      keys: watch.keys,
      head: last,
      ...(final && { final }),
      source: 'rpc' as const,
    };
    const { store, listener } = this.parts;
    if (reorg === undefined) await store.flush(this.lease, batch);
    else {
      if (await this.isEmptier(finding, reorg.ancestor)) return false;
      const change = { oldHead: window.head, newHead: last, depth: reorg.depth };
      const work = await listener.reorganising(this.chain, this.lease, change);
      await store.reorg(this.lease, reorg.ancestor.number, batch, work);
      this.logger.log({ chain: this.chain.name, depth: reorg.depth, head: last.number }, 'chain reorganised');
    }
    await this.noteStored(batch, blocks.length);
    return true;
  }

  /** Whether a new branch has no logs in place of stored ones, although it may: nothing is retracted for it. */
  private async isEmptier(
    { logs }: LiveFinding & { kind: 'blocks' },
    { number }: Pick<BlockRef, 'number'>,
  ): Promise<boolean> {
    if (logs.unchecked === 0 || logs.events.length > 0) return false;
    if (!(await hasLogsAbove(this.parts.database, this.chain.id, number))) return false;
    const detail = `the branch above block ${number} has no logs, although ${logs.unchecked} of its blocks may have some`;
    await this.parts.listener.alarm(this.chain, 'suspicious_branch', detail);
    return true;
  }

  private async noteStored(batch: BlockBatch, blocks: number): Promise<void> {
    this.stored.events += batch.events.length;
    this.stored.blocks += blocks;
    try {
      await this.parts.listener.stored(this.chain, this.lease, batch);
    } catch (error) {
      this.isBehind = true;
      throw error;
    }
    const kept = (batch.final?.number ?? 0) - KEPT_FINAL_HEADERS;
    if (kept > 0 && batch.blocks.length > 0) await this.parts.store.forgetHeaders(this.chain.id, kept);
  }

  /** Takes the endpoint of a fork that is too deep out of use if another endpoint still has our block. */
  private async doubt(endpoint: StepEndpoint, { final, head, hashAt }: LiveWindow, reason: string): Promise<void> {
    const number = Math.max(final.number, head.number - this.chain.forkDepth);
    const ours = number === final.number ? final.hash : hashAt(number);
    const other = await this.parts.pool
      .second((second) => second.blockByNumber(number), this.signal)
      .catch(() => undefined);
    if (other === undefined || other.hash !== ours) return;
    throw endpoint.out(reason);
  }

  /** Stops the chain: an operator decides what is to be undone. */
  private async stop(head: BlockHeader, reason: string): Promise<boolean> {
    const text = `${reason} (new head ${head.number}); rewind the chain to go on`;
    await putState(this.parts.database, this.chain.id, 'stopped', text);
    await this.parts.listener.alarm(this.chain, 'deep_reorg', text);
    this.logger.error({ chain: this.chain.name, reason }, 'chain stopped');
    return false;
  }

  private readonly checks: Checks = {
    other: (block, filter) =>
      this.parts.pool.second(async (endpoint) => (await endpoint.logsByHash(block, filter)).logs, this.signal),
    omitted: ({ number }, logs) => {
      this.parts.listener
        .alarm(this.chain, 'omitted_logs', `an endpoint left out ${logs} logs of block ${number}`)
        .catch((err: unknown) => this.logger.warn({ err }, 'alarm not stored'));
    },
  };

  private watchOf(contracts: readonly WatchedContract[]): Watch {
    const key = contracts.map(({ id }) => id).join();
    if (this.liveWatch?.key !== key) this.liveWatch = { key, watch: new Watch(contracts, this.parts.maxBatchQuantity) };
    return this.liveWatch.watch;
  }
}

/** Whether contracts lack blocks up to the final one. */
function isLacking(contracts: ChainPosition['contracts'], final: BlockRef | undefined): boolean {
  return final !== undefined && lowestGap(contracts, final.number) !== undefined;
}
