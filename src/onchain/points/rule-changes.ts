import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { ChainRegistry, type WatchedChain } from '../config/chain-registry.js';
import type { RuleSetup } from '../config/setup.dto.js';
import {
  formatPoints,
  microPoints,
  parsePoints,
  PointRates,
  type Address,
  type ContractRates,
  type PointRule,
} from '../core/index.js';
import { loadRates } from '../projector/point-rules.js';
import { Projector } from '../projector/projector.js';
import { publishPoints } from '../projector/publications.js';
import { acquireLease, releaseLease, type ChainLease } from '../store/chain-lease.js';
import { eachIntervalOfAll, Sums } from './all-intervals.js';
import { markDaysStale } from '../store/stale-days.js';
import { inSnapshot, type EarningContract } from './points-snapshot.js';
import type { DryRunAnswer, PointsRuleView } from './points.dto.js';

/** Accounts that a dry run lists. */
const MAX_LISTED = 1_000;
/** Positions of one statement. */
const ROWS_PER_STATEMENT = 1_000;
/** Name under which a chain is led while its blocks are projected again. */
const OWNER = 'point-rules';
/** Longest wait for the lease of a chain, ms: more than the duration of one that its owner lost. */
const LEASE_TIMEOUT_MS = 3_000;
const LEASE_POLL_INTERVAL_MS = 50;

interface Contract extends Omit<EarningContract, 'finalAt' | 'at'> {
  readonly at: number | null;
}

/** Adds versions of the rates. One that begins in the past recalculates all points in the same transaction. */
@Injectable()
export class RuleChanges {
  constructor(
    private readonly database: Database,
    private readonly projector: Projector,
    private readonly registry: ChainRegistry,
  ) {}

  /** Returns whose points a rule would change, without adding it. */
  tryOut(setup: RuleSetup): Promise<DryRunAnswer> {
    return inSnapshot(this.database, async ({ tx, contracts, rates }) => {
      const changed = new PointRates([...rates.rules, ruleOf(setup, Infinity)]);
      const [before, after] = [new Sums(), new Sums()];
      const places = new Map(contracts.map((contract) => [contract.id, contract]));
      const both = new Map(
        contracts.map((contract) => [contract.id, [rates, changed].map((each) => ratesOf(each, contract))]),
      );
      await eachIntervalOfAll(tx, ([id, account, staked, quantity, from, to]) => {
        const at = places.get(id)?.at ?? from;
        const [old, next] = both.get(id) ?? [];
        const end = Math.min(to ?? at, at);
        for (const [sums, each] of [
          [before, old],
          [after, next],
        ] as const) {
          const integral = each?.of(staked);
          if (integral === undefined) continue;
          sums.add(account, 0, BigInt(quantity) * (integral.at(end) - integral.at(Math.min(from, end))));
        }
      });
      const moved = new FirstRows<{ account: string; before: bigint; after: bigint }>(MAX_LISTED, (row) => row.account);
      await eachInSlices(before.byAccount, ([account, own]) => {
        const row = {
          account: `0x${account}`,
          before: microPoints(own.get(0) ?? 0n),
          after: microPoints(after.byAccount.get(account)?.get(0) ?? 0n),
        };
        if (row.before !== row.after) moved.add(row);
      });
      return {
        accounts: moved.rows().map((row) => ({
          account: row.account,
          before: formatPoints(row.before),
          after: formatPoints(row.after),
        })),
        total: moved.count,
      };
    });
  }

  /** Adds a rule. Blocks that are not final are projected again if it begins before them. */
  async add(setup: RuleSetup, origin: 'config' | 'rest'): Promise<PointsRuleView> {
    const { version, chains } = await this.database.transaction(async (tx) => {
      const { rows: locked } = await tx.query<{ id: number }>('SELECT id FROM onchain_chains ORDER BY id FOR UPDATE');
      const contracts = await contractsOf(tx);
      const rule = ruleOf(setup, 0);
      const isPast = contracts.some(({ at }) => at !== null && at > rule.validFrom);
      const before = await loadRates(tx);
      if (isPast) await this.rollBack(tx, contracts);
      const added = await insertRule(tx, rule, origin);
      await markDaysStale(tx, rule.validFrom);
      if (isPast) await recompute(tx, contracts, before);
      return { version: added, chains: isPast ? locked.map(({ id }) => id) : [] };
    });
    const fed = (await this.registry.chains()).filter(
      ({ id, endpoints }) => chains.includes(id) && endpoints.length === 0,
    );
    for (const chain of fed) await this.projectAgain(chain);
    return { ...viewOf(ruleOf(setup, version)), origin };
  }

  private async rollBack(tx: ClientBase, contracts: readonly Contract[]): Promise<void> {
    const { rows } = await tx.query<{ id: number; chain: number; final: number }>(
      `SELECT s.id, s.chain, h.final_number AS final FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain
       WHERE s.id = ANY ($1::int[])`,
      [[...new Set(contracts.map(({ stream }) => stream))]],
    );
    for (const { id, chain, final } of rows) {
      await this.projector.rollBack(tx, chain, id, final, { keepsPublished: true });
    }
  }

  /** Projects the blocks that are not final of a chain without endpoints; that of others their followers do. */
  private async projectAgain(chain: WatchedChain): Promise<void> {
    const lease = await this.lease(chain.id);
    if (lease === undefined) return;
    try {
      const streams = new Set(chain.contracts.map(({ stream }) => stream));
      for (const stream of streams) await this.projector.project(lease, stream, Number.MAX_SAFE_INTEGER);
    } finally {
      await releaseLease(this.database, lease);
    }
  }

