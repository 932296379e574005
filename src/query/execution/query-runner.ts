import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import type { Query } from '../core/ast.js';
import { estimateCost, type Cost } from '../core/cost.js';
import { checkGroups, fillGroups, sortGroups } from '../core/group-pages.js';
import type { KeyValue } from '../core/keyset.js';
import { QUERY_LIMITS } from '../core/limits.js';
import { planQuery, type Plan, type Span } from '../core/plan.js';
import type { Column } from '../core/relation.js';
import { ResultRows } from '../core/result-rows.js';
import {
  canBin,
  excludedStatement,
  groupsStatement,
  RELATIVE_ERROR,
  rowsStatement,
  type Statement,
} from '../core/statements.js';
import { bucketStarts } from '../core/time.js';
import { timeWindows } from '../core/time-windows.js';
import { Admission } from './admission.js';
import { QueryPool, type RunOptions } from './query-pool.js';
import { StoredFactsReader } from './stored-facts.js';

/** Values of a time bucket up to which percentiles are taken of all of them instead of bins. */
const EXACT_UP_TO_ROWS = 100_000;

/** A page lies in one window, which for a later page is two buckets, or goes on in the next. */
const PREPARED_WINDOWS = 2;

/** What the database gave for a query: a page of rows, or all groups in order. */
export interface QueryResult {
  readonly rows: ResultRows;
  /** Of rows: the last one's position, when there are more. */
  readonly next: readonly KeyValue[] | undefined;
  /** When it was asked, Unix milliseconds. */
  readonly asOf: number;
  readonly range: Span | undefined;
  /** The part of the range that values were taken of: hours of which single values are gone are whole or left out. */
  readonly covered: Span | undefined;
  readonly source: string;
  readonly excluded: number | undefined;
  readonly relativeError: number | undefined;
}

export interface RunContext {
  /** The user whose own rows may be seen. */
  readonly owner: string;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** Of a later page: where it begins, and the range of the first one. */
  readonly position?: readonly KeyValue[] | undefined;
  readonly range?: Span | undefined;
  /** The API key that asks: keys take turns. */
  readonly key?: string;
  /** Without waiting for a turn, for who limits itself. */
  readonly immediate?: boolean;
  /** Called when it is the query's turn, before anything is read. */
  readonly onStart?: () => void;
}

export interface Explanation {
  readonly plan: Plan;
  readonly cost: Cost;
  readonly binned: boolean;
}

/** Plans a query, waits for its turn and runs it. */
@Injectable()
export class QueryRunner {
  constructor(
    private readonly pool: QueryPool,
    private readonly admission: Admission,
    private readonly facts: StoredFactsReader,
    private readonly clock: Clock,
  ) {}

  /** What signs the cursors of pages, the same in every process. */
  cursorKey(): Promise<string> {
    return this.facts.cursorKey();
  }

  /** The cost by what was last known of the stored data; undefined before anything is. */
  estimate(query: Query): Cost | undefined {
    const { latest } = this.facts;
    if (latest === undefined) return undefined;
    const plan = planQuery(query, { now: this.clock.now(), rawFrom: latest.rawFrom });
    return estimateCost(query, plan, latest.sizes);
  }

  async explain(query: Query, range?: Span): Promise<Explanation> {
    const { rawFrom, sizes } = await this.facts.read();
    const plan = planQuery(query, { now: this.clock.now(), rawFrom, range });
    const cost = estimateCost(query, plan, sizes);
    return { plan, cost, binned: cost.rows / bucketsOf(plan) > EXACT_UP_TO_ROWS && canBin(query) };
  }

