import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { BadItem, IngestGate, PublicationWait } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { currentCaller } from '../../platform/fairness/working-for.js';
import { inputFault } from '../../platform/input/faults.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { Settings } from '../../platform/settings/settings.js';
import { ChainRegistry, type WatchedChain } from '../config/chain-registry.js';
import { askReread } from '../store/asked-rereads.js';
import { ChainTurns } from './chain-turns.js';
import { readChainEvent } from './event-item.js';
import { FedChain, type Covers, type StatedRange } from './fed-chain.js';
import type { PostedEventsAnswer, PostedEventsQuery } from './posted-events.dto.js';
import { storedEvents } from './stored-chain.js';
import { UnplacedEvents, type PostedItem } from './unplaced-events.js';

/** Rejections in an answer, at most; a stream may have any number. */
const MAX_LISTED = 10_000;
/** Longest wait for the follower to reach the block of a posted event, ms. */
const FOLLOW_TIMEOUT_MS = 3_000;
const FOLLOW_POLL_INTERVAL_MS = 100;
/** Blocks that are read again at most because events of them are posted. */
const MAX_BLOCKS_AGAIN = 1_000;

/** Counts of a request. */
class Tally {
  rejectedCount = 0;
  items = 0;
  readonly rejected: { index: number; code: string; detail: string }[] = [];

  readonly reject = (index: number, code: string, detail: string): void => {
    if (index < 0) return;
    this.rejectedCount += 1;
    if (this.rejected.length < MAX_LISTED) this.rejected.push({ index, code, detail });
  };
}

/** Chains without endpoints, the turns in which they are written, and events whose blocks are not known yet. */
@Injectable()
export class FedChains {
  constructor(
    readonly chain: FedChain,
    readonly turns: ChainTurns,
    readonly unplaced: UnplacedEvents,
  ) {}
}

/** Parts that all routes of writers share: when they are refused, and the position behind what they published. */
@Injectable()
export class PublishedPosts {
  constructor(
    readonly gate: IngestGate,
    private readonly database: Database,
    private readonly publications: PublicationWait,
  ) {}

  /** Returns the position of the log at or after everything that was committed before. */
  async cursor(): Promise<string | null> {
    const row = await this.database.one<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
    return this.publications.cursorAfter(row?.id);
  }
}

