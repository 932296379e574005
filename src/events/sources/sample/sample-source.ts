import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Clock } from '../../../platform/clock/clock.js';
import { Database } from '../../../platform/database/database.js';
import { Settings } from '../../../platform/settings/settings.js';
import { HistoryBackfill } from '../../history/history-backfill.js';
import {
  becomeWriter,
  writePrices,
  writeProtocols,
  writeTvl,
  type PriceRow,
  type TvlRow,
} from '../../ingest/table-writer.js';
import { SourceFeed } from '../source-feed.js';
import { sampleHistory, sampleReferences } from './sample-history.js';
import { loadSamplePack, type SamplePack } from './sample-pack.js';
import { SamplePlayer } from './sample-player.js';

/** Interval between batches of writes, ms. */
const BATCH_INTERVAL_MS = 250;
/** Points per insert: enough for few transactions, but few enough that a stop and the history writer wait only briefly. */
const POINTS_PER_INSERT = 30_000;
/**
 * Longest pause for which the playback catches up, ms; after a longer one (frozen process, database unavailable) values
 * would jump.
 */
const MAX_STEP_MS = 2_000;

/**
 * Plays the recordings that are part of the project into the source tables, as an ordinary writer. It continues where it
 * stopped: the position is stored with each batch, in the same transaction.
 */
@Injectable()
export class SampleSource extends SourceFeed {
  readonly name = 'sample';
  private readonly logger = new Logger(SampleSource.name);

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly backfill: HistoryBackfill,
  ) {
    super();
  }

  async run(signal: AbortSignal): Promise<void> {
    const pack = await loadSamplePack();
    const stored = await this.stored();
    const player = new SamplePlayer(pack, stored?.played_seconds ?? 0);
    if (stored === undefined) await this.begin(pack, player);
    const filled = this.fillHistory(pack, signal);
    try {
      await this.play(player, signal);
    } finally {
      await filled;
    }
  }

  private async stored(): Promise<{ played_seconds: number } | undefined> {
    return this.database.one('SELECT played_seconds FROM sample_playback');
  }

  /** At the first start, writes the first values of all keys and the position, in one transaction. */
  private async begin(pack: SamplePack, player: SamplePlayer): Promise<void> {
    const now = this.clock.now();
    await this.database.transaction(async (tx) => {
      await becomeWriter(tx);
      await writeProtocols(tx, pack.protocols);
      await this.write(tx, player.all(now), player.played);
    });
    this.logger.log({ protocols: pack.protocols.length, tokens: pack.prices.length }, 'sample data loaded');
  }

  private async play(player: SamplePlayer, signal: AbortSignal): Promise<void> {
    let playedAt = this.clock.now();
    while (!signal.aborted) {
      await sleep(BATCH_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      const now = this.clock.now();
      const elapsed = Math.min(Math.max(0, now - playedAt), MAX_STEP_MS);
      playedAt = now;
      const due = player.advance((elapsed / 1000) * this.settings.sampleSpeed, now);
      if (due.tvl.length + due.prices.length === 0) continue;
      await this.database.transaction(async (tx) => {
        await becomeWriter(tx);
        await this.write(tx, due, player.played);
      });
    }
  }

  private async write(tx: PoolClient, due: { tvl: TvlRow[]; prices: PriceRow[] }, played: number): Promise<void> {
    if (due.tvl.length > 0) await writeTvl(tx, due.tvl);
    if (due.prices.length > 0) await writePrices(tx, due.prices);
    await tx.query('SET LOCAL ROLE rta_app');
    await tx.query(
      `INSERT INTO sample_playback (played_seconds) VALUES ($1)
       ON CONFLICT (one_row) DO UPDATE SET played_seconds = excluded.played_seconds, updated_at = clock_timestamp()`,
      [played],
    );
  }

  /**
   * Generates the history while the playback runs, first the points for movers and changes. The points are always the same
   * and end where the playback began, so an interrupted run is repeated at the next start.
   */
  private async fillHistory(pack: SamplePack, signal: AbortSignal): Promise<void> {
    try {
      const wanted = await this.database.one<{ begun_at: number }>(
        `SELECT extract(epoch FROM begun_at)::float8 * 1000 AS begun_at FROM sample_playback WHERE NOT history_filled`,
      );
      if (wanted === undefined) return;
      await this.backfill.insert(sampleReferences(pack, wanted.begun_at));
      for (const points of slices(sampleHistory(pack, wanted.begun_at), POINTS_PER_INSERT)) {
        if (signal.aborted) return;
        await this.backfill.insert(points);
      }
      await this.database.query('UPDATE sample_playback SET history_filled = true');
      this.logger.log('sample history written');
    } catch (error) {
      this.logger.error({ err: error }, 'sample history could not be written; retrying at the next start');
    }
  }
}

function* slices<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let slice: T[] = [];
  for (const item of items) {
    slice.push(item);
    if (slice.length === size) {
      yield slice;
      slice = [];
    }
  }
  if (slice.length > 0) yield slice;
}
