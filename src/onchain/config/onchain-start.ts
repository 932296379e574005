import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { ChainRegistry } from './chain-registry.js';
import { readOnchainFile } from './onchain-file.js';
import { FeastPoolSetup, type RuleSetup } from './setup.dto.js';

const MICRO_DIGITS = 6;

/** Stores at the start what the file of ONCHAIN_CONFIG names. What was added over the API stays. */
@Injectable()
export class OnchainStart implements OnModuleInit {
  /** Budget that epochs share; the file alone sets it. */
  feastPool: Readonly<FeastPoolSetup> = new FeastPoolSetup();

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly registry: ChainRegistry,
  ) {}

  async onModuleInit(): Promise<void> {
    const { onchainConfig } = this.settings;
    if (onchainConfig === undefined) return;
    const { chains, points } = await readOnchainFile(onchainConfig);
    this.feastPool = points.feastPool;
    for (const chain of chains) await this.registry.putChain(chain, 'config');
    for (const rule of points.rules) await this.putRule(rule);
  }

  /** Adds a version of the rates unless the file added the same one at an earlier start. */
  private async putRule(rule: RuleSetup): Promise<void> {
    const values = [
      Date.parse(rule.validFrom),
      micro(rule.stakedPerTokenPerDay),
      micro(rule.heldPerTokenPerDay),
      rule.chains ?? [],
      (rule.contracts ?? []).map((address) => `\\x${address.slice(2)}`),
    ];
    await this.database.query(
      `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, chains, contracts, origin)
       SELECT $1::bigint, $2::numeric, $3::numeric, $4::text[], $5::bytea[], 'config' WHERE NOT EXISTS (
         SELECT FROM onchain_point_rules WHERE valid_from_ms = $1 AND staked_per_day = $2 AND held_per_day = $3
           AND chains = $4 AND contracts = $5 AND origin = 'config')`,
      values,
    );
  }
}

/** Returns points as micro-points, both decimal text. */
function micro(points: string): string {
  const [whole = '0', decimals = ''] = points.split('.');
  return `${whole}${decimals.padEnd(MICRO_DIGITS, '0')}`;
}
