import type { IncomingMessage } from 'node:http';

const MAX_USER_AGENT_LENGTH = 256;

/** Returns the query of a request target, whatever the client wrote there. */
export function queryOf(url: string | undefined): URLSearchParams {
  return new URLSearchParams(/\?([^#]*)/.exec(url ?? '')?.[1] ?? '');
}

export function userAgentOf(request: IncomingMessage): string | undefined {
  return request.headers['user-agent']?.slice(0, MAX_USER_AGENT_LENGTH);
}
