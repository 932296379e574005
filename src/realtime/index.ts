export { RealtimeHub } from './core/hub.js';
export { Session } from './core/session.js';
export type { DeliveryMode, SubscribeAnswer, SubscribeOptions, UnsubscribeAnswer } from './core/session.js';
export type { ConnectionInfo, SessionIdentity } from './core/session-identity.js';
export type { Audience } from './core/session-registry.js';
export type { ClientLink, CloseReason, TransportName } from './core/link.js';
export { EncodedEvent } from './core/encoded-event.js';
export type { SubscriptionInfo, SubscriptionRequest, SubscriptionType } from './core/subscription.js';
export type {
  LiveQueryBody,
  LiveQueryHandle,
  LiveQueryOptions,
  LiveQueryRunner,
  LiveQuerySink,
} from './core/live-queries.js';
export { SharedMessage } from './core/shared-message.js';
export { Drain } from './drain.js';
export { RealtimeModule } from './realtime.module.js';
export { SocketIoAdapter } from './transports/socketio/socketio.adapter.js';
