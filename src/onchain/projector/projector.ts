import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { Settings } from '../../platform/settings/settings.js';
import { HotRows, keysOf, Projection, StreamModel, type ChainEvent, type PointRates } from '../core/index.js';
import { fence, stamp, type ChainLease } from '../store/chain-lease.js';
import { goalOf, nextBatch, waitingOf, type Batch, type HandedEvents, type Waiting } from './batch.js';
import { CommittedBatch } from './committed-batch.js';
import { readEvents } from './log-source.js';
import { loadRates } from './point-rules.js';
import { loadRows } from './projection-store.js';
import { isAfter, readStream, type Position, type StreamState } from './stream-reader.js';
import { buryEvent, movePosition, readLocked } from './stream-writer.js';
import { Undoing } from './undoing.js';

/** Events of one transaction, at most. */
const MAX_EVENTS = 20_000;
/** Chains whose rows are kept in memory, beside those that are being projected. */
const MAX_HOT_CHAINS = 4;

/** How far a stream has come. */
export interface Projected extends Position {
  /** Number of events that this call has projected. */
  readonly events: number;
  /** Log that stops the stream; null if none does. */
  readonly halted: string | null;
}

/** Rows of a chain in memory, and the positions at which its streams left them. */
interface Memory {
  readonly hot: HotRows;
  readonly seats: Map<number, Position & { readonly epoch: number }>;
  /** Work in progress: the streams of a chain take turns. */
  busy: Promise<unknown>;
}