  /** Waits for a writer that feeds the chain; one that writes for longer projects the blocks itself. */
  private async lease(chain: number): Promise<ChainLease | undefined> {
    for (const until = performance.now() + LEASE_TIMEOUT_MS; ;) {
      const lease = await acquireLease(this.database, chain, OWNER);
      if (lease !== undefined || performance.now() > until) return lease;
      await delay(LEASE_POLL_INTERVAL_MS);
    }
  }
}

async function contractsOf(tx: ClientBase): Promise<Contract[]> {
  const { rows } = await tx.query<Contract>(
    `SELECT c.id, h.name AS chain, '0x' || encode(c.address, 'hex') AS address, c.standard, s.id AS stream, s.at_ms AS at,
       h.final_number AS final FROM onchain_contracts c JOIN onchain_streams s ON s.id = c.stream
       JOIN onchain_chains h ON h.id = c.chain ORDER BY c.id`,
  );
  return rows;
}

const ratesOf = (rates: PointRates, { chain, address, standard }: Omit<Contract, 'at'>): ContractRates =>
  rates.of(chain, address, standard);

/** Computes the base of every position anew: closed intervals as they were, open ones from their start on. */
async function recompute(tx: ClientBase, contracts: readonly Contract[], before: PointRates): Promise<void> {
  const rates = await loadRates(tx);
  const moved = contracts.filter((contract) => {
    const [old, next] = [ratesOf(before, contract), ratesOf(rates, contract)];
    return JSON.stringify(old.stretches, digits) !== JSON.stringify(next.stretches, digits);
  });
  const byId = new Map(moved.map((contract) => [contract.id, ratesOf(rates, contract)]));
  const bases = new Sums();
  await eachIntervalOfAll(tx, ([id, account, staked, quantity, from, to]) => {
    const integral = byId.get(id)?.of(staked);
    if (integral === undefined) return;
    bases.add(account, id, BigInt(quantity) * ((to === null ? 0n : integral.at(to)) - integral.at(from)));
  });
  const newest = contracts.reduce((latest, { at }) => Math.max(latest, at ?? 0), 0);
  const names = new Map(moved.map(({ id, chain }) => [id, chain]));
  let page: BaseRow[] = [];
  for (const [account, sums] of bases.byAccount) {
    for (const [id, base] of sums) page.push({ account, id, base });
    if (page.length < ROWS_PER_STATEMENT) continue;
    await writeBases(tx, page, names, rates, newest);
    page = [];
  }
  await writeBases(tx, page, names, rates, newest);
}

interface BaseRow {
  readonly account: string;
  readonly id: number;
  readonly base: bigint;
}

/** Writes bases of positions, and publishes the points of their accounts. */
async function writeBases(
  tx: ClientBase,
  rows: readonly BaseRow[],
  chains: ReadonlyMap<number, string>,
  rates: PointRates,
  at: number,
): Promise<void> {
  await tx.query(
    `UPDATE onchain_positions p SET base = r.base
     FROM unnest($1::text[], $2::int[], $3::numeric[]) AS r (account, contract, base)
     WHERE p.account = decode(r.account, 'hex') AND p.contract = r.contract`,
    [rows.map(({ account }) => account), rows.map(({ id }) => id), rows.map(({ base }) => base.toString())],
  );
  const byChain = new Map<string, Set<Address>>();
  for (const { account, id } of rows) {
    const chain = chains.get(id) ?? '';
    byChain.set(chain, (byChain.get(chain) ?? new Set()).add(`0x${account}`));
  }
  for (const [chain, accounts] of byChain) {
    const touched = [...accounts].map((account) => ({ account, reason: 'rule' as const }));
    await publishPoints(tx, chain, touched, rates, at);
  }
}

/** The first rows in the order of their keys, and the number of all: no more than twice as many are sorted at once. */
class FirstRows<T> {
  count = 0;
  private kept: T[] = [];

  constructor(
    private readonly most: number,
    private readonly keyOf: (row: T) => string,
  ) {}

  add(row: T): void {
    this.count += 1;
    this.kept.push(row);
    if (this.kept.length >= 2 * this.most) this.kept = this.rows();
  }

  rows(): T[] {
    return this.kept.sort((a, b) => (this.keyOf(a) < this.keyOf(b) ? -1 : 1)).slice(0, this.most);
  }
}

const digits = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

function ruleOf(setup: RuleSetup, version: number): PointRule {
  return {
    version,
    validFrom: Date.parse(setup.validFrom),
    stakedPerDay: parsePoints(setup.stakedPerTokenPerDay) ?? 0n,
    heldPerDay: parsePoints(setup.heldPerTokenPerDay) ?? 0n,
    chains: setup.chains ?? [],
    contracts: setup.contracts ?? [],
  };
}

async function insertRule(tx: ClientBase, rule: PointRule, origin: string): Promise<number> {
  const { rows } = await tx.query<{ version: number }>(
    `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, contracts, origin)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING version`,
    [
      rule.validFrom,
      rule.stakedPerDay.toString(),
      rule.heldPerDay.toString(),
      rule.chains,
      rule.contracts.map((address) => `\\x${address.slice(2)}`),
      origin,
    ],
  );
  return rows[0]?.version ?? 0;
}

function viewOf(rule: PointRule): Omit<PointsRuleView, 'origin'> {
  return {
    version: rule.version,
    validFrom: new Date(rule.validFrom).toISOString(),
    stakedPerTokenPerDay: formatPoints(rule.stakedPerDay),
    heldPerTokenPerDay: formatPoints(rule.heldPerDay),
    chains: [...rule.chains],
    contracts: [...rule.contracts],
  };
}
