import type { appendEvents } from '../../events/index.js';
import type { AlertMessage } from '../../notifications/index.js';

/** Returns the row of the log by which an alert reaches its owner's sockets. `at`: Unix ms. */
export function alertEvent(alert: AlertMessage, owner: string, at: number): Parameters<typeof appendEvents>[1][number] {
  // An event already has the time as a common field.
  const { protocol, chain, token, at: _, ...data } = alert;
  const subject = { protocol: protocol ?? null, chain: chain ?? null, token: token ?? null };
  return { type: 'alert', ...subject, data, source: 'alerts', observedAt: at, owner };
}
