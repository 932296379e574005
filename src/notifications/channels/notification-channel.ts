import type { Channel } from '../core/delivery.js';
import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../deliveries/delivery-row.js';

/** Called in the moment before a message leaves; throws `HandOverLate` if it must not any more. */
export type HandOver = () => void;

/** One way to reach people. `send` throws nothing but what `handOver` does: what went wrong is an outcome. */
export abstract class NotificationChannel {
  abstract readonly channel: Channel;
  abstract send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome>;
}
