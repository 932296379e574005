import { Logger } from '@nestjs/common';
import { Rollups } from '../../../src/events/history/rollups.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import type { StoredSizes } from '../../../src/query/core/plan/cost.js';
import { groupPage } from '../../../src/query/core/result/group-pages.js';
import type { KeyValue } from '../../../src/query/core/sql/keyset.js';
import { QueryCursors } from '../../../src/query/core/result/query-cursors.js';
import { parseQuery } from '../../../src/query/core/parse/parse-query.js';
import { QueryAdmission } from '../../../src/query/execution/query-admission.js';
import type { Arrivals } from '../../../src/query/execution/arrivals.js';
import { QueryPool } from '../../../src/query/execution/query-pool.js';
import { queryDeadline, QueryRunner, type QueryResult } from '../../../src/query/execution/query-runner.js';
import { StoredFactsReader, type StoredFacts } from '../../../src/query/execution/stored-facts.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import type { Row } from './naive-query.js';

interface Page {
  readonly rows: readonly Row[];
  /** Cursor, like `page.next_cursor` in an answer. */
  readonly next: string | undefined;
}

/** Parts that run queries, without a server and its cache, on a database to which nobody else writes. */
export interface QueryParts {
  readonly db: TestDatabase;
  readonly database: Database;
  readonly pool: QueryPool;
  readonly facts: StoredFactsReader;
  readonly rollups: Rollups;
  run(body: object, owner?: string): Promise<QueryResult>;
  /** Returns one page of the answer; `cursor` is that of the previous page. */
  page(body: object, cursor?: string): Promise<Page>;
  /** Returns all pages joined; a query with groups is sent once. `between` runs after each page. */
  all(body: object, between?: () => Promise<unknown>): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/** Pretends that the database is larger than it is. */
class PretendedFacts extends StoredFactsReader {
  constructor(
    private readonly sizes: Partial<StoredSizes>,
    ...parts: ConstructorParameters<typeof StoredFactsReader>
  ) {
    super(...parts);
  }

  override async read(): Promise<StoredFacts> {
    const facts = await super.read();
    return { ...facts, sizes: { ...facts.sizes, ...this.sizes } };
  }
}

/**
 * @param sizes sizes of the stored data for the planner, where they differ from the real ones
 * @param given database of the caller, which is dropped at the end like one of its own
 */
export async function queryParts(sizes: Partial<StoredSizes> = {}, given?: TestDatabase): Promise<QueryParts> {
  Logger.overrideLogger(false);
  const db = given ?? (await createTestDatabase());
  const database = new Database({ url: db.url, poolSize: 3 });
  const settings = parseSettings({ DATABASE_URL: db.url, SECRETS_KEY: 'a key that only tests use' });
  const [metrics, clock] = [new Metrics(), new Clock()];
  const pool = new QueryPool(database, settings);
  const quiet = { flow: false } as Arrivals;
  const facts = new PretendedFacts(sizes, database, clock);
  const runner = new QueryRunner(pool, new QueryAdmission(pool, quiet, metrics), facts, clock);
  const cursors = new QueryCursors('a secret that only tests use');
  const ask = (body: object, owner: string, cursor?: string) => {
    const query = parseQuery({ ...body, ...(cursor && { cursor }) });
    const place = cursors.decode(query);
    const isGroups = query.aggregations.length > 0;
    const context = {
      owner,
      signal: new AbortController().signal,
      deadline: queryDeadline(),
      range: place?.range,
      position: isGroups ? undefined : (place?.position as KeyValue[] | undefined),
    };
    return { query, place, isGroups, result: runner.run(query, context) };
  };
  const page = async (body: object, cursor?: string): Promise<Page> => {
    const { query, place, isGroups, result } = ask(body, 'tester', cursor);
    const { range, ...found } = await result;
    const { rows } = found;
    const whole = { from: 0, to: rows.length, next: found.next };
    const { from, to, next } = isGroups ? groupPage(query, rows, place?.position) : whole;
    return { rows: rows.slice(from, to) as Row[], next: next && cursors.encode(query, { position: next, range }) };
  };
  return {
    db,
    database,
    pool,
    facts,
    rollups: new Rollups(database, metrics),
    run: (body, owner = 'tester') => ask(body, owner).result,
    page,
    all: async (body, between) => {
      const rows: Row[] = [];
      let cursor: string | undefined;
      do {
        const found = await page(body, cursor);
        rows.push(...found.rows);
        cursor = found.next;
        if (cursor !== undefined) await between?.();
      } while (cursor !== undefined);
      return rows;
    },
    close: async () => {
      await pool.onApplicationShutdown();
      await database.onApplicationShutdown();
      await db.drop();
    },
  };
}
