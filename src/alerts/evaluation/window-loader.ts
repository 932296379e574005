import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { countsInTotal, type AccountNumbers, type HistoryNeed, type HistoryPoint } from '../core/index.js';
import { announcedNumbers } from './account-loader.js';
import { LogTail, type AsOf, type LoggedPoint } from './log-tail.js';
import { EARLIER_VALUES, STORED_VALUES, SUBJECTS, type StoredValue, type Subject } from './window-queries.js';

/** History of one protocol or token for all windows; `from` is the start of the longest window, Unix ms. */
interface WindowHistory {
  readonly points: readonly HistoryPoint[];
  readonly from: number;
}

/**
 * Target number of values per page: about 30 ms of work. The number of series of the next page is computed from the
 * previous page.
 */
const PAGE_VALUES = 10_000;
const FIRST_PAGE_SERIES = 50;
const MAX_PAGE_SERIES = 500;

/**
 * History for windows: all published values from the last one at the start of the window, as an evaluator that never
 * stopped has them. Only where raw history has been deleted, hourly values are used instead. Measured: windows of 7 days
 * over 10,000 keys with 1.4 million values took 6 s of one core and 250 MB.
 */
@Injectable()
export class WindowLoader {
  constructor(
    private readonly database: Database,
    private readonly tail: LogTail,
  ) {}

  /** @param clock time of the last tick up to the position, from which windows look back; 0: no tick yet */
  async *load(needs: readonly HistoryNeed[], asOf: AsOf, clock: number): AsyncGenerator<WindowHistory[]> {
    if (needs.length === 0) return;
    const end = clock > 0 ? Math.min(clock, asOf.at) : asOf.at;
    const written = await this.tail.written(asOf);
    const unwritten = Map.groupBy(await this.tail.points(written, asOf), subjectKey);
    const subjects = await this.subjects(needs, [...unwritten.values()].flat());
    let size = FIRST_PAGE_SERIES;
    for (let next = 0; next < subjects.length;) {
      const page: Subject[] = [];
      for (let series = 0; next < subjects.length && (page.length === 0 || series < size); next += 1) {
        const subject = subjects[next];
        if (subject === undefined) break;
        page.push(subject);
        series += subject.ids.length;
      }
      const histories = await this.page(page, written, end, unwritten);
      const values = histories.reduce((sum, { points }) => sum + points.length, 0);
      size = Math.max(1, Math.min(MAX_PAGE_SERIES, Math.floor((size * PAGE_VALUES) / Math.max(1, values))));
      yield histories;
    }
  }

  /** Yields the present numbers of accounts, page by page; `*`: of all. */
  accounts(accounts: readonly string[]): AsyncGenerator<AccountNumbers[]> {
    return announcedNumbers(this.database, accounts);
  }

  private async subjects(needs: readonly HistoryNeed[], unwritten: readonly LoggedPoint[]): Promise<Subject[]> {
    const wanted = needs.map(({ metric, protocol, chain, token, seconds }) => ({
      metric,
      subject: metric === 'tvl' ? protocol : token,
      chain: metric === 'tvl' ? chain : null,
      seconds,
    }));
    const seen = new Map(unwritten.map((point) => [`${subjectKey(point)} ${point.chain ?? ''}`, point]));
    const recent = [...seen.values()].map((point) => ({
      metric: point.metric,
      subject: point.protocol ?? point.token,
      chain: point.chain ?? '',
    }));
    return this.database.query<Subject>(SUBJECTS, [JSON.stringify(wanted), JSON.stringify(recent)]);
  }

