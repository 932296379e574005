import { Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/clock/clock.js';
import { isoTime, RANGE_FORMS, readTime } from '../../../platform/input/time.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { pageInfo } from '../../../platform/http/paging/page.js';
import { decodeCursor, encodeCursor } from '../../../platform/http/paging/list-cursor.js';
import { inputFault } from '../../../platform/input/faults.js';
import { Settings } from '../../../platform/settings/settings.js';
import { ALL_CHAINS } from '../../core/names.js';
import {
  HistorySeries,
  startOf,
  type BucketRow,
  type KeySeries,
  type RawRow,
  type Slice,
} from '../../history/history-series.js';
import type { Metric } from '../../hot-cache/published-value.js';
import type { HistoryAnswer, HistoryQuery, HistoryRow } from './history.dto.js';
import { INTERVALS, intervalFor, type Interval } from './time-range.js';
import { notFound } from './value-lookups.js';

const DAY_MS = 86_400_000;

/** Time range in Unix milliseconds; `to` is excluded. */
interface Range {
  from: number;
  to: number;
}

/** Types of a cursor's members: the last row's time and seq, start and end of the range, the interval. */
const POSITION = ['number', 'number', 'number', 'number', 'string'] as const;

/** Reads a key's stored history for charts, in pages, at the requested interval or one that suits the range. */
@Injectable()
export class HistoryLookups {
  constructor(
    private readonly series: HistorySeries,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {}

  /** Reads a page. For `tvl`, a null `chain` means the protocol's total over real chains. */
  async read(metric: Metric, subject: string, chain: string | null, query: HistoryQuery): Promise<HistoryAnswer> {
    const { limit, cursor, ...question } = query;
    const scope = [metric, subject, chain, question];
    // The cursor contains the range and interval of the first page, so that relative times (`now-7d`) do not shift from page
    // to page.
    const [at, seq, pageFrom, pageTo, grain] = decodeCursor(scope, cursor, POSITION) ?? [];
    const range = this.range(query);
    const series = await this.series.find(metric, subject, chain);
    if (!series) throw notFound('Recorded history');
    const asked = { from: inRange(pageFrom) ?? range.from, to: inRange(pageTo) ?? range.to };
    const paged = INTERVALS.find((known) => known === grain);
    const interval = query.interval ?? paged ?? intervalFor(asked.to - asked.from, asked.from >= this.rawFrom());
    const { from, to } = keptRange(asked, interval, await this.series.rawFrom());
    const position = inRange(at);
    const slice: Slice = {
      from,
      to,
      limit: limit + 1,
      ...(position === undefined ? {} : { after: { at: position, seq: Number.isSafeInteger(seq) ? Number(seq) : 0 } }),
    };
    const rows =
      interval === 'raw' ? await this.series.raw(series, slice) : await this.series.buckets(interval, series, slice);
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    const lastSeq = last && 'seq' in last ? last.seq : 0;
    return {
      data: page.map((row) => ('open' in row ? bucketAnswer(row) : rawAnswer(row))),
      page: pageInfo(last ? encodeCursor(scope, [last.at, lastSeq, from, to, interval]) : null),
      meta: { from: isoTime(from), to: isoTime(to), interval, chains: chainsIn(series, from, to) },
    };
  }

  private rawFrom(): number {
    return this.clock.now() - this.settings.historyRawDays * DAY_MS;
  }

  private range(query: HistoryQuery): Range {
    const now = this.clock.now();
    const to = timeOf('to', query.to, now) ?? now;
    const usual = { raw: DAY_MS, '1h': 7 * DAY_MS, '1d': 90 * DAY_MS }[query.interval ?? 'raw'];
    const from = timeOf('from', query.from, now) ?? to - usual;
    if (from >= to) throw badTime('from', 'from must be before to');
    return { from, to };
  }
}

/**
 * Returns the part of a range for which values are stored. Single values are kept for a limited time. If the range ends
 * inside an hour whose single values are no longer kept, that hour is omitted, because its aggregate includes values after
 * the end.
 */
function keptRange({ from, to }: Range, interval: Interval, rawFrom: number): Range {
  if (interval !== 'raw')
    return { from, to: startOf('1h', to) < rawFrom ? Math.max(startOf('1h', to), startOf('1h', from)) : to };
  if (to > rawFrom) return { from: Math.max(from, rawFrom), to };
  const detail = `Single values are kept from ${isoTime(rawFrom)}; start there, or use the interval 1h or 1d.`;
  throw inputFault('limit_exceeded', '?from', 'not_kept', detail);
}

/** Returns the chains of the range; `all` is included only if the range has times in which no real chain existed. */
function chainsIn({ chains, whole }: KeySeries, from: number, to: number): string[] {
  const counts = whole?.spans.some((span) => span.from < to && span.to > from);
  return counts ? [...chains, ALL_CHAINS] : chains;
}

function timeOf(field: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const reading = readTime(text, now, RANGE_FORMS);
  if ('fault' in reading) throw badTime(field, `${field} ${reading.fault}`);
  return reading.at;
}

/** Returns a time or position that the database can store; undefined for other values. */
function inRange(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= 253_402_300_799_000 ? value : undefined;
}

function badTime(field: string, detail: string): DomainError {
  return inputFault('invalid_request', `?${field}`, 'invalid_time', detail);
}

function rawAnswer({ at, value }: RawRow): HistoryRow {
  return { time: isoTime(at), value };
}

function bucketAnswer({ at, open, high, low, close, average, samples }: BucketRow): HistoryRow {
  return { time: isoTime(at), value: close, open, high, low, average, samples };
}
