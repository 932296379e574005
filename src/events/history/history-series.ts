import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ALL_CHAINS, isRealChain } from '../core/names.js';
import type { Metric } from '../hot-cache/published-value.js';
import {
  BUCKETS_OF_MANY,
  BUCKETS_OF_ONE,
  OPEN_BUCKET,
  RAW_FROM,
  RAW_OF_MANY,
  RAW_OF_ONE,
  SPANS_OF_WHOLE,
} from './history-statements.js';

/** Series that make up a key: one series, or those of a protocol's real chains. */
export interface KeySeries {
  ids: number[];
  chains: string[];
  /** Series of the chain `all`, and the times without a real chain, in which its value is the protocol's total. */
  whole?: { id: number; spans: Span[] };
}

/** Time range in Unix milliseconds; `from` is included, `to` is excluded. */
interface Span {
  from: number;
  to: number;
}

/** Time range in which the same series make up the total. */
interface Stretch extends Span {
  ids: number[];
  isWhole: boolean;
}

/**
 * Requested range of history, in ascending order of time. Times are Unix milliseconds; `from` is included, `to` is excluded.
 */
export interface Slice {
  from: number;
  to: number;
  limit: number;
  /** Point after which the page begins: its time and, for raw history, its sequence number. */
  after?: { at: number; seq: number };
}

export interface RawRow {
  at: number;
  seq: number;
  value: number;
}

export interface BucketRow {
  at: number;
  open: number;
  close: number;
  high: number | null;
  low: number | null;
  average: number | null;
  samples: number;
}

/**
 * Reads stored history by key. The total of several series at a time is the sum of their values at that time, each the last
 * value at or before it. Values are levels and are never summed over time.
 */
@Injectable()
export class HistorySeries {
  constructor(private readonly database: Database) {}

  /**
   * Finds the series of a key; undefined if nothing was ever recorded. For `tvl`, a null `chain` means the protocol's total.
   */
  async find(metric: Metric, subject: string, chain: string | null): Promise<KeySeries | undefined> {
    const rows = await this.database.query<{ id: number; chain: string }>(
      'SELECT id, chain FROM metric_series WHERE metric = $1 AND subject = $2 ORDER BY chain',
      [metric, subject],
    );
    const chosen = metric === 'price' ? rows : chosenChains(rows, chain);
    if (chosen.length === 0) return undefined;
    const ids = chosen.map((row) => row.id);
    const chains = chosen.map((row) => row.chain).filter((name) => name !== '');
    const whole = chain === null && rows.find((row) => row.chain === ALL_CHAINS);
    if (!whole || chains.includes(ALL_CHAINS)) return { ids, chains };
    const spans = await this.database.query<{ from: number; to: number | null }>(SPANS_OF_WHOLE, [ids, whole.id]);
    return {
      ids,
      chains,
      whole: { id: whole.id, spans: spans.map(({ from, to }) => ({ from, to: to ?? LAST_TIME })) },
    };
  }

  /** Returns the time from which single values are kept. */
  async rawFrom(): Promise<number> {
    const [row] = await this.database.query<{ raw_from: number }>(RAW_FROM);
    return row?.raw_from ?? 0;
  }

  async raw(series: KeySeries, slice: Slice): Promise<RawRow[]> {
    const rows: RawRow[] = [];
    for (const { ids, isWhole, from, to } of stretches(series)) {
      if (rows.length >= slice.limit) break;
      const part = {
        ...slice,
        from: Math.max(slice.from, from),
        to: Math.min(slice.to, to),
        limit: slice.limit - rows.length,
      };
      rows.push(...(await this.rawOf(ids, part, isWhole ? from : null)));
    }
    return rows;
  }

  /**
   * Reads buckets. If the range ends inside a bucket and single values of that time are kept, the last bucket covers only
   * the part before the end. A bucket is computed from the series that make up the total at its end.
   */
  async buckets(interval: '1h' | '1d', series: KeySeries, slice: Slice): Promise<BucketRow[]> {
    const rows: BucketRow[] = [];
    const begun = stretches(series).filter(({ from }) => from < slice.to);
    for (const [index, { ids, from, to }] of begun.entries()) {
      if (rows.length >= slice.limit) break;
      const end = index === begun.length - 1 ? slice.to : startOf(interval, to);
      const part = {
        ...slice,
        from: Math.max(slice.from, startOf(interval, from)),
        to: Math.min(slice.to, end),
        limit: slice.limit - rows.length,
      };
      rows.push(...(await this.bucketsOf(interval, ids, part)));
    }
    return rows;
  }

  private async bucketsOf(interval: '1h' | '1d', ids: readonly number[], slice: Slice): Promise<BucketRow[]> {
    if (slice.from >= slice.to) return [];
    const { from, to, limit, after } = slice;
    const last = startOf(interval, to);
    const values = [ids.length === 1 ? ids[0] : ids, from, last, after?.at ?? null, limit];
    const sql = ids.length === 1 ? BUCKETS_OF_ONE : BUCKETS_OF_MANY;
    const rows = await this.database.query<BucketRow>(sql[interval], values);
    if (last === to || rows.length >= limit || (after !== undefined && after.at >= last)) return rows;
    return [...rows, ...(await this.database.query<BucketRow>(OPEN_BUCKET, [ids, last, startOf('1h', to), to]))];
  }

  /**
   * Reads single values. `start`: a time at which the total changes although no series has a value, because the previous
   * series ended; null if there is none.
   */
  private async rawOf(ids: readonly number[], slice: Slice, start: number | null): Promise<RawRow[]> {
    if (slice.from >= slice.to) return [];
    const { from, to, limit, after } = slice;
    const [only] = ids;
    if (ids.length === 1 && start === null) {
      return await this.database.query(RAW_OF_ONE, [only, from, to, after?.at ?? null, after?.seq ?? null, limit]);
    }
    return await this.database.query(RAW_OF_MANY, [ids, from, to, after?.at ?? null, limit, start]);
  }
}

/** Latest time that a Date can represent. */
const LAST_TIME = 8.64e15;

/** Divides all time into ranges in which the same series make up the total. */
function stretches({ ids, whole }: KeySeries): Stretch[] {
  const cut: Stretch[] = [];
  let from = 0;
  for (const span of whole ? whole.spans : []) {
    cut.push({ ids, isWhole: false, from, to: span.from });
    if (whole) cut.push({ ids: [whole.id], isWhole: true, ...span });
    from = span.to;
  }
  cut.push({ ids, isWhole: false, from, to: LAST_TIME });
  return cut.filter((stretch) => stretch.from < stretch.to);
}
const UNIT_MS = { '1h': 3_600_000, '1d': 86_400_000 } as const;

/** Returns the start of the bucket that contains a time. */
export function startOf(interval: '1h' | '1d', time: number): number {
  return time - (time % UNIT_MS[interval]);
}

function chosenChains<T extends { chain: string }>(rows: T[], chain: string | null): T[] {
  if (chain !== null) return rows.filter((row) => row.chain === chain);
  const real = rows.filter((row) => isRealChain(row.chain));
  return real.length > 0 ? real : rows.filter((row) => row.chain === ALL_CHAINS);
}
