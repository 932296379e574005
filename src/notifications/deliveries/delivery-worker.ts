import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Channel } from '../core/delivery.js';
import { safeReason } from '../core/safe-reason.js';
import type { Outcome } from '../core/outcome.js';
import { NotificationChannel } from '../channels/notification-channel.js';
import { ChannelTroubles } from '../channels/channel-troubles.js';
import { Channels } from '../channels/channels.js';
import { Queues } from '../../platform/queue/queues.js';
import { Settings } from '../../platform/settings/settings.js';
import { DeliveryClaims } from './delivery-claims.js';
import type { ClaimedDelivery } from './delivery-row.js';
import { DeliveryResults } from './delivery-results.js';
import { LANES, Lanes, type Lane } from './lanes.js';

/** Sends what the queues name: claims the delivery, hands it to its channel, writes down what became of it. */
@Injectable()
export class DeliveryWorker implements OnApplicationBootstrap {
  private readonly logger = new Logger(DeliveryWorker.name);

  constructor(
    private readonly queues: Queues,
    private readonly lanes: Lanes,
    private readonly claims: DeliveryClaims,
    private readonly results: DeliveryResults,
    private readonly channels: Channels,
    private readonly troubles: ChannelTroubles,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.role === 'gateway') return;
    for (const { name, channel, lane, concurrency } of LANES) {
      this.queues.worker<{ id: string }>(name, ({ data }) => this.deliver(data.id, channel, lane), { concurrency });
    }
  }

  /** Once: afterwards the delivery is finished, waits for its next attempt, or was not due. */
  async deliver(id: string, channel: Channel, lane: Lane): Promise<void> {
    const claim = await this.claims.claim(id, lane);
    if (claim === 'done') return;
    if (claim === 'slow') {
      await this.lanes.put([{ id, channel, priority: 'normal', slow: true, attempts: 0 }]);
      return;
    }
    const begun = performance.now();
    const outcome = await this.send(claim, this.channels.of(channel));
    this.troubles.note(claim, outcome);
    await this.results.record({ delivery: claim, outcome, durationMs: performance.now() - begun });
  }

  private async send(delivery: ClaimedDelivery, channel: NotificationChannel): Promise<Outcome> {
    try {
      return await channel.send(delivery);
    } catch (error) {
      this.logger.error({ deliveryId: delivery.id, reason: safeReason(error) }, 'a channel failed unexpectedly');
      return { result: 'failed', detail: 'internal error' };
    }
  }
}
