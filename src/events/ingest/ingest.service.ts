import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { errorCode } from '../../platform/errors/error-code.js';
import { RequestContext } from '../../platform/request/request-context.js';
import { SlicedWork } from '../../platform/loop/slices.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { PublicationWait } from './publication-wait.js';
import { IngestGate } from './ingest-gate.js';
import { BadItem, type ItemFault } from './item-fields.js';
import type { ItemKind } from './item-kinds.js';
import { RequestMemory, supersedes } from './request-memory.js';
import { partsOf, weightOf } from './row-weight.js';
import { becomeWriter } from './table-writer.js';

interface Rejection extends ItemFault {
  /** Index of the item in the request, from 0; in a stream the number of its line without blank lines. */
  index: number;
}

interface BatchResult {
  accepted: number;
  rejected: Rejection[];
  /**
   * First and last transaction that wrote rows; the answer's cursor must follow the publications of all transactions between
   * them.
   */
  first: string | undefined;
  newest: string | undefined;
}

export interface IngestResult {
  accepted: number;
  /** First `MAX_LISTED` rejections, in the order of the items. */
  rejected: Rejection[];
  rejectedCount: number;
  /** Log position at or after everything that this request published; null if the log is more than 10 s behind. */
  cursor: string | null;
}

interface Numbered<Row> {
  index: number;
  at: number;
  weight: number;
  row: Row;
}

/** Running counts of a request. */
class Tally {
  accepted = 0;
  rejectedCount = 0;
  readonly memory = new RequestMemory();
  private rejections = new Map<number, Rejection>();

  /** Records a rejection. `counts`: false if the item was rejected before and only its reason changes. */
  reject(index: number, fault: ItemFault, counts = true): void {
    this.rejections.set(index, { index, code: fault.code, detail: fault.detail });
    if (counts) this.rejectedCount++;
    if (this.rejections.size >= 2 * MAX_LISTED) {
      this.rejections = new Map(this.listed().map((rejection) => [rejection.index, rejection]));
    }
  }

  /** Returns the first `MAX_LISTED` rejections, in the order of the items. */
  listed(): Rejection[] {
    return [...this.rejections.values()].sort((a, b) => a.index - b.index).slice(0, MAX_LISTED);
  }
}

/** Maximum number of rejections in an answer; a stream may have any number. */
const MAX_LISTED = 10_000;
/** Maximum number of rows of one statement and of their characters, which are assembled in one turn of the event loop. */
const STATEMENT = { most: 2_000, heaviest: 200_000 };
/** Maximum number of attempts. A statement can deadlock with other writers, which lock keys in another order. */
const ATTEMPTS = 3;

/**
 * Writes items to the source tables. Each item is validated separately; the valid ones of a batch are written in few
 * statements.
 */
