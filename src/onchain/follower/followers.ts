import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { ChainRegistry, type WatchedChain } from '../config/chain-registry.js';
import { SampleEndpoint } from '../sample/sample-endpoint.js';
import { acquireLease, releaseLease } from '../store/chain-lease.js';
import { reportFollower } from '../store/follower-report.js';
import { ChainStarter, type LedChain } from './led-chain.js';

/**
 * Interval at which leases are renewed and the settings of chains are read, ms. With the duration of a lease it is the time until
 * another process goes on after a crash: less than 2 s.
 */
const SUPERVISION_INTERVAL_MS = 250;

/** Followers of the chains that this process leads: one each, side by side, under the lease of its chain. */
@Injectable()
export class Followers implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Followers.name);
  private readonly owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  private readonly led = new Map<number, LedChain>();
  /** Chains that are being looked after: one that takes long holds up no other. */
  private readonly busy = new Map<number, Promise<void>>();
  private readonly supervision: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly registry: ChainRegistry,
    private readonly starter: ChainStarter,
    loops: BackgroundLoops,
    private readonly sample: SampleEndpoint,
  ) {
    this.supervision = loops.loop({
      name: 'onchain_leases',
      intervalMs: SUPERVISION_INTERVAL_MS,
      onlyOn: 'worker',
      run: () => this.supervise(),
    });
  }

  onApplicationBootstrap(): void {
    this.supervision.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.supervision.stop();
    await Promise.all(this.busy.values());
    await Promise.all([...this.led.keys()].map((chain) => this.leave(chain, true)));
  }

  /** Renews the leases of the chains that this process leads, and takes those that nobody leads. */
  private async supervise(): Promise<void> {
    const chains = (await this.registry.chains()).filter(
      (chain) => chain.endpoints.length > 0 && this.sample.isReachable(chain),
    );
    const known = new Set(chains.map(({ id }) => id));
    for (const id of this.led.keys()) if (!known.has(id)) this.lookAfter(id, () => this.leave(id, true));
    for (const chain of chains) this.lookAfter(chain.id, () => this.renew(chain));
  }

  private lookAfter(chain: number, work: () => Promise<void>): void {
    if (this.busy.has(chain)) return;
    const done = work()
      .catch((err: unknown) => this.logger.warn({ err, chain }, 'lease of a chain failed; retrying'))
      .finally(() => this.busy.delete(chain));
    this.busy.set(chain, done);
  }

  private async renew(chain: WatchedChain): Promise<void> {
    const lease = await acquireLease(this.database, chain.id, this.owner);
    const led = this.led.get(chain.id);
    if (lease === undefined) return this.leave(chain.id, false);
    if (led?.isFor(chain, lease) === true) {
      const report = led.dueReport();
      return report === undefined ? undefined : reportFollower(this.database, chain.id, report);
    }
    await this.leave(chain.id, false);
    this.led.set(chain.id, this.starter.start(chain, lease));
    this.logger.log({ chain: chain.name, epoch: lease.epoch }, 'chain followed');
  }

  private async leave(chain: number, releases: boolean): Promise<void> {
    const led = this.led.get(chain);
    if (led === undefined) return;
    this.led.delete(chain);
    await led.stop();
    if (releases) await releaseLease(this.database, led.lease);
  }
}
