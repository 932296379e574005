import { ConnectionAdmission } from './admission/connection-admission.js';
import { Bans } from './admission/bans.js';
import { DatabaseProbe } from './admission/database-probe.js';
import { ReturningKeys } from './admission/returning-keys.js';
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
