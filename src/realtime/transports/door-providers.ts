import { ConnectionAdmission } from './connection-admission.js';
import { Bans } from './bans.js';
import { DatabaseProbe } from './database-probe.js';
import { ReturningKeys } from './returning-keys.js';
import { Doorstep } from './socketio/doorstep.js';
import { SocketIoEntry } from './socketio/entry.js';
import { SocketIoGateway } from './socketio/socketio.gateway.js';

/** Providers of the admission of Socket.IO clients, for the module, tests and benches. */
export const DOOR_PROVIDERS = [
  ReturningKeys,
  Bans,
  DatabaseProbe,
  ConnectionAdmission,
  Doorstep,
  SocketIoEntry,
  SocketIoGateway,
] as const;
