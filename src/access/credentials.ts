import type { IncomingHttpHeaders } from 'node:http';

/** Parts of a request or handshake that can contain a key. */
interface RequestParts {
  headers: IncomingHttpHeaders;
  /** Parsed query parameters. */
  query?: Readonly<Record<string, unknown>>;
}

/** Returns the key or token of an `Authorization: Bearer` header. */
export function secretFromHeaders(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer[ \t]+(\S+)[ \t]*$/i.exec(headers.authorization ?? '')?.[1];
}

/**
 * Returns the secret from the `Authorization` header; without one, from `?apiKey=`, which EventSource and browsers'
 * WebSocket need because they cannot send headers.
 */
export function secretFromRequest({ headers, query }: RequestParts): string | undefined {
  return secretFromHeaders(headers) ?? text(query?.['apiKey']);
}

/**
 * Returns the secret of a Socket.IO handshake, from the first of `auth.apiKey`, the `Authorization` header and the query
 * parameter `apiKey` that is present.
 */
export function secretFromHandshake(handshake: RequestParts & { auth?: unknown }): string | undefined {
  const auth = handshake.auth;
  const given = typeof auth === 'object' && auth !== null && 'apiKey' in auth ? text(auth.apiKey) : undefined;
  return given ?? secretFromRequest(handshake);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
