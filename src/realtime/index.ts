export {
  LiveQueryRunner,
  type LiveQueryBody,
  type LiveQueryHandle,
  type LiveQueryOptions,
  type LiveQuerySink,
} from './core/session/live-queries.js';
export { SharedMessage } from './core/wire/shared-message.js';
export { Drain } from './drain.js';
export { RealtimeModule } from './realtime.module.js';
export { SocketIoAdapter } from './transports/socketio/socketio.adapter.js';
