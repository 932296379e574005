import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import type { Query } from '../core/ast.js';
import { choosesByOthers, estimateCost, roughCost, type Cost, type StoredSizes } from '../core/plan/cost.js';
import { isoTime } from '../../platform/input/time.js';
import { datasetOf } from '../core/datasets.js';
import { checkGroups, fillGroups, sortGroups } from '../core/result/group-pages.js';
import type { KeyValue } from '../core/sql/keyset.js';
import { QUERY_LIMITS } from '../core/limits.js';
import { planQuery, type Plan, type Span } from '../core/plan/plan.js';
import type { Column } from '../core/sql/relation.js';
import { ResultRows } from '../core/result/result-rows.js';
import {
  canBin,
  countStatement,
  excludedStatement,
  groupsStatement,
  RELATIVE_ERROR,
  rowsStatement,
  type Statement,
} from '../core/sql/statements.js';
import { timeWindows } from '../core/result/time-windows.js';
import { QueryAdmission } from './query-admission.js';
import { QueryPool, type PoolQuery, type RunOptions } from './query-pool.js';
import { StoredFactsReader } from './stored-facts.js';

/** Number of values of a group up to which percentiles are exact; above it they are computed from bins. */
const EXACT_UP_TO_ROWS = 100_000;

/** Number of windows with prepared statements: a page usually lies in the first window or continues in the second one. */
const PREPARED_WINDOWS = 2;

/** Result of a query from the database: one page of rows, or all groups in order. */
export interface QueryResult {
  readonly rows: ResultRows;
  /** Position of the last row, if more rows follow. */
  readonly next: readonly KeyValue[] | undefined;
  /** Time at which the data was read, Unix milliseconds. */
  readonly asOf: number;
  readonly range: Span | undefined;
  /**
   * Part of the range whose values were used: hours whose single values are no longer kept are included as a whole or
   * omitted.
   */
  readonly covered: Span | undefined;
  readonly source: string;
  readonly excluded: number | undefined;
  /** State to which points refer. */
  readonly state: PointsState | undefined;
  readonly relativeError: number | undefined;
}

/** State of all chains: answers of points with one cursor agree. */
interface PointsState {
  readonly cursor: string;
  /** Time of the newest projected block, ISO 8601; null before the first. */
  readonly at: string | null;
  /** Newest projected block of each chain by its name. */
  readonly chains: Readonly<Record<string, number>>;
}

interface RunContext {
  /** User whose own rows the query may read. */
  readonly owner: string;
  readonly signal: AbortSignal;
  /** Deadline on the clock of `performance.now()`. */
  readonly deadline: number;
  /** Position after which a later page starts. `range`: the range of the first page. */
  readonly position?: readonly KeyValue[] | undefined;
  readonly range?: Span | undefined;
  /** API key of the caller; keys take turns. */
  readonly key?: string;
  /** Whether the query runs without waiting for its turn, for callers that have limits of their own. */
  readonly immediate?: boolean;
  /** Called when the query's turn has come, before any data is read. */
  readonly onStart?: () => void;
}

export interface Explanation {
  readonly plan: Plan;
  readonly cost: Cost;
  /** Number of selected series or rows, if they were counted. */
  readonly chosen: number | undefined;
  readonly binned: boolean;
}

/** Plans a query, waits for its turn and runs it. */
@Injectable()
export class QueryRunner {
  constructor(
    private readonly pool: QueryPool,
    private readonly admission: QueryAdmission,
    private readonly facts: StoredFactsReader,
    private readonly clock: Clock,
  ) {}

  /** Returns the key that signs page cursors; it is the same in every process. */
  cursorKey(): Promise<string> {
    return this.facts.cursorKey();
  }

  /** Estimates the cost from the last known sizes of the stored data; undefined until they are known. */
  estimate(query: Query): Cost | undefined {
    const { latest } = this.facts;
    if (latest === undefined) return undefined;
    const plan = planQuery(query, { now: this.clock.now(), rawFrom: latest.rawFrom });
    return estimateCost(query, plan, latest.sizes);
  }

  /** Plans a query. If it seems large but its conditions may select little, its series or rows are counted first. */
  async explain(query: Query, context: RunContext, counted?: number): Promise<Explanation> {
    const { rawFrom, sizes } = await this.facts.read();
    const plan = planQuery(query, { now: this.clock.now(), rawFrom, range: context.range });
    const chosen = counted ?? (await this.chosen(query, plan, sizes, context));
    const cost = estimateCost(query, plan, sizes, plan.levels && chosen);
    const values = Math.min(chosen ?? Infinity, cost.values);
    return { plan, cost, chosen, binned: values > EXACT_UP_TO_ROWS && canBin(query) };
  }

  async run(query: Query, context: RunContext): Promise<QueryResult> {
    const { cost, chosen } = await this.explain(query, context);
    const work = (): Promise<QueryResult> => this.work(query, context, chosen);
    return context.immediate
      ? await work()
      : await this.admission.run(cost, timeLeft(context), context.signal, work, context.key);
  }

