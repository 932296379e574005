import type { RealtimeHub } from './hub.js';
import type { Session } from './session/session.js';

/**
 * Ends all connections of a hub over a period. All clients are notified at once, each with its own random delay within
 * the period, so that they do not all reconnect at the same moment. A connection is served as usual until its delay has
 * passed.
 */
export class HubDrain {
  private readonly dueAt = new Map<Session, number>();

  constructor(
    private readonly hub: RealtimeHub,
    private readonly endsAt: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Notifies new sessions, closes those that are due, and returns the number of connections left. */
  step(now: number): number {
    for (const session of this.hub.sessions.all()) {
      const dueAt = this.dueAt.get(session) ?? this.notify(session, now);
      if (now < dueAt) continue;
      session.close('server_draining');
    }
    return this.hub.sessions.size;
  }

  private notify(session: Session, now: number): number {
    const reconnectAfterMs = Math.ceil(this.random() * Math.max(0, this.endsAt - now));
    this.dueAt.set(session, now + reconnectAfterMs);
    if (reconnectAfterMs > 0) {
      session.link.sendMessage('server_draining', { reconnectAfterMs, cursor: session.cursor });
    }
    return now + reconnectAfterMs;
  }
}
