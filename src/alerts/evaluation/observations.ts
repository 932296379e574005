import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { Observation, Observed } from '../core/index.js';

/**
 * Last observations of keys, read from the tables of values: a move within the dead band is an observation, but there is
 * no event for it.
 */
@Injectable()
export class Observations {
  constructor(private readonly database: Database) {}

  /**
   * Returns the last observation of each key, or of all chains of a protocol if no chain is named; null if there is no
   * row.
   */
  async of(asked: readonly Observed[]): Promise<Observation[]> {
    if (asked.length === 0) return [];
    return this.database.query<Observation & Record<string, unknown>>(LAST, [JSON.stringify(asked)]);
  }
}

/** Returns the SQL for a row's time of observation, Unix ms; a time in the future counts as now. */
const millis = (row: string): string => `(extract(epoch FROM least(${row}.observed_at, now())) * 1000)::float8 AS at`;

const LAST = `
WITH asked AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS a (metric text, protocol text, chain text, token text)
)
SELECT a.metric, a.protocol, coalesce(t.chain, a.chain) AS chain, a.token, ${millis('t')}
FROM asked a LEFT JOIN protocol_tvl t ON t.protocol = a.protocol AND (a.chain IS NULL OR t.chain = a.chain)
WHERE a.metric = 'tvl'
UNION ALL
SELECT a.metric, a.protocol, a.chain, a.token, ${millis('p')}
FROM asked a LEFT JOIN token_prices p ON p.token = a.token WHERE a.metric = 'price'`;
