import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Pods } from '../../platform/redis/pods.js';
import { RegistryStore } from './registry-store.js';

const CHECK_INTERVAL_MS = 5_000;
/**
 * Time without a sign of life after which a process counts as dead, ms: longer than a process is likely to stall. A
 * process that recovers writes all its entries again.
 */
const SILENCE_TIMEOUT_MS = 15_000;

/**
 * Removes the entries of dead processes within 25 s, whichever process notices first. Two concurrent cleanings have the same
 * effect as one.
 */
@Injectable()
export class RegistryCleaner implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RegistryCleaner.name);
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly store: RegistryStore,
    private readonly pods: Pods,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'registry_cleaning',
      intervalMs: CHECK_INTERVAL_MS,
      isDelayed: true,
      logLevel: 'debug',
      run: () => this.clean(SILENCE_TIMEOUT_MS),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Removes the entries of processes that have been silent for `silentMs`. */
  async clean(silentMs: number): Promise<void> {
    if (!this.store.isUp) return;
    for (const pod of await this.pods.silentFor(silentMs)) {
      const entries = await this.store.writtenBy(pod);
      await this.store.remove(entries, pod);
      await this.pods.forget(pod);
      this.logger.log({ pod, connections: entries.length }, 'entries of a dead process removed from Redis');
    }
  }
}
