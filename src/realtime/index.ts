export { RealtimeHub } from './core/hub.js';
export type {
  LiveQueryBody,
  LiveQueryHandle,
  LiveQueryOptions,
  LiveQueryRunner,
  LiveQuerySink,
} from './core/session/live-queries.js';
export { SharedMessage } from './core/wire/shared-message.js';
export { Drain } from './drain.js';
export { RealtimeModule } from './realtime.module.js';
export { SocketIoAdapter } from './transports/socketio/socketio.adapter.js';
