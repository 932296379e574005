import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { Settings } from '../../platform/settings/settings.js';
import { StreamModel, type PointRates } from '../core/index.js';
import { fence, stamp, type ChainLease } from '../store/chain-lease.js';
import { goalOf, nextBatch, waitingOf, type Batch, type HandedEvents, type Waiting } from './batch.js';
import { compute, EventFailure } from './computing.js';
import { CommittedBatch } from './committed-batch.js';
import { readEvents } from './log-source.js';
import { Memories, type Memory } from './memories.js';
import { loadRates } from './point-rules.js';
import { isAfter, readStream, type Position, type StreamState } from './stream-reader.js';
import { buryEvent, movePosition, readLocked } from './stream-writer.js';
import { Undoing } from './undoing.js';

/** Events of one transaction, at most. */
const MAX_EVENTS = 20_000;
/** How far a stream has come. */
export interface Projected extends Position {
  /** Number of events that this call has projected. */
  readonly events: number;
  /** Log that stops the stream; null if none does. */
  readonly halted: string | null;
}

/** Outcome of a batch: written, to be projected again on what has changed meanwhile, or an event that failed. */
type Outcome = 'done' | 'again' | EventFailure;

/** Events of a stream that wait in memory, and where they lead. */
interface Stretch {
  readonly lease: ChainLease;
  readonly stream: number;
  readonly state: StreamState;
  readonly goal: ReturnType<typeof goalOf>;
  readonly waiting: Waiting;
  readonly maxEvents: number;
}

/** Projects the logs of a stream into tokens, balances and points: each batch in one transaction, and none of them twice. */
@Injectable()
export class Projector {
  private readonly memories = new Memories();
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
    const memory = this.memories.of(lease.chain);
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
    this.memories.forget(chain, stream);
  }

  private async run(
    memory: Memory,
    lease: ChainLease,
    stream: number,
    upTo: number,
    handed: HandedEvents | undefined,
  ): Promise<Projected> {
    let [events, maxEvents] = [0, this.maxEvents];
    for (;;) {
      const state = await readStream(this.database.pool, stream);
      if (state === undefined) throw new Error(`stream ${stream} not found`);
      const goal = goalOf(state, upTo);
      if (!isAfter(goal, state)) {
        if (goal.stop !== state.haltedReason) await this.halt(lease, stream, state, goal.stop);
        if (goal.stop === null) await this.announce(lease, stream, state);
        return { block: state.block, log: state.log, events, halted: goal.stop };
      }
      const waiting = waitingOf(state, goal, handed) ?? (await this.read(stream, state, goal));
      const seat = memory.seats.get(stream);
      if (seat?.epoch !== lease.epoch || seat.block !== state.block || seat.log !== state.log) {
        memory.hot.forget(state.contracts.map(({ id }) => id));
      }
      // While rows in memory are ahead of the database, nobody may rely on them.
      memory.seats.delete(stream);
      const stretch = { lease, stream, state, goal, waiting, maxEvents };
      const { projected, outcome } = await this.projectWaiting(memory, stretch);
      events += projected;
      maxEvents = outcome instanceof EventFailure ? Math.max(1, outcome.at) : Math.min(this.maxEvents, maxEvents * 2);
    }
  }

  /**
   * Projects events that wait in memory, batch by batch: the next one is computed while the database writes the last one. Ends
   * at the first batch that does not succeed.
   */
  private async projectWaiting(
    memory: Memory,
    { lease, stream, state, goal, waiting, maxEvents }: Stretch,
  ): Promise<{ projected: number; outcome: Outcome }> {
    const rates = await this.ratesOf(this.database.pool, state.rules);
    const model = new StreamModel(state.chainName, state.contracts, rates);
    let projected = 0;
    let last: { batch: Batch; outcome: Promise<Outcome> } | undefined;
    /** Waits for the batch that is being written. */
    const settled = async (): Promise<Outcome> => {
      const outcome = (await last?.outcome) ?? 'done';
      if (last !== undefined && outcome === 'done') {
        projected += last.batch.events.length;
        memory.seats.set(stream, { ...last.batch.to, epoch: lease.epoch });
      }
      return outcome;
    };
    let at: StreamState = state;
    do {
      const batch = nextBatch(waiting, state.final, maxEvents);
      let committed: CommittedBatch | undefined;
      let failure: unknown;
      try {
        const projection = await compute(this.database.pool, memory.hot, model, batch);
        committed = new CommittedBatch(stream, at, batch, projection, rates, this.staleAfterMs);
      } catch (error) {
        failure = error;
      }
      const outcome = await settled();
      memory.seats.delete(stream);
      if (outcome !== 'done') return { projected, outcome };
      if (committed === undefined) return { projected, outcome: await this.judge(lease, stream, at, batch, failure) };
      last = {
        batch,
        outcome: this.commit(lease, stream, at, batch, committed, isAfter(goal, batch.to) ? null : goal.stop),
      };
      // The failure is thrown where the outcome is awaited.
      last.outcome.catch(() => undefined);
      memory.hot.age();
      at = { ...at, ...batch.to };
      waiting.next += batch.events.length;
    } while (waiting.next < waiting.events.length);
    return { outcome: await settled(), projected };
  }

  /** Commits a batch. Returns a failure if a batch with fewer events may succeed, `again` if something changed meanwhile. */
  private async commit(
    lease: ChainLease,
    stream: number,
    at: StreamState,
    batch: Batch,
    committed: CommittedBatch,
    stop: string | null,
  ): Promise<Outcome> {
    try {
      return await this.database.transaction(async (tx) => {
        await fence(tx, lease);
        const locked = await readLocked(tx, stream);
        if (locked?.block !== at.block || locked.log !== at.log) throw new Error(`stream ${stream} was moved`);
        if (locked.rules !== at.rules || locked.contractIds !== at.contractIds) return 'again';
        if (locked.finalPublished < locked.final) await this.undoing.advanceFinal(tx, lease.chain, locked.final);
        await committed.write(tx, locked, stop);
        await stamp(tx, lease);
        return 'done';
      });
    } catch (error) {
      return this.judge(lease, stream, at, batch, error);
    }
  }

  /** Finds the event that failed: known, or in one of the halves of the batch. Alone, it is buried. */
  private async judge(
    lease: ChainLease,
    stream: number,
    state: StreamState,
    batch: Batch,
    error: unknown,
  ): Promise<Outcome> {
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
}
