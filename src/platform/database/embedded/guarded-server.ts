import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { stopOrphan } from './orphan-server.js';
import type { PostgresCluster } from './postgres-cluster.js';
import { PostgresServer, type ServerOptions } from './postgres-server.js';

/**
 * Attempts to start. An attempt can fail while sessions of a killed server still hold its shared memory, or because its port
 * was taken.
 */
const START_ATTEMPTS = 20;
const ATTEMPT_PAUSE_MS = 500;
const RESTARTS_PER_MINUTE = 5;

/** PostgreSQL server that is started again when it dies; its sessions are lost, committed data is not. */
export class GuardedServer {
  private server: PostgresServer | undefined;
  private restarting: Promise<void> | undefined;
  private stopping = false;
  private restarts: number[] = [];

  constructor(
    private readonly cluster: PostgresCluster,
    private options: ServerOptions,
    private readonly onFailure: (error: Error) => void,
  ) {}

  get port(): number {
    return this.options.port;
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.server = await PostgresServer.start(this.cluster, this.options);
        break;
      } catch (error) {
        const reason = error instanceof Error ? error.message : '';
        if (attempt === START_ATTEMPTS || this.stopping) throw error;
        if (/could not create any TCP|could not bind|already in use/.test(reason)) {
          this.options = { ...this.options, port: await freePort() };
        } else if (/shared memory block/.test(reason)) {
          await sleep(ATTEMPT_PAUSE_MS);
        } else {
          throw error;
        }
      }
    }
    this.server.onUnexpectedEnd(() => {
      this.restarting = this.restart();
    });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.restarting;
    await this.server?.stop();
  }

  private async restart(): Promise<void> {
    if (this.stopping) return;
    const now = Date.now();
    this.restarts = [...this.restarts.filter((at) => now - at < 60_000), now];
    try {
      if (this.restarts.length > RESTARTS_PER_MINUTE)
        throw new Error(`The embedded PostgreSQL ended more than ${RESTARTS_PER_MINUTE} times within a minute.`);
      await stopOrphan(this.cluster.directory);
      await this.start();
    } catch (error) {
      if (!this.stopping) this.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