  private async work(query: Query, context: RunContext, chosen: number | undefined): Promise<QueryResult> {
    context.onStart?.();
    // Planned again when its turn has come, because a request that joined in the meantime may expect later data.
    const { plan, cost, binned } = await this.explain(query, context, chosen);
    const options = (): RunOptions => runOptions(context);
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
  }

  /** Counts the series or rows that a query selects, if their number can change how the query is run. */
  private async chosen(query: Query, plan: Plan, sizes: StoredSizes, context: RunContext): Promise<number | undefined> {
    const { rows, values } = roughCost(query, plan, sizes);
    if (rows <= EXACT_UP_TO_ROWS || !choosesByOthers(query)) return undefined;
    if (plan.levels === undefined && !canBin(query)) return undefined;
    const count = async (): Promise<number> => {
      const [row] = await this.pool.run(countStatement(query, plan, EXACT_UP_TO_ROWS + 1), runOptions(context));
      return Number(row?.[0] ?? 0);
    };
    if (context.immediate) return count();
    const turn = { rows: values, heavy: false };
    return this.admission.run(turn, timeLeft(context), context.signal, count, context.key);
  }

  /**
   * Reads a page. If rows are sorted by time, windows of the range are read until the page is full; in other cases one
   * statement reads the page.
   */
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
    let state: PointsState | undefined;
    let behind = 0;
    let asked = 0;
    for (const window of windows) {
      const piece = window ? planQuery(query, { now: plan.now, rawFrom, range: window }) : plan;
      const { columns, positionLength, ...statement } = rowsStatement(query, piece, position);
      // The first windows are short for every query, so their statements are prepared; later windows are long if rows are
      // rare.
      const prepared = window !== undefined && asked++ < PREPARED_WINDOWS;
      const part = await this.found(query, { ...statement, prepared }, options());
      found.push(...part.found);
      state = part.state;
      shown = columns;
      behind = columns.length + positionLength;
      if (found.length >= wanted) break;
    }
    const page = withinBytes(found.slice(0, query.limit), behind);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      rows: ResultRows.of(shown, page),
      // The values of the row's position follow its columns.
      next: last?.slice(shown.length, behind) as KeyValue[] | undefined,
      state,
    };
  }

  private async groups(query: Query, plan: Plan, binned: boolean, options: RunOptions) {
    const statement = groupsStatement(query, plan, binned);
    const { found, state } = await this.found(query, statement, options);
    checkGroups(found.length);
    const rows = ResultRows.of(statement.columns, fillGroups(query, found, plan.range));
    return { rows: sortGroups(query, rows), next: undefined, state };
  }

  /** Runs a statement, and reads the state to which its rows refer, if the dataset has one. */
  private async found(query: Query, statement: PoolQuery, options: RunOptions) {
    const { state } = datasetOf(query.dataset);
    if (state === undefined) return { found: await this.pool.run(statement, options), state: undefined };
    const [found, [row]] = await this.pool.runBoth(statement, { text: state, values: [] }, options);
    return { found, state: stateOf(row) };
  }

  private async excluded(query: Query, plan: Plan, options: RunOptions): Promise<number | undefined> {
    const statement: Statement | undefined = plan.levels === undefined ? excludedStatement(query, plan) : undefined;
    if (statement === undefined) return undefined;
    const [row] = await this.pool.run(statement, options);
    return Number(row?.[0] ?? 0);
  }
}

function stateOf([cursor, at, chains]: readonly unknown[] = []): PointsState {
  return {
    cursor: String(cursor),
    at: typeof at === 'number' ? isoTime(at) : null,
    chains: typeof chains === 'object' && chains !== null ? Object.fromEntries(Object.entries(chains)) : {},
  };
}

/** Returns the first rows up to the size of a page, at least one; all rows if they have no size. */
function withinBytes(rows: unknown[][], sizeAt: number): unknown[][] {
  let bytes = 0;
  const end = rows.findIndex((row) => (bytes += Number(row[sizeAt] ?? 0)) > QUERY_LIMITS.pageBytes);
  return end < 0 ? rows : rows.slice(0, end + 1);
}

/** Returns the length of a window that probably contains the wanted rows, ms; the whole range if it contains fewer. */
function firstWindow({ range }: Plan, { rows }: Cost, wanted: number): number {
  return range === undefined ? 0 : (range.to - range.from) * Math.min(1, wanted / rows);
}

const timeLeft = ({ deadline }: RunContext): number => deadline - performance.now();

function runOptions(context: RunContext): RunOptions {
  return { timeoutMs: timeLeft(context), owner: context.owner, signal: context.signal };
}

function coveredBy({ levels, range }: Plan): Span | undefined {
  return levels === undefined ? range : { from: levels.from, to: levels.to };
}

/** Returns the deadline of a query that starts now, for `RunContext.deadline`. */
export function queryDeadline(): number {
  return performance.now() + QUERY_LIMITS.seconds * 1_000;
}