/** Failure of one event. */
class EventFailure extends Error {
  constructor(
    readonly at: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Projects the logs of a stream into tokens, balances and points: each batch in one transaction, and none of them twice. */
@Injectable()
export class Projector {
  private readonly memories = new Map<number, Memory>();
  private rates: { readonly version: string; readonly rates: PointRates } | undefined;
  private readonly undoing: Undoing;
  private readonly staleAfterMs: number;
  /** Events of one transaction, at most. */
  protected readonly maxEvents: number = MAX_EVENTS;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.staleAfterMs = settings.staleAfterMinutes * 60_000;
    this.undoing = new Undoing(this.staleAfterMs, clock);
  }

  /**
   * Projects a stream up to a block, or as far as its logs are stored without a gap and none of them is dead. Events are taken
   * from memory while the stream stands right before them, else read. To be called by the chain's leader only.
   * @throws LeaseLost if another process leads the chain; an Error if the position was moved meanwhile: call again
   */
  async project(lease: ChainLease, stream: number, upTo: number, handed?: HandedEvents): Promise<Projected> {
    const memory = this.memoryOf(lease.chain);
    const turn = memory.busy.then(() => this.run(memory, lease, stream, upTo, handed));
    memory.busy = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Takes the state of a stream back to the end of a block that is not below the final one, inside the caller's fenced
   * transaction. `keepsPublished`: the events above the block are projected again, but not published again.
   */
  async rollBack(
    tx: ClientBase,
    chain: number,
    stream: number,
    toBlock: number,
    { keepsPublished = false } = {},
  ): Promise<void> {
    this.forget(chain, stream);
    await this.undoing.rollBack(tx, stream, toBlock, keepsPublished, await this.ratesOf(tx));
  }

  /** Publishes the events of blocks that became final, and drops their before-images, inside the caller's fenced transaction. */
  async advanceFinal(tx: ClientBase, chain: number, final: number): Promise<void> {
    await this.undoing.advanceFinal(tx, chain, final);
  }

  /** Forgets the rows of a stream in memory; for changes of its state that are not made here. */
  forget(chain: number, stream: number): void {
    this.memories.get(chain)?.seats.delete(stream);
  }

  private async run(
    memory: Memory,
    lease: ChainLease,
    stream: number,
    upTo: number,
    handed: HandedEvents | undefined,
  ): Promise<Projected> {
    let [events, maxEvents] = [0, this.maxEvents];
    let waiting: Waiting | undefined;
    for (;;) {
      const state = await readStream(this.database.pool, stream);
      if (state === undefined) throw new Error(`stream ${stream} not found`);
      const goal = goalOf(state, upTo);
      if (!isAfter(goal, state)) {
        if (goal.stop !== state.haltedReason) await this.halt(lease, stream, state, goal.stop);
        if (goal.stop === null) await this.announce(lease, stream, state);
        return { block: state.block, log: state.log, events, halted: goal.stop };
      }
      waiting ??= waitingOf(state, goal, handed) ?? (await this.read(stream, state, goal));
      const batch = nextBatch(waiting, state.final, maxEvents);
      const done = await this.attempt(memory, lease, stream, state, batch, isAfter(goal, batch.to) ? null : goal.stop);
      if (done === 'again') {
        waiting = undefined;
      } else if (done instanceof EventFailure) {
        maxEvents = Math.max(1, done.at);
      } else {
        events += batch.events.length;
        waiting.next += batch.events.length;
        maxEvents = Math.min(this.maxEvents, maxEvents * 2);
        if (waiting.next >= waiting.events.length) waiting = undefined;
      }
    }
  }

  /** Projects a batch. Returns a failure if a batch with fewer events may succeed, `again` if something changed meanwhile. */
  private async attempt(
    memory: Memory,
    lease: ChainLease,
    stream: number,
    state: StreamState,
    batch: Batch,
    stop: string | null,
  ): Promise<EventFailure | 'again' | 'done'> {
    const seat = memory.seats.get(stream);
    if (seat?.epoch !== lease.epoch || seat.block !== state.block || seat.log !== state.log) {
      memory.hot.forget(state.contracts.map(({ id }) => id));
    }
    memory.seats.delete(stream);
    try {
      const rates = await this.ratesOf(this.database.pool, state.rules);
      const model = new StreamModel(state.chainName, state.contracts, rates);
      const projection = await this.compute(memory.hot, model, batch);
      const committed = new CommittedBatch(stream, state, batch, projection, rates, this.staleAfterMs);
      const isDone = await this.database.transaction(async (tx) => {
        await fence(tx, lease);
        const locked = await readLocked(tx, stream);
        if (locked?.block !== state.block || locked.log !== state.log) throw new Error(`stream ${stream} was moved`);
        if (locked.rules !== state.rules) return false;
        if (locked.finalPublished < locked.final) await this.undoing.advanceFinal(tx, lease.chain, locked.final);
        await committed.write(tx, locked, stop);
        await stamp(tx, lease);
        return true;
      });
      if (!isDone) return 'again';
      memory.seats.set(stream, { ...batch.to, epoch: lease.epoch });
      memory.hot.age();
      return 'done';
    } catch (error) {
      return this.judge(lease, stream, state, batch, error);
    }
  }

  /** Finds the event that failed: known, or in one of the halves of the batch. Alone, it is buried. */
  private async judge(
    lease: ChainLease,
    stream: number,
    state: StreamState,
    batch: Batch,
    error: unknown,
  ): Promise<EventFailure | 'again'> {
    const failure = error instanceof EventFailure ? error : undefined;
    // Values that the database refuses: data exceptions and violated constraints. Anything else is no event's fault.
    if (failure === undefined && !/^2[23]/.test(errorCode(error))) throw error;
    const [event] = batch.events;
    if (event === undefined) throw error;
    if (batch.events.length > 1 && failure?.at !== 0) {
      return new EventFailure(failure?.at ?? Math.floor(batch.events.length / 2), error);
    }
    const contract = state.contracts.find(({ address }) => address === event.contract)?.id ?? 0;
    const detail = error instanceof Error ? error.message : String(error);
    await this.fenced(lease, stream, state, (tx) => buryEvent(tx, stream, contract, event, detail, this.clock.now()));
    return 'again';
  }

  private async compute(hot: HotRows, model: StreamModel, { events, isFinal }: Batch): Promise<Projection> {
    const plan = keysOf(model, events, hot);
    let missing;
    await eachInSlices(
      (function* planned() {
        missing = yield* plan;
      })(),
      () => undefined,
    );
    if (missing !== undefined) await loadRows(this.database.pool, missing, hot);
    const projection = new Projection(model, hot, !isFinal);
    await eachInSlices(applied(projection, events), () => undefined);
    return projection;
  }

  private async read(stream: number, state: StreamState, goal: Position): Promise<Waiting> {
    const page = await readEvents(this.database.pool, stream, state, goal);
    const last = page.events.at(-1);
    const upTo = page.isComplete || last === undefined ? goal : { block: last.blockNumber, log: last.logIndex };
    return { ...page, next: 0, upTo };
  }

  private async halt(lease: ChainLease, stream: number, state: StreamState, reason: string | null): Promise<void> {
    await this.fenced(lease, stream, state, async (tx) => {
      await movePosition(tx, stream, state, null, reason);
    });
  }

  /** Publishes the points of a stream whose backfill has ended. */
  private async announce(lease: ChainLease, stream: number, state: StreamState): Promise<void> {
    if (state.caughtUp) return;
    const rates = await this.ratesOf(this.database.pool, state.rules);
    await this.fenced(lease, stream, state, (tx) => this.undoing.announceBackfill(tx, stream, state, rates));
  }

  /** Changes a stream in a transaction of its own, if it is still where it was. */
  private async fenced(
    lease: ChainLease,
    stream: number,
    at: Position,
    change: (tx: ClientBase) => Promise<void>,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      await fence(tx, lease);
      const locked = await readLocked(tx, stream);
      if (locked?.block !== at.block || locked.log !== at.log) throw new Error(`stream ${stream} was moved`);
      await change(tx);
      await stamp(tx, lease);
    });
  }

  private async ratesOf(db: { query: ClientBase['query'] }, version?: string): Promise<PointRates> {
    if (version !== undefined && this.rates?.version === version) return this.rates.rates;
    const rates = await loadRates(db);
    if (version !== undefined) this.rates = { version, rates };
    return rates;
  }

  private memoryOf(chain: number): Memory {
    const memory = this.memories.get(chain) ?? { hot: new HotRows(), seats: new Map(), busy: Promise.resolve() };
    // The chains used last stay; one that is being projected keeps its rows until it ends.
    this.memories.delete(chain);
    this.memories.set(chain, memory);
    const [oldest] = this.memories.keys();
    if (this.memories.size > MAX_HOT_CHAINS && oldest !== undefined) this.memories.delete(oldest);
    return memory;
  }
}

function* applied(projection: Projection, events: readonly ChainEvent[]): Generator<void> {
  for (let at = 0; at < events.length; at++) {
    const event = events[at];
    if (event === undefined) continue;
    try {
      yield* projection.apply(event);
    } catch (error) {
      throw new EventFailure(at, error);
    }
    yield;
  }
}
