import type { ClientBase } from 'pg';
import { appendEvents } from '../../events/index.js';
import {
  formatPoints,
  onchainId,
  type Address,
  type ChainEvent,
  type EventKind,
  type PointRates,
} from '../core/index.js';
import { pointsOf } from './account-points.js';
import { Columns, byteCell, statementsOf } from '../store/columns.js';

/** State of an event in the log; `retracted` ones are named by `chain_reorg`. */
type EventStatus = 'pending' | 'final';

/** Row of an event in the log. `isRepeat`: a row of the event precedes it, so only readers of final events get it. */
interface EventRow {
  readonly event: ChainEvent;
  readonly status: EventStatus;
  readonly isRepeat?: boolean;
}

/** Reason of a `points_change`: what last happened to the account's tokens, or what was recalculated. */
export type PointsReason =
  'mint' | 'burn' | 'transfer' | 'stake' | 'unstake' | 'reorg' | 'backfill' | 'rule' | 'accrual' | 'daily';

const REASONS = {
  BatchMint: 'mint',
  BatchBurn: 'burn',
  BatchTransfer: 'transfer',
  Stake: 'stake',
  Unstake: 'unstake',
  Transfer: 'transfer',
  TransferSingle: 'transfer',
  TransferBatch: 'transfer',
  ConsecutiveTransfer: 'transfer',
} as const satisfies Record<EventKind, PointsReason>;

/** Appends an `onchain_event` for each event, in the caller's transaction. */
export async function publishEvents(tx: ClientBase, chain: string, events: readonly EventRow[]): Promise<void> {
  for (const some of statementsOf(events)) {
    await appendEvents(
      tx,
      some.map(({ event, status, isRepeat = false }) => ({
        type: 'onchain_event' as const,
        chain,
        source: 'onchain',
        observedAt: event.at,
        data: { ...bodyOf(chain, event, status), ...(isRepeat ? { repeat: true } : {}) },
      })),
    );
  }
}

function bodyOf(chain: string, event: ChainEvent, status: EventStatus): Record<string, unknown> {
  return {
    onchainId: onchainId(chain, event.blockHash, event.logIndex),
    contract: event.contract,
    kind: event.kind,
    blockNumber: event.blockNumber,
    blockHash: event.blockHash,
    transactionHash: event.transactionHash,
    logIndex: event.logIndex,
    from: event.from,
    to: event.to,
    startTokenId: event.startTokenId?.toString() ?? null,
    quantity: event.quantity?.toString() ?? null,
    ...(event.tokenIds === null ? {} : { tokenIds: event.tokenIds.map(String) }),
    ...(event.quantities === null ? {} : { quantities: event.quantities.map(String) }),
    ...(event.staker === null ? {} : { staker: event.staker }),
    status,
  };
}

/** Account whose tokens changed. */
export interface TouchedAccount {
  readonly account: Address;
  readonly reason: PointsReason;
}

export const reasonOf = (kind: EventKind): PointsReason => REASONS[kind];

/**
 * Appends a `points_change` for each account, with its points as of the transaction, and remembers what was announced. `at`:
 * the time to which the points refer, Unix milliseconds.
 */
export async function publishPoints(
  tx: ClientBase,
  chain: string,
  touched: readonly TouchedAccount[],
  rates: PointRates,
  at: number,
): Promise<void> {
  for (const some of statementsOf(touched)) await publishPart(tx, chain, some, rates, at);
}

async function publishPart(
  tx: ClientBase,
  chain: string,
  touched: readonly TouchedAccount[],
  rates: PointRates,
  at: number,
): Promise<void> {
  const points = await pointsOf(
    tx,
    touched.map(({ account }) => account),
    rates,
  );
  const columns = new Columns(3);
  touched.forEach(({ account }, position) =>
    columns.add(byteCell(account), points[position]?.points ?? 0n, points[position]?.stakedTokens ?? 0n),
  );
  const { rows } = await tx.query<{ previous: string | null }>({
    name: 'onchain_points_announced',
    text: `WITH announced AS MATERIALIZED (
        SELECT r.account AS account, r.points, r.staked, r.n, (SELECT p.points FROM onchain_points_published p
          WHERE p.account = r.account) AS previous
        FROM unnest($1::bytea[], $2::numeric[], $3::numeric[]) WITH ORDINALITY AS r (account, points, staked, n)
      ), kept AS (
        INSERT INTO onchain_points_published (account, points, staked, at_ms)
          SELECT account, points, staked, $4 FROM announced ORDER BY account
        ON CONFLICT (account) DO UPDATE SET points = excluded.points, staked = excluded.staked, at_ms = excluded.at_ms)
      SELECT previous FROM announced ORDER BY n`,
    values: [...columns.literals(), at],
  });
  await appendEvents(
    tx,
    touched.map(({ account, reason }, position) => {
      const { points: current = 0n, final = 0n, stakedTokens = 0n } = points[position] ?? {};
      return {
        type: 'points_change' as const,
        chain,
        source: 'onchain',
        observedAt: at,
        data: {
          account,
          previousPoints: formatPoints(BigInt(rows[position]?.previous ?? 0)),
          currentPoints: formatPoints(current),
          pending: formatPoints(current - final),
          final: formatPoints(final),
          stakedTokens: stakedTokens.toString(),
          reason,
        },
      };
    }),
  );
}
