import { Worker } from 'node:worker_threads';
import { APP_ROLE, sessionUrl } from '../../platform/database/connection-options.js';

/** Time after which a lease that was not renewed expires, ms; a crashed leader is then replaced. */
export const LEASE_DURATION_MS = 1_000;
const RENEW_INTERVAL_MS = 300;
const SILENCE_TIMEOUT_MS = 30_000;

/** Renews one lease until it is stopped or the lease is lost. */
export class LeaseKeeper {
  private readonly worker: Worker;
  private lastSign = 0;
  private stopped = false;

  constructor(lease: { url: string; owner: string; leaseEpoch: number; onLost: () => void }) {
    // Extension of the worker's file: TypeScript under the test runner, JavaScript when built.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.worker = new Worker(new URL(`./lease-worker.${extension}`, import.meta.url), {
      name: 'log-lease',
      execArgv: [],
      workerData: {
        url: sessionUrl(lease.url, `-c role=${APP_ROLE}`),
        owner: lease.owner,
        leaseEpoch: lease.leaseEpoch,
        leaseMs: LEASE_DURATION_MS,
        renewMs: RENEW_INTERVAL_MS,
        silenceMs: SILENCE_TIMEOUT_MS,
      },
    });
    const lost = (): void => {
      if (!this.stopped) lease.onLost();
    };
    this.worker.on('message', lost);
    this.worker.on('error', lost);
    this.worker.unref();
  }

  /** Reports that the leader's loop is alive. To be called often: most calls only compare a time. */
  sign(now: number): void {
    if (now - this.lastSign < 1_000) return;
    this.lastSign = now;
    this.worker.postMessage('alive', []);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.worker.postMessage('end', []);
    await this.worker.terminate();
  }
}
