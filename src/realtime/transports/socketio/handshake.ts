import type { Socket } from 'socket.io';
import { secretFromHandshake, type Credentials } from '../../../access/index.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import { clientAddress } from '../../../platform/request/client-address.js';

/** Returns the credentials of the handshake: `auth.apiKey`, else the header, else the query. */
export function credentialsOf(socket: Socket, trustedProxies: number): Credentials {
  const address = clientAddress(socket.request, trustedProxies);
  return { secret: secretFromHandshake(socket.handshake), transport: 'socketio', address };
}

/** Headers and parameters with secrets. */
const SECRETS = new Set(['authorization', 'x-api-key', 'cookie', 'apiKey']);

/**
 * Removes secrets from an admitted client's handshake: they are no longer needed, and processes that fetch its socket receive
 * the handshake. Headers and query are replaced, not emptied: another namespace of the same connection still needs them.
 */
export function forgetSecrets({ handshake }: Socket): void {
  handshake.auth = {};
  handshake.headers = withoutSecrets(handshake.headers);
  handshake.query = withoutSecrets(handshake.query);
  handshake.url = handshake.url.split('?', 1).join('');
}

function withoutSecrets<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !SECRETS.has(name))) as T;
}

export function userAgentOf({ handshake }: Socket): string | undefined {
  return handshake.headers['user-agent']?.slice(0, 512);
}

/** Refusal as socket.io-client shows it: `connect_error` with the code as message and everything else in `data`. */
export class Refusal extends Error {
  readonly data: ReturnType<DomainError['toSocket']>;

  constructor(error: DomainError) {
    super(error.code);
    this.data = error.toSocket();
  }
}
