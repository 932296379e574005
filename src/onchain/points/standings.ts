import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import type { Address } from '../core/index.js';
import { accountRows, type AccountRow } from './account-rows.js';
import { inSnapshot, presentCursor, type AsOf } from './points-snapshot.js';

/** Ranks of all accounts in one state. */
export interface Standings {
  readonly asOf: AsOf;
  /** Accounts in order of their ranks. */
  readonly rows: readonly AccountRow[];
  /** Place of each account in `rows`. */
  readonly places: ReadonlyMap<Address, number>;
}

interface Kept {
  readonly standings: Standings;
  /** Time of a monotonic clock, ms. */
  readonly madeAt: number;
}

/** Accounts up to which an answer always waits for the newest state: their standings take some ten milliseconds. */
const MAX_AWAITED_ACCOUNTS = 10_000;
/** Age from which the standings of more accounts are computed again, ms: 100,000 accounts take a second of the database's time. */
const MIN_AGE_MS = 1_000;
/** Age up to which the state before the newest one is shown, ms; an answer waits rather than show an older one. */
const MAX_AGE_MS = 5_000;
/** States of each chain that are kept, so that the pages of a list show one. */
const MAX_STATES = 3;
/** Chains, with all chains together as one, whose standings are kept. */
const MAX_SCOPES = 8;
/** Key of the standings over all chains. */
const ALL = '';

/**
 * Standings, computed once for each state: requests that come meanwhile wait for the same computation. Answers come from the
 * newest state. With more than 10,000 accounts they come for up to 5 s from the one before it while the newest is computed;
 * `as_of` names it in either case.
 */
@Injectable()
export class StandingsKeeper {
  private readonly logger = new Logger(StandingsKeeper.name);
  /** Kept states by scope, the newest last. */
  private readonly kept = new Map<string, Kept[]>();
  private readonly running = new Map<string, Promise<Standings>>();

  constructor(private readonly database: Database) {}

  /** Returns the standings of one chain, or of all together. */
  async newest(chain = ALL): Promise<Standings> {
    const cursor = await presentCursor(this.database);
    const last = this.kept.get(chain)?.at(-1);
    if (last?.standings.asOf.cursor === cursor) return last.standings;
    const isSmall = last === undefined || last.standings.rows.length <= MAX_AWAITED_ACCOUNTS;
    const age = last === undefined ? Infinity : performance.now() - last.madeAt;
    if (isSmall || age > MAX_AGE_MS) return this.computed(chain);
    if (age > MIN_AGE_MS)
      void this.computed(chain).catch((err: unknown) => this.logger.warn({ err }, 'standings failed; retrying'));
    return last.standings;
  }

  /** Returns the standings of a state if they are kept, so that a page follows the one before it. */
  at(cursor: string, chain = ALL): Standings | undefined {
    return this.kept.get(chain)?.find(({ standings }) => standings.asOf.cursor === cursor)?.standings;
  }

  /** Computes the standings, once for all who ask meanwhile. */
  private computed(chain: string): Promise<Standings> {
    const running = this.running.get(chain) ?? this.compute(chain);
    this.running.set(chain, running);
    return running;
  }

  private async compute(chain: string): Promise<Standings> {
    try {
      const standings = await inSnapshot(this.database, async (snapshot) => {
        const contracts = snapshot.contracts.filter((contract) => chain === ALL || contract.chain === chain);
        const rows = await accountRows(snapshot, contracts);
        const places = new Map<Address, number>();
        await eachInSlices(rows, ({ account }) => places.set(account, places.size));
        return { asOf: snapshot.asOf, rows, places };
      });
      this.keep(chain, standings);
      return standings;
    } finally {
      this.running.delete(chain);
    }
  }

  private keep(chain: string, standings: Standings): void {
    const states = [...(this.kept.get(chain) ?? []), { standings, madeAt: performance.now() }].slice(-MAX_STATES);
    this.kept.delete(chain);
    this.kept.set(chain, states);
    const [oldest] = this.kept.keys();
    if (this.kept.size > MAX_SCOPES && oldest !== undefined) this.kept.delete(oldest);
  }
}
