import type { Caller } from '../../../access/index.js';
import { asDomainError } from '../../../platform/errors/domain-error.js';
import type { Session } from './session.js';
import type { SessionHost } from './session-host.js';
import { assertMaySubscribe } from './subscription-rights.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';

/**
 * Replaces the caller of a session. Subscriptions that the new caller may not have end, each with an `error`; then
 * `connected` is sent again.
 */
export function takeOver(session: Session, host: SessionHost, caller: Caller): void {
  if (caller.transports !== undefined && !caller.transports.includes(session.link.transport)) {
    return session.close('forbidden', `This key may not be used over ${session.link.transport}.`);
  }
  session.identity = { ...session.identity, caller };
  host.callerChanged(session);
  for (const { id, request } of session.subscriptions.values()) {
    if (isRefused(session, id, caller, request)) session.book.remove({ id });
  }
  for (const { info, request } of host.queries.held(session)) {
    if (isRefused(session, info.id, caller, request)) host.queries.remove(session, { id: info.id });
  }
  void host.keeper?.changed(session);
  session.greet();
}

function isRefused(session: Session, subscriptionId: string, caller: Caller, request: SubscriptionRequest): boolean {
  try {
    assertMaySubscribe(caller, request);
    return false;
  } catch (error) {
    session.link.sendMessage('error', { ...asDomainError(error).toSocket(), subscriptionId });
    return true;
  }
}
