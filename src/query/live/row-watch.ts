import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { DATASETS, type DatasetName } from '../core/ast.js';

type RowDataset = Exclude<DatasetName, 'events'>;

/**
 * Interval of checks for changes that are too small to be events, ms; they must be visible within 5 s, including the time of
 * a run.
 */
const CHECK_INTERVAL_MS = 2_000;

/** User of the watch. */
export interface RowReader {
  /** Whether rows are of interest now; the watch rests if not, until `wake`. */
  isInterested(): boolean;
  rowsChanged(datasets: readonly RowDataset[]): void;
}

/**
 * Detects changed rows, even if the change was too small to be an event, because the ids of the rows' last writing
 * transactions differ, or the state of chains that was counted. One scan of some thousand rows takes the database a few milliseconds.
 */
@Injectable()
export class RowWatch {
  private seen: Readonly<Record<RowDataset, string>> | undefined;

  private readonly loop: BackgroundLoop;
  private reader: RowReader | undefined;
  private isResting = true;

  constructor(
    private readonly database: Database,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({ name: 'live_query_rows', intervalMs: CHECK_INTERVAL_MS, run: () => this.check() });
  }

  /** Notifies the reader of changed rows while it is interested in rows. */
  start(reader: RowReader): void {
    this.reader = reader;
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Begins to check, the first time after an interval; the reader calls it when it becomes interested. */
  wake(): void {
    if (this.isResting) this.loop.ring();
  }

  private async check(): Promise<number> {
    const [wasResting, reader] = [this.isResting, this.reader];
    this.isResting = reader?.isInterested() !== true;
    if (this.isResting) return Infinity;
    // While the database is unavailable no change is assumed; a later check finds it.
    if (!wasResting) reader?.rowsChanged(await this.changed());
    return CHECK_INTERVAL_MS;
  }

  /** Returns the datasets whose rows have changed since the previous call; all datasets at the first call. */
  private async changed(): Promise<RowDataset[]> {
    const now = await this.database.one<Record<RowDataset, string>>(WRITERS);
    const { seen } = this;
    if (now === undefined) return [];
    this.seen = now;
    return DATASETS.filter((dataset) => dataset !== 'events').filter(
      (dataset) => seen === undefined || now[dataset] !== seen[dataset],
    );
  }
}

const writers = (table: string) => `(SELECT count(*) || ' ' || coalesce(sum(r.xmin::text::bigint), 0) FROM ${table} r)`;

const WRITERS = `
SELECT t.writers AS tvl, ${writers('token_prices')} AS prices, t.writers || ' ' || ${writers('protocols')} AS protocols,
  c.state AS points, c.state AS onchain
FROM (SELECT ${writers('protocol_tvl')} AS writers) t,
  (SELECT concat_ws(' ', (SELECT cursor FROM points_state), (SELECT sum(final_number + coalesce(head_number, 0)) FROM onchain_chains))
    AS state) c`;
