import type { Caller } from '../../../access/index.js';
import { asDomainError } from '../../../platform/errors/domain-error.js';
import type { ClientLink, CloseReason } from '../wire/link.js';
import type { LiveQueries, QueryClient } from './live-queries.js';
import type { SessionIdentity } from './session-identity.js';
import type { SubscriptionBook } from './subscription-book.js';
import { assertMaySubscribe } from './subscription-rights.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';

/** Session whose caller changes. */
interface CalledSession extends QueryClient {
  identity: SessionIdentity;
  readonly book: SubscriptionBook;
  /** Sends `connected`. */
  greet(): void;
  close(reason: CloseReason, message?: string): void;
}

/** Services of the hub for a change of a session's caller. */
export interface CallerHost<S> {
  readonly queries: LiveQueries;
  readonly keeper: { changed(session: S): Promise<void> } | undefined;
  /** Applies a change of the session's caller: different rights or a different expiry. */
  callerChanged(session: S): void;
}

/**
 * Replaces the caller of a session. Subscriptions that the new caller may not have end, each with an `error`; then
 * `connected` is sent again.
 */
export function takeOver<S extends CalledSession>(session: S, host: CallerHost<S>, caller: Caller): void {
  if (caller.transports !== undefined && !caller.transports.includes(session.link.transport)) {
    return session.close('forbidden', `This key may not be used over ${session.link.transport}.`);
  }
  session.identity = { ...session.identity, caller };
  host.callerChanged(session);
  for (const { id, request } of session.book.byId.values()) {
    if (isRefused(session, id, caller, request)) session.book.remove({ id });
  }
  for (const { info, request } of host.queries.held(session)) {
    if (isRefused(session, info.id, caller, request)) host.queries.remove(session, { id: info.id });
  }
  void host.keeper?.changed(session);
  session.greet();
}

function isRefused(
  { link }: { link: ClientLink },
  subscriptionId: string,
  caller: Caller,
  request: SubscriptionRequest,
): boolean {
  try {
    assertMaySubscribe(caller, request);
    return false;
  } catch (error) {
    link.sendMessage('error', { ...asDomainError(error).toSocket(), subscriptionId });
    return true;
  }
}
