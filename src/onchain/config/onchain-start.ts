import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Settings, SettingsError } from '../../platform/settings/settings.js';
import { ChainRegistry, type WatchedContract } from './chain-registry.js';
import { readOnchainFile } from './onchain-file.js';
import { FeastPoolSetup, type ChainSetup, type ContractSetup, type RuleSetup } from './setup.dto.js';

/** Stores at the start what the file of ONCHAIN_CONFIG names. What was added over the API stays. */
@Injectable()
export class OnchainStart implements OnModuleInit {
  private readonly logger = new Logger(OnchainStart.name);

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
    await this.requireStored(onchainConfig, chains);
    this.feastPool = points.feastPool;
    for (const chain of chains) await this.registry.putChain(chain, 'config');
    this.rules = points.rules;
  }

  /**
   * Refuses a file that describes a contract otherwise than it is followed, because its stored logs and state are those of the
   * other description.
   */
  private async requireStored(path: string, setups: readonly ChainSetup[]): Promise<void> {
    const stored = new Map((await this.registry.chains()).map((chain) => [chain.name, chain]));
    const faults: string[] = [];
    for (const { id, startBlock, contracts } of setups) {
      for (const setup of contracts) {
        const followed = stored
          .get(id)
          ?.contracts.find(({ address, shadowOf }) => address === setup.address && shadowOf === null);
        if (followed === undefined) continue;
        faults.push(...differences(setup, followed).map((fault) => `ONCHAIN_CONFIG=${path}: /chains/${id}: ${fault}`));
        const { fromBlock = startBlock } = setup;
        if (fromBlock !== followed.fromBlock) {
          const fields = { chain: id, contract: setup.address, fromBlock, followedFrom: followed.fromBlock };
          this.logger.warn(fields, 'contract stays followed from the block at which it was added');
        }
      }
    }
    if (faults.length > 0) throw new SettingsError(faults);
  }
}

/** Returns in which members that cannot change a contract of the file differs from the followed one. */
function differences(setup: Readonly<ContractSetup>, followed: WatchedContract): string[] {
  return (['standard', 'token'] as const).flatMap((member) => {
    const [given, stored] = [setup[member] ?? null, followed[member]];
    if (given === stored) return [];
    return `${member} of the contract ${setup.address} must be ${stored ?? 'left out'}, as it is followed with that; delete it over the API to follow it anew`;
  });
}
