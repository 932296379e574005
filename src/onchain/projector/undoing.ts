import type { ClientBase } from 'pg';
import type { Clock } from '../../platform/clock/clock.js';
import type { Address, PointRates } from '../core/index.js';
import { readFreshEvents } from './log-source.js';
import { publishEvents, publishPoints } from './publications.js';
import { markDaysStale } from '../store/stale-days.js';
import { WHOLE_BLOCK, type StreamState } from './stream-reader.js';
import { takeBack } from './stream-writer.js';
import { pruneImages, restore } from './undo-store.js';

/** Accounts whose points are published at once. */
const ACCOUNTS_PER_PAGE = 2_000;

interface Place {
  chain: string;
  block: number;
  at: number | null;
  undo_from: number;
  is_shadow: boolean;
  caught_up: boolean;
}

/** Blocks below the final one whose before-images are kept: repairs and rewinds go back to them at once. */
const MAX_UNDO_BELOW_FINAL = 256;

/** Changes of a stream beside the projection of its logs: back to an earlier block, blocks that become final, the end of the backfill. */
export class Undoing {
  constructor(
    private readonly staleAfterMs: number,
    private readonly clock: Clock,
  ) {}

  async rollBack(
    tx: ClientBase,
    stream: number,
    toBlock: number,
    keepsPublished: boolean,
    rates: PointRates,
  ): Promise<void> {
    const place = await placeOf(tx, stream);
    if (place === undefined || place.block <= toBlock) return;
    if (toBlock < place.undo_from) throw new Error(`before-images of stream ${stream} end at block ${place.undo_from}`);
    const accounts = await undoneAccounts(tx, stream, toBlock);
    await restore(tx, stream, toBlock);
    await takeBack(tx, stream, { block: toBlock, log: WHOLE_BLOCK }, keepsPublished);
    if (keepsPublished || place.is_shadow || !place.caught_up || accounts.length === 0) return;
    const { at = null } = (await placeOf(tx, stream)) ?? {};
    const touched = accounts.map((account) => ({ account, reason: 'reorg' as const }));
    await publishPoints(tx, place.chain, touched, rates, at ?? 0);
  }

  /** Publishes the final row of each event that was published as pending. */
  async advanceFinal(tx: ClientBase, chain: number, final: number): Promise<void> {
    const { rows } = await tx.query<{ name: string; published: number }>(
      'SELECT name, final_published AS published FROM onchain_chains WHERE id = $1',
      [chain],
    );
    const [row] = rows;
    if (row === undefined || row.published >= final) return;
    let after = { block: row.published, log: WHOLE_BLOCK };
    for (;;) {
      const events = await readFreshEvents(tx, chain, after, final, this.staleAfterMs);
      await publishEvents(
        tx,
        row.name,
        events.map((event) => ({ event, status: 'final', isRepeat: true })),
      );
      const last = events.at(-1);
      if (last === undefined) break;
      after = { block: last.blockNumber, log: last.logIndex };
    }
    await pruneImages(tx, chain, final - MAX_UNDO_BELOW_FINAL);
    await tx.query('UPDATE onchain_chains SET final_published = $2 WHERE id = $1', [chain, final]);
  }

  /** Publishes the points of all accounts of a stream that has reached the present; does nothing before that. */
  async announceBackfill(tx: ClientBase, stream: number, state: StreamState, rates: PointRates): Promise<void> {
    const place = await placeOf(tx, stream);
    if (place?.at == null || this.clock.now() - place.at > this.staleAfterMs) return;
    for (let after = ''; !place.is_shadow;) {
      const accounts = await accountsAfter(tx, stream, after);
      const touched = accounts.map((account) => ({ account, reason: 'backfill' as const }));
      await publishPoints(tx, state.chainName, touched, rates, place.at);
      if (accounts.length < ACCOUNTS_PER_PAGE) break;
      after = accounts.at(-1)?.slice(2) ?? '';
    }
    await tx.query('UPDATE onchain_streams SET caught_up = true WHERE id = $1', [stream]);
    // Days that were calculated meanwhile lack what had not been read.
    await markDaysStale(tx, 0);
  }
}

async function placeOf(tx: ClientBase, stream: number): Promise<Place | undefined> {
  const { rows } = await tx.query<Place>(
    `SELECT h.name AS chain, s.block, s.at_ms AS at, s.undo_from, s.caught_up,
       EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NOT NULL) AS is_shadow
     FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain WHERE s.id = $1`,
    [stream],
  );
  return rows[0];
}

async function undoneAccounts(tx: ClientBase, stream: number, toBlock: number): Promise<Address[]> {
  const { rows } = await tx.query<{ account: Address }>(
    `SELECT DISTINCT '0x' || encode(account, 'hex') AS account FROM onchain_position_undo WHERE stream = $1 AND block > $2`,
    [stream, toBlock],
  );
  return rows.map(({ account }) => account);
}

async function accountsAfter(tx: ClientBase, stream: number, after: string): Promise<Address[]> {
  const { rows } = await tx.query<{ account: Address }>(
    `SELECT '0x' || encode(account, 'hex') AS account FROM (
       SELECT DISTINCT account FROM onchain_positions WHERE account > decode($2, 'hex')
         AND contract IN (SELECT id FROM onchain_contracts WHERE stream = $1)
       ORDER BY account LIMIT ${ACCOUNTS_PER_PAGE}) AS p ORDER BY account`,
    [stream, after],
  );
  return rows.map(({ account }) => account);
}
