import type { RealtimeLimits } from './session/realtime-limits.js';
import type { Session } from './session/session.js';
import type { RealtimeObserver } from './session/log-ports.js';

/**
 * Handles connections that read more slowly than they are written to: they are switched to `latest` and notified, then closed
 * with their cursor. Only links that were written to are checked, and only between batches: a burst that the network takes
 * within one tick is not slowness.
 */
export class SlowConsumers {
  private tracked: Session[] = [];

  constructor(
    private readonly limits: RealtimeLimits,
    private readonly observer: RealtimeObserver,
  ) {}

  track(session: Session): void {
    if (session.isBacklogTracked) return;
    session.isBacklogTracked = true;
    this.tracked.push(session);
  }

  checkBacklogs(now: number): void {
    const checked = this.tracked;
    this.tracked = [];
    for (const session of checked) {
      session.isBacklogTracked = false;
      if (!session.ended && this.isStillSlow(session, now)) this.track(session);
    }
  }

  private isStillSlow(session: Session, now: number): boolean {
    const waiting = session.link.bufferedBytes();
    if (waiting <= this.limits.softMarkBytes) {
      session.slowSince = 0;
      return false;
    }
    if (session.isCatchingUp) return true;
    if (session.slowSince === 0) {
      this.slowDown(session, now);
      return true;
    }
    // In `latest` mode nothing is added to a full link: this backlog has waited for a tenth of the grace time.
    const isFull = waiting > this.limits.hardMarkBytes && now - session.slowSince >= this.limits.slowGraceMs / 10;
    if (isFull || now - session.slowSince >= this.limits.slowGraceMs) {
      session.close('slow_consumer');
      return false;
    }
    return true;
  }

  private slowDown(session: Session, now: number): void {
    if (session.mode === 'all') {
      session.deliverBy('latest');
      session.link.sendMessage('slow_consumer', { mode: 'latest' });
      this.observer.slowConsumer('latest');
    }
    session.slowSince = now;
  }
}
