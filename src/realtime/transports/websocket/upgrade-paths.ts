/** Targets of an upgrade request, by its path. */
export type UpgradeTarget = 'websocket' | 'socketio' | 'unknown';

/** Paths of the plain WebSocket API only. */
export const WEBSOCKET_ONLY_PATHS = ['/ws', '/v1/realtime', '/v2/realtime'] as const;
/** Paths of the plain WebSocket API; over HTTP `/` is the console. */
const WEBSOCKET_PATHS: ReadonlySet<string> = new Set(['/', ...WEBSOCKET_ONLY_PATHS]);

/** Returns the path of a request target as the client wrote it, even if the target is not a valid URL. */
export function pathOf(url: string | undefined): string {
  return /^[^?#]*/.exec(url ?? '')?.[0] ?? '';
}

/** Returns the target of an upgrade; `url` as for `pathOf`. */
export function upgradeTarget(url: string | undefined): UpgradeTarget {
  const path = pathOf(url);
  // The engine of Socket.IO ignores paths without this slash, so such a request would never be answered.
  if (path.startsWith('/socket.io/')) return 'socketio';
  const withoutSlash = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return WEBSOCKET_PATHS.has(withoutSlash) ? 'websocket' : 'unknown';
}
