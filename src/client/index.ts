/** Typed client of the realtime API: `connect`, `subscribe`, and everything in between is kept complete. */
export { connect, type Client, type ConnectOptions, type Notices, type SubscribeOptions } from './client.js';
export { ClientError } from './client-error.js';
export { Connection, type ConnectionOptions, type ConnectionOwner, type State } from './connection.js';
export { isEvent } from './events.js';
export type {
  DefiEvent,
  EventFields,
  EventType,
  Gap,
  GapReason,
  QueryChange,
  QueryResult,
  QueryRow,
  Recovered,
  Snapshot,
  SnapshotItem,
  StreamMessage,
} from './events.js';
export type { Ask, Channel, EventFilter, Filter, QueryFilter } from './filter.js';
export type { PositionStore } from './positions.js';
export type { FetchLike, SocketClass } from './runtime.js';
export type { Answer, Handler, Subscription } from './subscription.js';
export type { Requester, Wire, WireSink } from './wire.js';
