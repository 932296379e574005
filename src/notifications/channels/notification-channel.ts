import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';

/** Called immediately before a message is sent; throws `HandOverLate` if the message must not be sent any more. */
export type HandOver = () => void;

/** Base class of the senders. `send` reports failures as outcomes; it throws only the errors of `handOver`. */
export abstract class NotificationChannel {
  abstract send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome>;
}
