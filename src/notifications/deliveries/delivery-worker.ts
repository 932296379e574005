import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Channel } from '../core/channels/catalogue.js';
import type { Lane } from '../core/channels/definition.js';
import { safeReason } from '../core/safe-reason.js';
import type { Outcome } from '../core/outcome.js';
import type { Claimant } from '../core/message-shares.js';
import { NotificationChannel } from '../channels/notification-channel.js';
import { ChannelSenders } from '../channels/channel-senders.js';
import { Clock } from '../../platform/clock/clock.js';
import { DeliveryClaims } from './delivery-claims.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';
import { DeliveryResults } from './delivery-results.js';
import { HandOverLate } from '../core/hand-over.js';
import { Holds } from './holds.js';
import type { JobData } from './lanes.js';
import { ReceiverLanes, type Receiver } from './receiver-lanes.js';

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
    private readonly claims: DeliveryClaims,
    private readonly results: DeliveryResults,
    private readonly channels: ChannelSenders,
    private readonly holds: Holds,
    private readonly clock: Clock,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    await this.results.handBack(await this.receivers.close());
  }

  /**
   * Puts the delivery in line for its receiver's turn, without waiting for the turn: its job is then done. If there is no room,
   * the delivery is due for the sweepers of all processes.
   */
  take({ id, channel, receiver, user = id }: Taken, lane: Lane): void {
    const job = { id, channel, receiver: receiver ?? id, user };
    const entered = this.receivers.enter(job, lane, () =>
      this.tried(id, () => this.deliver({ ...job, receiver: receiver ?? null }, lane)),
    );
    if (!entered) void this.tried(id, () => this.results.handBack([id]));
  }

  /** Returns the room in line for further deliveries to a receiver: little while nothing can be sent to it. */
  room(receiver: Receiver, lane: Lane): Claimant {
    const claimant = this.receivers.room(receiver, lane);
    const now = this.clock.now();
    const ofUser = this.holds.room(receiver.user, now);
    const room = Math.min(claimant.room, this.holds.room(receiver.receiver, now), ofUser);
    return { ...claimant, room, groupRoom: Math.min(claimant.groupRoom, ofUser) };
  }

  /** Sends the delivery once. Afterwards it is finished or waits for its next attempt; it may also not have been due. */
  private async deliver({ id, channel, receiver = null, user = id }: Taken, lane: Lane, late = 0): Promise<void> {
    const claim = await this.claims.claim(id, lane);
    if (claim === 'done') return;
    if (claim === 'slow') {
      this.take({ id, channel, receiver, user }, 'slow');
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
    if (outcome.result === 'delivered') this.holds.end(claim.targetId, claim.userId);
    await this.results.record({ delivery: claim, outcome, durationMs });
  }

  private async tried(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(failure(id, error), 'delivery could not be sent; the sweeper will retry it');
    }
  }

  private async send(delivery: ClaimedDelivery, channel: NotificationChannel): Promise<Outcome | 'late'> {
    try {
      return await channel.send(delivery, () => {
        if (this.claims.isLate(delivery)) throw new HandOverLate();
      });
    } catch (error) {
      if (error instanceof HandOverLate) return 'late';
      this.logger.error(failure(delivery.id, error), 'channel failed unexpectedly');
      return { result: 'failed', detail: 'internal error' };
    }
  }
}

/** Returns the fields of a failure in the log; the reason contains no secrets. */
function failure(deliveryId: string, error: unknown): { deliveryId: string; reason: string } {
  return { deliveryId, reason: safeReason(error) };
}
