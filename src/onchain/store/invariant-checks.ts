import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { ChainAlarms } from './chain-alarms.js';

interface Check {
  /** Statement that finds what contradicts the invariant: one row with a `detail` for a chain, or none. */
  readonly sql: string;
  /** Values of the statement. */
  readonly values: (chain: number) => unknown[];
}

/** Blocks below the newest one that a check looks at. */
const CHECKED_BLOCKS = 64;
/** Accounts that a check looks at, from a random one on. */
const CHECKED_ACCOUNTS = 20;
/** Tokens of an account above which it is left out, so that a check stays short. */
const MAX_CHECKED_TOKENS = 10_000;

const ofRecentBlocks = (chain: number): unknown[] => [chain, CHECKED_BLOCKS];

/** Checks of the invariants of INVARIANTS.md at run time, by their names there. Each is one statement, so it sees one state. */
export const CHECKS = {
  final_below_head: {
    sql: `SELECT format('block %s is final, the newest is %s', final_number, head_number) AS detail
      FROM onchain_chains WHERE id = $1 AND final_number > head_number`,
    values: (chain) => [chain],
  },
  position_below_head: {
    sql: `SELECT format('contract %s is projected up to block %s, the newest is %s', encode(c.address, 'hex'), s.block,
        h.head_number) AS detail
      FROM onchain_streams s JOIN onchain_contracts c ON c.stream = s.id JOIN onchain_chains h ON h.id = s.chain
      WHERE s.chain = $1 AND c.shadow_of IS NULL AND s.block >= c.from_block AND s.block > h.head_number LIMIT 1`,
    values: (chain) => [chain],
  },
  blocks_linked: {
    sql: `SELECT format('block %s does not follow block %s', b.number, p.number) AS detail
      FROM onchain_chains h JOIN onchain_blocks b ON b.chain = h.id AND b.canonical AND b.number > h.head_number - $2
        JOIN onchain_blocks p ON p.chain = h.id AND p.canonical AND p.number = b.number - 1
      WHERE h.id = $1 AND b.parent_hash <> p.hash AND b.parent_hash <> decode(repeat('00', 32), 'hex') LIMIT 1`,
    values: ofRecentBlocks,
  },
  logs_of_blocks: {
    sql: `SELECT format('log %s of block %s is of another block', l.log_index, l.block_number) AS detail
      FROM onchain_chains h JOIN onchain_logs l ON l.chain = h.id AND l.canonical AND l.block_number > h.head_number - $2
        JOIN onchain_blocks b ON b.chain = h.id AND b.canonical AND b.number = l.block_number
      WHERE h.id = $1 AND l.block_hash <> b.hash LIMIT 1`,
    values: ofRecentBlocks,
  },
  logs_once: {
    sql: `SELECT format('log %s of block %s is stored %s times', l.log_index, l.block_number, count(*)) AS detail
      FROM onchain_chains h JOIN onchain_logs l ON l.chain = h.id AND l.canonical AND l.block_number > h.head_number - $2
      WHERE h.id = $1 GROUP BY l.contract, l.block_number, l.log_index HAVING count(*) > 1 LIMIT 1`,
    values: ofRecentBlocks,
  },
  tokens_of_positions: {
    sql: `WITH picked AS (SELECT p.account, p.contract, p.staked, p.held FROM onchain_positions p
        WHERE p.account >= $2 AND p.contract IN (SELECT id FROM onchain_contracts WHERE chain = $1)
        ORDER BY p.account LIMIT $3)
      SELECT format('account 0x%s earns for %s staked and %s held tokens, and has others', encode(p.account, 'hex'), p.staked,
        p.held) AS detail
      FROM picked p WHERE p.staked + p.held <= $4 AND (p.staked, p.held) IS DISTINCT FROM (
        (SELECT count(*) FROM onchain_tokens t WHERE t.staker = p.account AND t.contract = p.contract),
        (SELECT count(*) FROM onchain_tokens t WHERE t.owner = p.account AND t.contract = p.contract AND t.staker IS NULL)
          + coalesce((SELECT sum(b.quantity) FROM onchain_balances b
            WHERE b.account = p.account AND b.contract = p.contract), 0)) LIMIT 1`,
    values: (chain) => [chain, randomBytes(20), CHECKED_ACCOUNTS, MAX_CHECKED_TOKENS],
  },
} as const satisfies Readonly<Record<string, Check>>;

/** Checks invariants of chains at run time; one that does not hold is an alarm. */
@Injectable()
export class InvariantChecks {
  private readonly violations: Counter<'chain' | 'check'>;

  constructor(
    private readonly database: Database,
    private readonly alarms: ChainAlarms,
    metrics: Metrics,
  ) {
    this.violations = new Counter({
      ...metricOf('onchain_invariant_violations_total'),
      registers: [metrics.registry],
    });
  }

  /** Checks a chain; returns what does not hold, undefined if everything does. The alarm ends when everything holds again. */
  async check({ id, name }: { readonly id: number; readonly name: string }): Promise<string | undefined> {
    const found: string[] = [];
    for (const [check, { sql, values }] of Object.entries<Check>(CHECKS)) {
      const [row] = await this.database.query<{ detail: string }>(sql, values(id));
      if (row === undefined) continue;
      this.violations.inc({ chain: name, check });
      found.push(`${check}: ${row.detail}`);
    }
    if (found.length === 0) {
      await this.alarms.clear(name, 'invariant');
      return undefined;
    }
    const detail = found.join('; ');
    await this.alarms.raise(name, 'invariant', detail);
    return detail;
  }
}
