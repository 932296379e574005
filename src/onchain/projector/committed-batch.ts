import type { ClientBase } from 'pg';
import type { PointRates, Projection } from '../core/index.js';
import type { Batch } from './batch.js';
import { Pipe } from './pipe.js';
import { sealedRows, writeProjection, type SealedRows } from './projection-store.js';
import { publishEvents, publishPoints, reasonOf, type TouchedAccount } from './publications.js';
import type { StreamState } from './stream-reader.js';
import { isUnpublished, movePosition, writeErrors, type LockedStream } from './stream-writer.js';
import { writeImages } from './undo-store.js';

/** Everything that the transaction of a batch writes; to be made right after its projection. */
export class CommittedBatch {
  private readonly rows: SealedRows;

  constructor(
    private readonly stream: number,
    private readonly state: StreamState,
    private readonly batch: Batch,
    private readonly projection: Projection,
    private readonly rates: PointRates,
    private readonly staleAfterMs: number,
  ) {
    this.rows = sealedRows(projection);
  }

  /** Writes rows, images, errors, the position, and what is published. `stop`: why the stream stays after this batch. */
  async write(tx: ClientBase, locked: LockedStream, stop: string | null): Promise<void> {
    const { stream, batch, projection } = this;
    const last = batch.events.at(-1);
    const pipe = new Pipe(tx);
    await writeImages(pipe, stream, projection);
    await writeProjection(pipe, stream, projection, this.rows, last?.transactionHash ?? null);
    await pipe.done();
    if (projection.errors.length > 0) {
      const storedFrom = batch.storedAt.reduce((a, b) => Math.min(a, b));
      await writeErrors(tx, stream, projection.errors, storedFrom);
    }
    const withoutImages = batch.isFinal && last !== undefined ? last.blockNumber : null;
    const newest = last === undefined ? null : batch.events.reduce((latest, { at }) => Math.max(latest, at), 0);
    const at = await movePosition(tx, stream, batch.to, newest, stop, withoutImages);
    if (!this.state.isShadow) await this.publish(tx, locked, at ?? 0);
  }

  /** Events that were old when they were read change the state only. */
  private async publish(tx: ClientBase, locked: LockedStream, at: number): Promise<void> {
    const { batch, state } = this;
    const fresh = batch.events.filter(
      (event, position) =>
        (batch.storedAt[position] ?? 0) - event.at <= this.staleAfterMs && isUnpublished(locked, event),
    );
    await publishEvents(
      tx,
      state.chainName,
      fresh.map((event) => ({ event, status: event.blockNumber <= locked.final ? 'final' : 'pending' })),
    );
    if (fresh.length > 0 && state.caughtUp) await publishPoints(tx, state.chainName, this.touched(), this.rates, at);
  }

  /** Accounts whose points changed, each once. */
  private touched(): TouchedAccount[] {
    const reasons = new Map([...this.projection.positions].map(({ account, kind }) => [account, reasonOf(kind)]));
    return [...reasons].map(([account, reason]) => ({ account, reason }));
  }
}
