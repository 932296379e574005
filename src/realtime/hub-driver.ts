import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { AccessEvents, type EndReason } from '../access/index.js';
import { EventFeed } from '../events/index.js';
import { RealtimeHub } from './core/hub.js';
import type { CloseReason } from './core/wire/link.js';
import { RealtimeMetrics } from './realtime-metrics.js';
import { ConnectionAdmission } from './transports/admission/connection-admission.js';
import { WriteBatches } from './transports/sending/write-batches.js';

/** Interval at which the hub checks its connections, ms: the shortest interval of `latest`. */
const TICK_INTERVAL_MS = 100;

/** Close reason and message when a key ends; both reasons are final. */
export const FAREWELLS: Readonly<Record<EndReason, readonly [reason: CloseReason, message: string]>> = {
  revoked: ['revoked', 'The API key was revoked.'],
  expired: ['key_expired', 'The API key has expired.'],
};

/** Calls the hub periodically, when keys change or end, and when the process stops. */
@Injectable()
export class HubDriver implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private flushing: NodeJS.Immediate | undefined;
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly hub: RealtimeHub,
    private readonly feed: EventFeed,
    private readonly accessEvents: AccessEvents,
    private readonly admission: ConnectionAdmission,
    private readonly batches: WriteBatches,
    private readonly metrics: RealtimeMetrics,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.observeWrites(this.batches);
    this.batches.isBurst = () => this.feed.isBurst;
    this.ends.push(
      this.accessEvents.onEnded((keyId, reason) => {
        this.hub.endKey(keyId, ...FAREWELLS[reason]);
      }),
      this.accessEvents.onChanged((keyId, caller) => this.hub.changeKey(keyId, caller)),
      this.accessEvents.onOverstayed((connectionId) => {
        this.hub.sessions.get(connectionId)?.close('connection_limit');
      }),
    );
    this.timer = setInterval(() => this.tick(), TICK_INTERVAL_MS);
  }

  beforeApplicationShutdown(): void {
    this.admission.drain();
    this.hub.closeAll('server_draining');
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    clearImmediate(this.flushing);
    for (const end of this.ends) end();
  }

  private tick(): void {
    this.hub.stale = this.feed.state === 'unavailable';
    this.hub.tick();
    this.flushing ??= setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = this.hub.flushLatest() ? undefined : setImmediate(() => this.flush());
  }
}