/** Takes events that writers read from chains themselves. */
@Injectable()
export class EventIngest {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly registry: ChainRegistry,
    private readonly posts: PublishedPosts,
    private readonly fed: FedChains,
    private readonly clock: Clock,
  ) {}

  /** Processes batches one after the other; each item is accepted or rejected separately. */
  async ingest(batches: AsyncIterable<readonly unknown[]>, query: PostedEventsQuery): Promise<PostedEventsAnswer> {
    const range = rangeOf(query);
    const tally = new Tally();
    const seen = new Set<string>(query.chain === undefined ? [] : [query.chain]);
    await this.posts.gate.check();
    for await (const items of batches) {
      await this.posts.gate.check();
      const byChain = await this.read(items, range, tally);
      const chains = new Map((await this.registry.chains()).map((chain) => [chain.name, chain]));
      for (const [name, ofChain] of byChain) {
        seen.add(name);
        await this.takeChain(chains.get(name), ofChain, range === undefined ? 'seen' : 'nothing', tally);
      }
    }
    if (range !== undefined) await this.cover(seen, range, tally);
    const rejected = tally.rejected.sort((a, b) => a.index - b.index);
    const { rejectedCount, items } = tally;
    return { accepted: items - rejectedCount, rejected, rejectedCount, cursor: await this.posts.cursor() };
  }

  private async read(
    items: readonly unknown[],
    range: StatedRange | undefined,
    tally: Tally,
  ): Promise<Map<string, PostedItem[]>> {
    const byChain = new Map<string, PostedItem[]>();
    const now = this.clock.now();
    await eachInSlices(items, (item) => {
      const index = tally.items++;
      try {
        const read = readChainEvent(item, this.settings.maxBatchQuantity, now);
        const { blockNumber } = read.event;
        if (range !== undefined && (blockNumber < range.from || blockNumber > range.to)) {
          throw new BadItem('out_of_range', 'blockNumber must be in the range of fromBlock and toBlock');
        }
        const ofChain = byChain.get(read.chain) ?? [];
        ofChain.push({ ...read, index });
        byChain.set(read.chain, ofChain);
      } catch (error) {
        if (!(error instanceof BadItem)) throw error;
        tally.reject(index, error.code, error.detail);
      }
    });
    return byChain;
  }

  private async takeChain(
    chain: WatchedChain | undefined,
    items: readonly PostedItem[],
    covers: Covers,
    tally: Tally,
  ): Promise<void> {
    if (chain === undefined) {
      for (const { index, chain: name } of items) tally.reject(index, 'unknown_chain', `chain ${name} not found`);
      return;
    }
    const contracts = chain.contracts.filter(({ shadowOf }) => shadowOf === null);
    const firstBlocks = new Map(contracts.map(({ address, fromBlock }) => [address, fromBlock]));
    const known = items.filter(({ index, event: { contract, blockNumber } }) => {
      const first = firstBlocks.get(contract);
      if (first === undefined)
        tally.reject(index, 'unknown_contract', `contract ${contract} not found on ${chain.name}`);
      else if (blockNumber < first)
        tally.reject(index, 'out_of_range', `blockNumber must be at least ${first}, the first block of the contract`);
      return first !== undefined && blockNumber >= first;
    });
    if (chain.endpoints.length > 0) await this.compare(chain, known, tally);
    else await this.feed(chain, known, covers, tally);
  }

  /** Events of a followed chain are those that the follower stores: their blocks are read again if it lacks them. */
  private async compare(chain: WatchedChain, items: readonly PostedItem[], tally: Tally): Promise<void> {
    let waiting = items.filter(({ removed }) => !removed);
    let isAsked = false;
    for (const until = performance.now() + FOLLOW_TIMEOUT_MS; ;) {
      const found = await storedEvents(
        this.database,
        chain.id,
        waiting.map(({ event }) => event),
      );
      waiting = waiting.filter((_, at) => found[at] !== true);
      if (waiting.length === 0 || performance.now() > until) break;
      if (!isAsked) await this.askAgain(chain, waiting);
      isAsked = true;
      await delay(FOLLOW_POLL_INTERVAL_MS);
    }
    for (const { index } of waiting) {
      tally.reject(index, 'unknown_block', 'the canonical block of this number has no such event');
    }
  }

  /** Has the leader read the blocks of events again, unless these are many or too much is asked for already. */
  private async askAgain(chain: WatchedChain, items: readonly PostedItem[]): Promise<void> {
    const numbers = items.map(({ event }) => event.blockNumber);
    const range = { from: numbers.reduce((a, b) => Math.min(a, b)), to: numbers.reduce((a, b) => Math.max(a, b)) };
    const row = await this.database.one<{ head: number | null }>(
      'SELECT head_number AS head FROM onchain_chains WHERE id = $1',
      [chain.id],
    );
    if (range.to > (row?.head ?? -1) || range.to - range.from >= MAX_BLOCKS_AGAIN) return;
    await askReread(this.database, chain.id, 'replay', currentCaller() ?? 'process', range).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  }

  private async feed(chain: WatchedChain, items: readonly PostedItem[], covers: Covers, tally: Tally): Promise<void> {
    await this.fed.turns.run(chain.id, async (lease) => {
      const placed = await this.fed.unplaced.place(chain, items, tally.reject);
      await this.fed.chain.take(chain, lease, placed, covers, tally.reject);
      await this.fed.unplaced.drop(chain.id, placed);
    });
  }

  /** Counts the stated blocks as covered once all events of the request are stored. */
  private async cover(names: ReadonlySet<string>, range: StatedRange, tally: Tally): Promise<void> {
    for (const chain of await this.registry.chains()) {
      if (!names.has(chain.name) || chain.endpoints.length > 0) continue;
      await this.fed.turns.run(chain.id, (lease) => this.fed.chain.take(chain, lease, [], range, tally.reject));
    }
  }
}

function rangeOf({ fromBlock, toBlock }: PostedEventsQuery): StatedRange | undefined {
  if (fromBlock === undefined && toBlock === undefined) return undefined;
  if (fromBlock === undefined || toBlock === undefined || fromBlock > toBlock) {
    const detail = 'fromBlock and toBlock must be given together, fromBlock not above toBlock';
    throw inputFault('invalid_request', fromBlock === undefined ? '?fromBlock' : '?toBlock', 'invalid_range', detail);
  }
  return { from: fromBlock, to: toBlock };
}
