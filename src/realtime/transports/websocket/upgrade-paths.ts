/** Where an upgrade request belongs, by its path. */
export type UpgradeTarget = 'websocket' | 'socketio' | 'unknown';

/** Paths that mean nothing but the plain WebSocket API. */
export const WEBSOCKET_ONLY_PATHS = ['/ws', '/v1/realtime', '/v2/realtime'] as const;
/** `/` is the console's, too. */
const WEBSOCKET_PATHS: ReadonlySet<string> = new Set(['/', ...WEBSOCKET_ONLY_PATHS]);

/** The path of a request line's target as the client wrote it: anything, also something that is no address at all. */
export function pathOf(url: string | undefined): string {
  return /^[^?#]*/.exec(url ?? '')?.[0] ?? '';
}

/** `url` as for `pathOf`. */
export function upgradeTarget(url: string | undefined): UpgradeTarget {
  const path = pathOf(url);
  // Its engine takes nothing without the slash, and what it leaves would wait for an answer for ever.
  if (path.startsWith('/socket.io/')) return 'socketio';
  const withoutSlash = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return WEBSOCKET_PATHS.has(withoutSlash) ? 'websocket' : 'unknown';
}
