/**
 * Kills the process with SIGKILL at a named point of a delivery. Loaded before the built product with --import; the
 * product contains no code for it. KILL_AT names the point, KILL_PRIORITY the deliveries for which the process is killed:
 * deliveries that an earlier process left have another priority and pass.
 */
import { Deliveries } from '../../dist/src/notifications/deliveries/deliveries.js';
import { DeliveryResults } from '../../dist/src/notifications/deliveries/delivery-results.js';
import { Lanes } from '../../dist/src/notifications/deliveries/lanes.js';
import { WebhookChannel } from '../../dist/src/notifications/channels/webhook/webhook-channel.js';

const { KILL_AT: point, KILL_PRIORITY: priority } = process.env;

/** Kills the process before `method` runs for a delivery with that priority. */
function killBefore({ prototype }, method, meant) {
  const original = prototype[method];
  prototype[method] = function (...args) {
    if (meant(...args)) process.kill(process.pid, 'SIGKILL');
    return original.apply(this, args);
  };
}

const POINTS = {
  announce: () => killBefore(Deliveries, 'announce', (ids) => ids.length > 0),
  enqueue: () => killBefore(Lanes, 'put', (jobs) => jobs.some((job) => job.priority === priority)),
  send: () => killBefore(WebhookChannel, 'send', (delivery) => delivery.priority === priority),
  mark: () => killBefore(DeliveryResults, 'record', ({ delivery }) => delivery.priority === priority),
};
POINTS[point]?.();