@Injectable()
export class IngestService {
  private readonly items: Counter<'outcome'>;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly context: RequestContext,
    private readonly gate: IngestGate,
    private readonly publications: PublicationWait,
    metrics: Metrics,
  ) {
    this.items = new Counter({
      ...metricOf('ingest_items_total'),
      registers: [metrics.registry],
    });
  }

  /**
   * Processes batches one after the other, so that a stream is read no faster than the database accepts it. Throws
   * `unavailable` if the gate refuses writes during the stream.
   */
  async ingest<Row>(kind: ItemKind<Row>, batches: AsyncIterable<readonly unknown[]>): Promise<IngestResult> {
    const tally = new Tally();
    let first: string | undefined;
    let newest: string | undefined;
    let from = 0;
    await this.gate.check();
    for await (const items of batches) {
      await this.gate.check();
      const batch = await this.ingestBatch(kind, items, { from, tally });
      from += items.length;
      first ??= batch.first;
      newest = batch.newest ?? newest;
    }
    const { accepted, rejectedCount } = tally;
    const cursor = await this.publications.cursorAfter(newest, first);
    return { accepted, rejected: tally.listed(), rejectedCount, cursor };
  }

  private async ingestBatch<Row>(
    kind: ItemKind<Row>,
    items: readonly unknown[],
    { from, tally }: { from: number; tally: Tally },
  ): Promise<BatchResult> {
    const before = tally.rejectedCount;
    const newest = await this.newestOf(kind, items, { from, tally });
    const result = await this.writeInParts(kind, [...newest.values()]);
    for (const { index, code, detail } of result.rejected) tally.reject(index, { code, detail });
    const faults = new Map(result.rejected.map(({ index, code }) => [index, code]));
    for (const [key, { index, at }] of newest) {
      const fault = faults.get(index);
      // An item that the database cannot store does not supersede an earlier one.
      if (fault !== undefined && fault !== STALE.code) continue;
      const earlier = tally.memory.get(key);
      if (earlier) tally.reject(earlier.index, SUPERSEDED, earlier.accepted);
      if (earlier?.accepted === true) tally.accepted--;
      if (fault === undefined) tally.accepted++;
      tally.memory.set(key, { index, at, accepted: fault === undefined });
    }
    this.items.inc({ outcome: 'accepted' }, result.accepted);
    this.items.inc({ outcome: 'rejected' }, tally.rejectedCount - before);
    return result;
  }

  /** Returns the item that counts for each key, and rejects all others of the batch. */
  private async newestOf<Row>(
    kind: ItemKind<Row>,
    items: readonly unknown[],
    { from, tally }: { from: number; tally: Tally },
  ): Promise<Map<string, Numbered<Row>>> {
    const now = this.clock.now();
    const newest = new Map<string, Numbered<Row>>();
    const slices = new SlicedWork();
    for (const [place, item] of items.entries()) {
      if (slices.isSliceOver) await slices.nextSlice();
      const index = from + place;
      const row = readOr(kind, item, now, (fault) => tally.reject(index, fault));
      if (row === undefined) continue;
      const key = kind.key(row);
      const given = kind.givenTime(row);
      const inBatch = newest.get(key);
      const earlier = inBatch ?? tally.memory.get(key);
      if (earlier && !supersedes(given, earlier)) {
        tally.reject(index, SUPERSEDED);
        continue;
      }
      if (inBatch) tally.reject(inBatch.index, SUPERSEDED);
      newest.set(key, { index, at: given ?? now, weight: weightOf(row), row });
    }
    return newest;
  }

  private async writeInParts<Row>(kind: ItemKind<Row>, rows: readonly Numbered<Row>[]): Promise<BatchResult> {
    const result: BatchResult = { ...NOTHING, rejected: [] };
    for (const heap of partsOf(rows, STATEMENT)) {
      const part = await this.write(kind, heap);
      result.accepted += part.accepted;
      result.rejected.push(...part.rejected);
      result.first ??= part.first;
      result.newest = part.newest ?? result.newest;
    }
    return result;
  }

  /**
   * Writes rows. If the database refuses a row (by a CHECK that depends on its locale), the two halves are written
   * separately, so that only that row is rejected.
   */
  private async write<Row>(kind: ItemKind<Row>, rows: readonly Numbered<Row>[]): Promise<BatchResult> {
    if (rows.length === 0) return { ...NOTHING, rejected: [] };
    try {
      return await this.writeAll(kind, rows);
    } catch (error) {
      if (!/^2[23]/.test(errorCode(error))) throw error;
      const [only] = rows;
      if (rows.length === 1 && only) {
        return { ...NOTHING, rejected: [{ index: only.index, ...REFUSED }] };
      }
      const middle = Math.ceil(rows.length / 2);
      const one = await this.write(kind, rows.slice(0, middle));
      const two = await this.write(kind, rows.slice(middle));
      return {
        accepted: one.accepted + two.accepted,
        rejected: [...one.rejected, ...two.rejected],
        first: one.first ?? two.first,
        newest: two.newest ?? one.newest,
      };
    }
  }

  private async writeAll<Row>(kind: ItemKind<Row>, rows: readonly Numbered<Row>[], attempt = 1): Promise<BatchResult> {
    try {
      return await this.database.transaction(async (tx) => {
        await becomeWriter(tx, this.context.correlationId());
        const written = new Set(
          await kind.write(
            tx,
            rows.map(({ row }) => row),
          ),
        );
        const stale = rows.filter(({ row }) => !written.has(kind.key(row)));
        const { rows: ids } = await tx.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
        const rejected = stale.map(({ index }) => ({ index, ...STALE }));
        return { accepted: written.size, rejected, first: ids[0]?.id, newest: ids[0]?.id };
      });
    } catch (error) {
      if (errorCode(error) !== DEADLOCK || attempt === ATTEMPTS) throw error;
      return this.writeAll(kind, rows, attempt + 1);
    }
  }
}

const NOTHING = { accepted: 0, first: undefined, newest: undefined };
const DEADLOCK = '40P01';
const SUPERSEDED: ItemFault = { code: 'superseded', detail: 'a newer item of this request has the same key' };
const STALE: ItemFault = { code: 'stale', detail: 'a newer observation of this key is stored' };
const REFUSED: ItemFault = {
  code: 'invalid_format',
  detail: 'the database refused this item; check its texts for unusual spaces, control characters and capital letters',
};

function readOr<Row>(
  kind: ItemKind<Row>,
  item: unknown,
  now: number,
  reject: (fault: ItemFault) => void,
): Row | undefined {
  try {
    return kind.read(item, now);
  } catch (error) {
    if (!(error instanceof BadItem)) throw error;
    reject({ code: error.code, detail: error.detail });
    return undefined;
  }
}
