import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { SampleEndpoint } from '../sample/sample-endpoint.js';
import { ChainAlarms } from '../store/chain-alarms.js';

const WATCH_INTERVAL_MS = 30_000;
/** Age at which a gap is an alarm, minutes. */
const MAX_GAP_MINUTES = 5;

/** Lowest gap of a chain. */
interface LowestGap {
  readonly name: string;
  readonly contract: string;
  readonly block: number;
  readonly last: number;
  readonly isOld: boolean;
}

/**
 * Raises an alarm for a chain whose lowest missing block has been the same for 5 minutes: a backfill that goes on moves it. The
 * alarm ends itself when the block is read. Chains and contracts that are paused or stopped are left out, and so is the
 * sample chain while it is not played.
 */
@Injectable()
export class GapWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly alarms: ChainAlarms,
    private readonly sample: SampleEndpoint,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'onchain_gaps',
      intervalMs: WATCH_INTERVAL_MS,
      onlyOn: 'worker',
      run: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Looks at the lowest gap of each chain once. */
  async round(): Promise<void> {
    const gaps = await this.database.query<LowestGap & Record<string, unknown>>(LOWEST_GAPS, [
      MAX_GAP_MINUTES,
      this.sample.isReachable({ origin: 'sample' }),
    ]);
    const old = new Map(gaps.filter(({ isOld }) => isOld).map((gap) => [gap.name, gap]));
    for (const { name, contract, block, last } of old.values()) {
      const detail = `blocks ${block} to ${last} of contract ${contract} are not read for more than ${MAX_GAP_MINUTES} minutes`;
      await this.alarms.raise(name, 'gap', detail);
    }
    const alarmed = await this.database.query<{ chain: string }>(
      `SELECT chain FROM onchain_alarms WHERE code = 'gap' AND chain <> ALL ($1::text[])`,
      [[...old.keys()]],
    );
    for (const { chain } of alarmed) await this.alarms.clear(chain, 'gap');
  }
}

const LOWEST_GAPS = `WITH gaps AS MATERIALIZED (
    SELECT h.id AS chain, h.name, g.* FROM onchain_chains h CROSS JOIN LATERAL (
      SELECT '0x' || encode(c.address, 'hex') AS contract, lower(gap) AS block, upper(gap) - 1 AS last
      FROM onchain_contracts c CROSS JOIN LATERAL
        unnest(int8multirange(int8range(c.from_block, greatest(h.head_number + 1, c.from_block))) - c.covered) AS gap
      WHERE c.chain = h.id AND NOT c.paused ORDER BY lower(gap), c.id LIMIT 1) AS g
    WHERE h.state NOT IN ('paused', 'stopped') AND h.head_number IS NOT NULL AND (h.origin <> 'sample' OR $2)
  ), closed AS (DELETE FROM onchain_stalls s WHERE s.chain NOT IN (SELECT chain FROM gaps)
  ), seen AS (
    INSERT INTO onchain_stalls AS s (chain, block) SELECT chain, block FROM gaps ORDER BY chain
    ON CONFLICT (chain) DO UPDATE SET since = CASE WHEN s.block = excluded.block THEN s.since ELSE clock_timestamp() END,
      block = excluded.block
    RETURNING s.chain, s.since)
  SELECT name, contract, block, last, since < clock_timestamp() - make_interval(mins => $1::int) AS "isOld"
  FROM gaps JOIN seen USING (chain)`;
