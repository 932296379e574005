import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../platform/clock/clock.js';
import { Readiness } from '../platform/health/readiness.js';
import { Settings } from '../platform/settings/settings.js';
import { HubDrain } from './core/hub-drain.js';
import { RealtimeHub } from './core/hub.js';
import { ConnectionAdmission } from './transports/admission/connection-admission.js';
import { WebSocketTransport } from './transports/websocket/websocket.transport.js';

/** Interval at which due connections are closed, ms. */
const CLOSE_INTERVAL_MS = 50;
/**
 * Part of DRAIN_SECONDS over which clients are disconnected; the rest is for their closing handshakes and for the stop of
 * all other services.
 */
const SPREAD_SHARE = 0.75;
/** Part of DRAIN_SECONDS after which the process no longer waits for closing handshakes. */
const WAIT_SHARE = 0.85;

/**
 * First phase of a graceful stop. From its start the process reports that it is not ready and refuses new clients; open
 * clients are served until they are disconnected one after the other. Ends early when no client is left.
 */
@Injectable()
export class Drain {
  private readonly logger = new Logger(Drain.name);
  private running: Promise<void> | undefined;

  constructor(
    private readonly hub: RealtimeHub,
    private readonly admission: ConnectionAdmission,
    private readonly websockets: WebSocketTransport,
    private readonly readiness: Readiness,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Resolves when all clients have disconnected, or after DRAIN_SECONDS. If the process runs in a terminal, it waits at
   * most one second, because no other process takes over.
   */
  run(isInteractive = false): Promise<void> {
    this.running ??= this.empty(Math.min(this.settings.drainSeconds, isInteractive ? 1 : Infinity) * 1_000);
    return this.running;
  }

  private async empty(windowMs: number): Promise<void> {
    const begun = this.clock.now();
    const drain = new HubDrain(this.hub, begun + windowMs * SPREAD_SHARE);
    this.readiness.beginDrain();
    this.admission.drain();
    this.websockets.dismissStrangers();
    this.logger.log({ connections: this.hub.sessions.size }, 'draining; clients are disconnected one after the other');
    const latest = begun + windowMs * WAIT_SHARE;
    while (drain.step(this.clock.now()) > 0 || this.admission.inside > 0) {
      if (this.clock.now() >= latest) break;
      await sleep(CLOSE_INTERVAL_MS);
    }
    this.logger.log({ left: this.admission.inside, ms: this.clock.now() - begun }, 'drain finished');
  }
}
