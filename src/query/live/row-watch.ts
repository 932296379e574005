import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { DatasetName } from '../core/ast.js';

type RowDataset = Exclude<DatasetName, 'events'>;

/**
 * Detects changed rows, even if the change was too small to be an event, because the ids of the rows' last writing
 * transactions differ. One scan of some thousand rows takes the database a few milliseconds.
 */
@Injectable()
export class RowWatch {
  private seen: Readonly<Record<RowDataset, string>> | undefined;

  constructor(private readonly database: Database) {}

  /** Returns the datasets whose rows have changed since the previous call; all datasets at the first call. */
  async changed(): Promise<RowDataset[]> {
    const now = await this.database.one<Record<RowDataset, string>>(WRITERS);
    const { seen } = this;
    if (now === undefined) return [];
    this.seen = now;
    const datasets: RowDataset[] = ['tvl', 'prices', 'protocols'];
    return seen === undefined ? datasets : datasets.filter((dataset) => now[dataset] !== seen[dataset]);
  }
}

const writers = (table: string) => `(SELECT count(*) || ' ' || coalesce(sum(r.xmin::text::bigint), 0) FROM ${table} r)`;

const WRITERS = `
SELECT t.writers AS tvl, ${writers('token_prices')} AS prices, t.writers || ' ' || ${writers('protocols')} AS protocols
FROM (SELECT ${writers('protocol_tvl')} AS writers) t`;
