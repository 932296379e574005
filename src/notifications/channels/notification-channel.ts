import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../deliveries/delivery-row.js';

/** Callback at the moment before a message is sent; throws `HandOverLate` if it must not be sent any more. */
export type HandOver = () => void;

/** Class that sends the messages of a channel. `send` throws only what `handOver` does: a failure is an outcome. */
export abstract class NotificationChannel {
  abstract send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome>;
}
