import type { Channel } from '../core/delivery.js';
import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../deliveries/delivery-row.js';

/** One way to reach people. `send` never throws: what went wrong is an outcome. */
export abstract class NotificationChannel {
  abstract readonly channel: Channel;
  abstract send(delivery: ClaimedDelivery): Promise<Outcome>;
}
