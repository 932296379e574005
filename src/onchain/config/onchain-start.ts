import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';
import { ChainRegistry } from './chain-registry.js';
import { readOnchainFile } from './onchain-file.js';
import { FeastPoolSetup, type RuleSetup } from './setup.dto.js';

/** Stores at the start what the file of ONCHAIN_CONFIG names. What was added over the API stays. */
@Injectable()
export class OnchainStart implements OnModuleInit {
  /** Budget that epochs share; the file alone sets it. */
  feastPool: Readonly<FeastPoolSetup> = new FeastPoolSetup();

  /** Versions of the rates that the file names. */
  rules: readonly Readonly<RuleSetup>[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly registry: ChainRegistry,
  ) {}

  async onModuleInit(): Promise<void> {
    const { onchainConfig } = this.settings;
    if (onchainConfig === undefined) return;
    const { chains, points } = await readOnchainFile(onchainConfig);
    this.feastPool = points.feastPool;
    for (const chain of chains) await this.registry.putChain(chain, 'config');
    this.rules = points.rules;
  }
}
