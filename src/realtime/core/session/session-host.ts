import type { CallerHost } from './caller-change.js';
import type { LogHost } from './log-host.js';
import type { Session } from './session.js';
import type { BookHost } from './subscription-book.js';

/** Stores sessions, so that another connection of the same client can continue them. */
export interface SessionKeeper {
  /** Resolves when the change is stored, or after a short timeout. */
  changed(session: Session): Promise<void>;
  ended(session: Session): void;
}

/** Services of the hub for its sessions. */
export interface SessionHost extends LogHost, BookHost, CallerHost<Session> {
  /** Store of sessions for reconnecting clients; undefined if there is none. */
  readonly keeper: SessionKeeper | undefined;
  /** Marks a session after its link was written to: the next tick checks the link's backlog. */
  trackBacklog(session: Session): void;
  modeChanged(session: Session): void;
  forget(session: Session): void;
}
