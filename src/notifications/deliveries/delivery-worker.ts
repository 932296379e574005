import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Channel } from '../core/channels/catalogue.js';
import type { Lane } from '../core/channels/definition.js';
import { safeReason } from '../core/safe-reason.js';
import type { Outcome } from '../core/outcome.js';
import { NotificationChannel } from '../channels/notification-channel.js';
import { Channels } from '../channels/channels.js';
import { DeliveryClaims } from './delivery-claims.js';
import type { ClaimedDelivery } from './delivery-row.js';
import { DeliveryResults } from './delivery-results.js';
import { HandOverLate } from './hand-over.js';
import { Lanes, type JobData } from './lanes.js';
import { ReceiverLanes } from './receiver-lanes.js';

type Taken = JobData & { channel: Channel };

/** Number of times that a delivery whose receiver was not connected in time is claimed again at once. */
const LATE_CLAIMS = 3;
const UNREACHED: Outcome = { result: 'failed', detail: 'no connection in time' };

/** Worker of the queues: claims a delivery, sends it through its channel, and stores the outcome. */
@Injectable()
export class DeliveryWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger(DeliveryWorker.name);
  private readonly receivers = new ReceiverLanes();

  constructor(
    private readonly lanes: Lanes,
    private readonly claims: DeliveryClaims,
    private readonly results: DeliveryResults,
    private readonly channels: Channels,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    await this.results.handBack(await this.receivers.close());
  }

  /** Puts the delivery in line for its receiver's turn, without waiting for the turn: its job is then done. */
  take({ id, channel, receiver, user = id }: Taken, lane: Lane): void {
    const job = { id, channel, receiver: receiver ?? id, user };
    this.receivers.enter(job, lane, async () => {
      try {
        await this.deliver({ ...job, receiver: receiver ?? null }, lane);
      } catch (error) {
        this.logger.warn(
          { deliveryId: id, reason: safeReason(error) },
          'delivery could not be sent; the sweeper will retry it',
        );
      }
    });
  }

  /** Sends the delivery once. Afterwards it is finished or waits for its next attempt; it may also not have been due. */
  private async deliver({ id, channel, receiver = null, user = id }: Taken, lane: Lane, late = 0): Promise<void> {
    const claim = await this.claims.claim(id, lane);
    if (claim === 'done') return;
    if (claim === 'slow') {
      await this.lanes.put([{ id, channel, priority: 'normal', slow: true, attempts: 0, receiver, user }]);
      return;
    }
    const begun = performance.now();
    const sent = await this.send(claim, this.channels.of(channel));
    if (sent === 'late' && late < LATE_CLAIMS) {
      await this.results.giveBack(claim);
      return this.deliver({ id, channel, receiver, user }, lane, late + 1);
    }
    const outcome = sent === 'late' ? UNREACHED : sent;
    const durationMs = performance.now() - begun;
    this.receivers.took(claim.targetId, durationMs);
    await this.results.record({ delivery: claim, outcome, durationMs });
  }

  private async send(delivery: ClaimedDelivery, channel: NotificationChannel): Promise<Outcome | 'late'> {
    try {
      return await channel.send(delivery, () => {
        if (this.claims.isLate(delivery)) throw new HandOverLate();
      });
    } catch (error) {
      if (error instanceof HandOverLate) return 'late';
      this.logger.error({ deliveryId: delivery.id, reason: safeReason(error) }, 'channel failed unexpectedly');
      return { result: 'failed', detail: 'internal error' };
    }
  }
}
