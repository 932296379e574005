import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { isoTime, parseTime } from '../../platform/input/time.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { formatPoints, microPoints, type Address } from '../core/index.js';
import type { ExplainAnswer, ExplainedInterval } from './points.dto.js';
import { inSnapshot, type EarningContract, type PointsSnapshot } from './points-snapshot.js';

/** Row of the answer, as a plain object. */
type View = Pick<ExplainedInterval, keyof ExplainedInterval>;

interface IntervalRow {
  contract: number;
  tokenId: string;
  staked: boolean;
  quantity: string;
  from: number;
  /** Null while the interval goes on. */
  to: number | null;
}

/** Rows that an answer has; of further ones it has sums. */
const MAX_ROWS = 10_000;
const PAGE_ROWS = 2_000;

/** Explains the points of an account by the intervals in which it staked and held tokens. */
@Injectable()
export class Explained {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Returns the balance at a time, or as of the newest projected blocks, and all that it consists of. */
  explain(account: Address, given?: string): Promise<ExplainAnswer> {
    const limit = given === undefined ? undefined : parseTime(given, this.clock.now());
    return inSnapshot(this.database, async (snapshot) => {
      const parts = new Parts(snapshot, limit ?? Infinity);
      await eachInterval(snapshot.tx, account, (row) => parts.add(row));
      const { asOf, tx } = snapshot;
      // Nothing is known of the time after the newest block.
      const isPast = limit !== undefined && asOf.at !== null && limit <= Date.parse(asOf.at);
      const at = isPast ? isoTime(limit) : asOf.at;
      return {
        account,
        at,
        balance: formatPoints(microPoints(parts.sum)),
        intervals: parts.rows(),
        adjustments: await skippedLogs(tx, account, limit),
        as_of: asOf,
      };
    });
  }
}

/** Sum of intervals that are not listed one by one. */
interface Rest {
  readonly view: View;
  numerator: bigint;
  quantity: bigint;
}

/** Collects the intervals of an account, divided where the rates change. */
class Parts {
  sum = 0n;
  private readonly listed: View[] = [];
  private readonly rest = new Map<string, Rest>();
  private readonly contracts: ReadonlyMap<number, EarningContract>;

  constructor(
    private readonly snapshot: PointsSnapshot,
    private readonly limit: number,
  ) {
    this.contracts = new Map(snapshot.contracts.map((contract) => [contract.id, contract]));
  }

  add(row: IntervalRow): void {
    const contract = this.contracts.get(row.contract);
    if (contract === undefined) return;
    const end = Math.min(row.to ?? Infinity, contract.at, this.limit);
    const rates = this.snapshot.rates.of(contract.chain, contract.address, contract.standard);
    for (const { rule, from, to } of rates.between(row.from, end)) {
      const rate = row.staked ? rule.stakedPerDay : rule.heldPerDay;
      const numerator = BigInt(row.quantity) * rate * BigInt((to ?? end) - from);
      this.sum += numerator;
      const view: View = {
        chain: contract.chain,
        contract: contract.address,
        tokenId: row.tokenId,
        kind: row.staked ? 'staked' : 'held',
        quantity: row.quantity,
        from: isoTime(from),
        to: isoTime(to ?? end),
        ruleVersion: rule.version,
        numerator: numerator.toString(),
        points: formatPoints(microPoints(numerator)),
      };
      if (this.listed.length < MAX_ROWS) this.listed.push(view);
      else this.addToRest(view, numerator);
    }
  }

  rows(): View[] {
    const sums = [...this.rest.values()].map(({ view, numerator, quantity }) => ({
      ...view,
      quantity: quantity.toString(),
      numerator: numerator.toString(),
      points: formatPoints(microPoints(numerator)),
    }));
    return [...this.listed, ...sums];
  }

  private addToRest(view: View, numerator: bigint): void {
    const key = `${view.chain} ${view.contract} ${view.kind} ${view.ruleVersion}`;
    const rest = this.rest.get(key) ?? { view: { ...view, tokenId: null }, numerator: 0n, quantity: 0n };
    rest.numerator += numerator;
    rest.quantity += BigInt(view.quantity);
    if (view.from < rest.view.from) rest.view.from = view.from;
    if (view.to > rest.view.to) rest.view.to = view.to;
    this.rest.set(key, rest);
  }
}

/** Closed intervals, then those that go on, in the rows of tokens and balances; each in the order of its start. */
const INTERVALS = `SELECT * FROM (
    SELECT contract, token_id::text AS "tokenId", staked, quantity::text AS quantity, from_ms AS from, to_ms AS to
    FROM onchain_intervals WHERE account = $1
    UNION ALL SELECT contract, token_id::text, true, '1', since_ms, NULL FROM onchain_tokens WHERE staker = $1
    UNION ALL SELECT contract, token_id::text, false, '1', since_ms, NULL FROM onchain_tokens WHERE owner = $1 AND staker IS NULL
    UNION ALL SELECT contract, token_id::text, false, quantity::text, since_ms, NULL FROM onchain_balances
      WHERE account = $1 AND quantity > 0
  ) i ORDER BY "from", contract, "tokenId"`;

async function eachInterval(tx: PoolClient, account: Address, take: (row: IntervalRow) => void): Promise<void> {
  await tx.query(`DECLARE intervals NO SCROLL CURSOR FOR ${INTERVALS}`, [`\\x${account.slice(2)}`]);
  for (;;) {
    const { rows } = await tx.query<IntervalRow>(`FETCH ${PAGE_ROWS} FROM intervals`);
    await eachInSlices(rows, take);
    if (rows.length < PAGE_ROWS) break;
  }
  await tx.query('CLOSE intervals');
}

/** Logs that operators skipped and that name the account: they changed nothing, which the account may not expect. */
async function skippedLogs(
  tx: PoolClient,
  account: Address,
  limit: number | undefined,
): Promise<ExplainAnswer['adjustments']> {
  const { rows } = await tx.query<{ at: number; reason: string }>(
    `SELECT resolved_ms AS at, skip_reason AS reason FROM onchain_dead_logs
     WHERE resolution = 'skipped' AND canonical AND skip_reason IS NOT NULL AND strpos(lower(payload::text), $1) > 0
       AND ($2::bigint IS NULL OR resolved_ms <= $2) ORDER BY id LIMIT 1000`,
    [account.slice(2), limit ?? null],
  );
  return rows.map(({ at, reason }) => ({ at: isoTime(at), reason, points: '0' }));
}