  private async page(
    subjects: readonly Subject[],
    written: number,
    end: number,
    unwritten: ReadonlyMap<string, LoggedPoint[]>,
  ): Promise<WindowHistory[]> {
    const starts = subjects.map(({ seconds }) => end - seconds * 1000);
    const stored = await this.stored(subjects, starts, written);
    return subjects.map((subject, index) => {
      const { metric, subject: name } = subject;
      const points = (stored[index] ?? []).map(({ chain, value, at, seq }): LoggedPoint =>
        metric === 'tvl'
          ? { metric, protocol: name, chain, token: null, value, at, seq }
          : { metric, protocol: null, chain: null, token: name, value, at, seq },
      );
      points.push(...(unwritten.get(`${metric} ${name}`) ?? []));
      return { points: inOrderOfLog(points), from: starts[index] ?? end };
    });
  }

  /** Returns the stored values by subject. */
  private async stored(subjects: readonly Subject[], starts: number[], written: number): Promise<StoredValue[][]> {
    const ids = subjects.flatMap((subject, index) => subject.ids.map((id) => ({ id, subject: index })));
    const rows = await this.database.query<StoredValue>(STORED_VALUES, [
      ids.map(({ id }) => id),
      ids.map(({ subject }) => subject),
      ids.map(({ subject }) => starts[subject]),
      written,
    ]);
    const bySubject = Map.groupBy(rows, ({ subject }) => subject);
    const late = subjects.flatMap((_, index) => chainsBegunLate(bySubject.get(index) ?? [], starts[index] ?? 0));
    if (late.length > 0) {
      const earlier = await this.database.query<StoredValue>(EARLIER_VALUES, [
        late.map(({ id }) => id),
        late.map(({ subject }) => subject),
        late.map(({ subject }) => starts[subject]),
        late.map(({ before }) => before),
      ]);
      for (const row of earlier) bySubject.get(row.subject)?.push(row);
    }
    return subjects.map((_, index) => bySubject.get(index) ?? []);
  }
}

/**
 * Returns the series of a protocol whose value at the start of the window was logged after the protocol's newest value of
 * that time. Until then the total included the series' previous value, which is therefore needed, too.
 */
function chainsBegunLate(
  rows: readonly StoredValue[],
  start: number,
): { id: number; subject: number; before: number }[] {
  const chains = new Set(rows.map(({ chain }) => chain));
  const published = rows.filter(({ seq, chain }) => seq > 0 && countsInTotal(chain, chains));
  const edge = published.reduce((newest, { at }) => (at <= start && at > newest ? at : newest), -Infinity);
  const inWindow = published.filter(({ at }) => at >= edge);
  const before = inWindow.reduce((least, { seq }) => Math.min(least, seq), Infinity);
  if (edge === -Infinity) return [];
  const late: { id: number; subject: number; before: number }[] = [];
  for (const [id, series] of Map.groupBy(published, ({ id }) => id)) {
    const first = series.reduce((least, { seq }) => Math.min(least, seq), Infinity);
    if (first > before) late.push({ id, subject: series[0]?.subject ?? 0, before });
  }
  return late;
}

/**
 * Sorts points by position. Values that were never in the log are placed by their time of observation, but before the
 * first logged value of their series.
 */
function inOrderOfLog(points: readonly LoggedPoint[]): LoggedPoint[] {
  const logged = points.filter(({ seq }) => seq > 0).sort((a, b) => a.seq - b.seq);
  const begun = new Map<string | null, number>();
  for (const { chain, at } of logged) begun.set(chain, Math.min(begun.get(chain) ?? Infinity, at));
  const others = points
    .filter(({ seq, chain, at }) => seq === 0 && at < (begun.get(chain) ?? Infinity))
    .sort((a, b) => a.at - b.at);
  if (others.length === 0) return logged;
  const merged: LoggedPoint[] = [];
  let next = 0;
  for (const point of logged) {
    for (let other = others[next]; other !== undefined && other.at <= point.at; other = others[next]) {
      merged.push(other);
      next += 1;
    }
    merged.push(point);
  }
  return [...merged, ...others.slice(next)];
}

function subjectKey({ metric, protocol, token }: HistoryPoint): string {
  return `${metric} ${protocol ?? token ?? ''}`;
}
