import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { OnchainStart } from '../config/onchain-start.js';
import { parsePoints } from '../core/index.js';
import { RuleChanges } from './rule-changes.js';

/** Adds the rules of the file at the start, unless it added the same ones at an earlier start. */
@Injectable()
export class ConfiguredRules implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly start: OnchainStart,
    private readonly changes: RuleChanges,
  ) {}

  /** Processes that start at once take turns: the second one finds the rules of the first. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.start.rules.length === 0) return;
    await this.database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('onchain_configured_rules'))`);
      await this.addMissing();
    });
  }

  private async addMissing(): Promise<void> {
    for (const rule of this.start.rules) {
      const row = await this.database.one<{ found: boolean }>(
        `SELECT EXISTS (SELECT FROM onchain_point_rules WHERE valid_from_ms = $1 AND staked_per_day = $2 AND held_per_day = $3
           AND chains = $4::text[] AND contracts = $5::bytea[] AND origin = 'config') AS found`,
        [
          Date.parse(rule.validFrom),
          (parsePoints(rule.stakedPerTokenPerDay) ?? 0n).toString(),
          (parsePoints(rule.heldPerTokenPerDay) ?? 0n).toString(),
          rule.chains ?? [],
          (rule.contracts ?? []).map((address) => `\\x${address.slice(2)}`),
        ],
      );
      if (row?.found !== true) await this.changes.add(rule, 'config');
    }
  }
}
