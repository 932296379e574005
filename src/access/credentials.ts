import type { IncomingHttpHeaders } from 'node:http';

/** Parts of a request or handshake that can hold a key. */
export interface RequestParts {
  headers: IncomingHttpHeaders;
  /** Parsed query of the address. */
  query?: Readonly<Record<string, unknown>>;
}

/** Returns the key or token of an `Authorization: Bearer` header. */
export function secretFromHeaders(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer[ \t]+(\S+)[ \t]*$/i.exec(headers.authorization ?? '')?.[1];
}

/**
 * Returns the secret of the header, else of `?apiKey=`: for EventSource, which cannot send headers, and for plain WebSocket.
 */
export function secretFromRequest({ headers, query }: RequestParts): string | undefined {
  return secretFromHeaders(headers) ?? text(query?.['apiKey']);
}

/** Returns the secret of a Socket.IO handshake: `auth.apiKey`, else the header, else `apiKey` of its query. */
export function secretFromHandshake(handshake: RequestParts & { auth?: unknown }): string | undefined {
  const auth = handshake.auth;
  const given = typeof auth === 'object' && auth !== null && 'apiKey' in auth ? text(auth.apiKey) : undefined;
  return given ?? secretFromRequest(handshake);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