  async run(query: Query, context: RunContext): Promise<QueryResult> {
    const left = (): number => context.deadline - performance.now();
    const work = async (): Promise<QueryResult> => {
      context.onStart?.();
      // `now` is when its turn has come: who joined while it waited may know of something that happened meanwhile.
      const { plan, cost, binned } = await this.explain(query, context.range);
      const options = (): RunOptions => ({ timeoutMs: left(), owner: context.owner, signal: context.signal });
      const answer =
        query.aggregations.length > 0
          ? await this.groups(query, plan, binned, options())
          : await this.rows(query, plan, cost, context.position, options);
      return {
        ...answer,
        asOf: plan.now,
        range: plan.range,
        covered: coveredBy(plan),
        source: plan.sources.join('+'),
        excluded: await this.excluded(query, plan, options()),
        relativeError: binned ? RELATIVE_ERROR : undefined,
      };
    };
    if (context.immediate) return work();
    const expected = (await this.explain(query, context.range)).cost;
    return this.admission.run(expected, left(), context.signal, work, context.key);
  }

  /** In the order of time a page is put together from windows until it is full; else by one statement. */
  private async rows(
    query: Query,
    plan: Plan,
    cost: Cost,
    position: readonly KeyValue[] | undefined,
    options: () => RunOptions,
  ) {
    const { rawFrom } = await this.facts.read();
    const wanted = query.limit + 1;
    const windows = timeWindows(query, plan, position, firstWindow(plan, cost, wanted)) ?? [undefined];
    const found: unknown[][] = [];
    let shown: readonly Column[] = [];
    let behind = 0;
    let asked = 0;
    for (const window of windows) {
      const part = window ? planQuery(query, { now: plan.now, rawFrom, range: window }) : plan;
      const { columns, positionLength, ...statement } = rowsStatement(query, part, position);
      // The first windows are short whatever the query; later ones are as long as rows are rare.
      const prepared = window !== undefined && asked++ < PREPARED_WINDOWS;
      found.push(...(await this.pool.run({ ...statement, prepared }, options())));
      shown = columns;
      behind = columns.length + positionLength;
      if (found.length >= wanted) break;
    }
    const page = withinBytes(found.slice(0, query.limit), behind);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      rows: ResultRows.of(shown, page),
      // Behind what is shown stands the row's position.
      next: last?.slice(shown.length, behind) as KeyValue[] | undefined,
    };
  }

  private async groups(query: Query, plan: Plan, binned: boolean, options: RunOptions) {
    const statement = groupsStatement(query, plan, binned);
    const found = await this.pool.run(statement, options);
    checkGroups(found.length);
    const rows = ResultRows.of(statement.columns, fillGroups(query, found, plan.range));
    return { rows: sortGroups(query, rows), next: undefined };
  }

  private async excluded(query: Query, plan: Plan, options: RunOptions): Promise<number | undefined> {
    const statement: Statement | undefined = plan.levels === undefined ? excludedStatement(query, plan) : undefined;
    if (statement === undefined) return undefined;
    const [row] = await this.pool.run(statement, options);
    return Number(row?.[0] ?? 0);
  }
}

/** The first rows that are together not much larger than a page may be, one at least; where each tells its size. */
function withinBytes(rows: unknown[][], sizeAt: number): unknown[][] {
  let bytes = 0;
  const end = rows.findIndex((row) => (bytes += Number(row[sizeAt] ?? 0)) > QUERY_LIMITS.pageBytes);
  return end < 0 ? rows : rows.slice(0, end + 1);
}

/** Milliseconds that hold about so many rows; the whole range where it holds fewer, or none at all. */
function firstWindow({ range }: Plan, { rows }: Cost, wanted: number): number {
  return range === undefined ? 0 : (range.to - range.from) * Math.min(1, wanted / rows);
}

function coveredBy({ levels, range }: Plan): Span | undefined {
  return levels === undefined ? range : { from: levels.from, to: levels.to };
}

function bucketsOf({ levels }: Plan): number {
  if (levels?.bucket === undefined) return 1;
  return bucketStarts(levels.bucket, levels.from, levels.to, QUERY_LIMITS.groups).length;
}

/** The whole time a query has, from now; for `RunContext.deadline`. */
export function queryDeadline(): number {
  return performance.now() + QUERY_LIMITS.seconds * 1_000;
}
