import type { RealtimeHub } from './hub.js';
import type { Session } from './session.js';

/**
 * Empties a hub over a while. Everybody is told at once, each with a delay of his own, drawn evenly over the window: that
 * many clients never come back to the others in one moment. Until its delay has passed a connection is served as always.
 */
export class HubDrain {
  private readonly dueAt = new Map<Session, number>();

  constructor(
    private readonly hub: RealtimeHub,
    private readonly endsAt: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Tells those who have not been told, closes those whose time has come. The number of connections left. */
  step(now: number): number {
    for (const session of this.hub.sessions.all()) {
      const dueAt = this.dueAt.get(session) ?? this.tell(session, now);
      if (now < dueAt) continue;
      session.close('server_draining');
    }
    return this.hub.sessions.size;
  }

  private tell(session: Session, now: number): number {
    const reconnectAfterMs = Math.ceil(this.random() * Math.max(0, this.endsAt - now));
    this.dueAt.set(session, now + reconnectAfterMs);
    if (reconnectAfterMs > 0) {
      session.link.sendMessage('server_draining', { reconnectAfterMs, cursor: session.cursor });
    }
    return now + reconnectAfterMs;
  }
}
