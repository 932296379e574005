import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { ChainRegistry } from '../config/chain-registry.js';
import { InvariantChecks } from '../store/invariant-checks.js';

const INTERVAL_MS = 60_000;

/** Checks the invariants of all chains each minute, unless ONCHAIN_CHECKS is `off`. */
@Injectable()
export class InvariantRounds implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly registry: ChainRegistry,
    private readonly checks: InvariantChecks,
    private readonly settings: Settings,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'onchain_invariants',
      intervalMs: INTERVAL_MS,
      isDelayed: true,
      onlyOn: 'worker',
      run: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.onchainChecks !== 'off') this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  async round(): Promise<void> {
    for (const chain of await this.registry.chains()) await this.checks.check(chain);
  }
}
