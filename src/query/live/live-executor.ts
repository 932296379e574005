import { Injectable } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import type { Query } from '../core/ast.js';
import { datasetOf } from '../core/datasets.js';
import { inputFault } from '../../platform/input/faults.js';
import { parseQuery } from '../core/parse/parse-query.js';
import { keyed } from '../core/result/result-diff.js';
import { queryDeadline, QueryRunner } from '../execution/query-runner.js';
import type { LiveResult } from './live-query.js';

/** Parses and runs live queries: the language of POST /v1/query/advanced, first page only. */
@Injectable()
export class LiveExecutor {
  /** Aborts running executions when the process stops. */
  private readonly leaving = new AbortController();

  constructor(private readonly runner: QueryRunner) {}

  /**
   * Parses a live query; throws if it is invalid. Members that only make sense in a single request, such as `cursor`, are
   * invalid here.
   */
  parse(body: unknown): Query {
    const query = parseQuery(body);
    const once = { cursor: query.cursor, at_least: query.atLeast, explain: query.explain || undefined };
    for (const [member, given] of Object.entries(once)) {
      if (given === undefined) continue;
      throw inputFault('invalid_request', `/${member}`, 'not_live', `A live query must not have ${member}; remove it.`);
    }
    return query;
  }

  /** Runs a query. `cursor` is a position that this process has reached; the answer includes everything up to it. */
  async run(query: Query, caller: Pick<Caller, 'userId'>, cursor: string, signal: AbortSignal): Promise<LiveResult> {
    const { rows } = await this.runner.run(query, {
      owner: caller.userId,
      signal: AbortSignal.any([signal, this.leaving.signal]),
      deadline: queryDeadline(),
      immediate: true,
    });
    return { rows: keyed(rows.slice(0, query.limit), keyColumns(query)), cursor };
  }

  /**
   * Estimates the number of rows that a run reads; 0 until the sizes of the stored data are known. Throws if the query can
   * never be run.
   */
  rowsOf(query: Query): number {
    return this.runner.estimate(query)?.rows ?? 0;
  }

  stop(): void {
    this.leaving.abort(new Error('the process stops'));
  }
}

/** Returns the columns that identify a row of the answer, except for single values of the same millisecond. */
function keyColumns({ aggregations, groupBy, dataset, time }: Query): readonly string[] {
  if (aggregations.length > 0) return time?.bucket === undefined ? groupBy : ['time', ...groupBy];
  const { key, metric } = datasetOf(dataset);
  return time !== undefined && metric !== undefined ? [...key, 'time'] : key;
}
