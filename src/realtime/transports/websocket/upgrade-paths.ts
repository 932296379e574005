/** Where an upgrade request belongs, by its path. */
export type UpgradeTarget = 'websocket' | 'socketio' | 'unknown';

const WEBSOCKET_PATHS: ReadonlySet<string> = new Set(['/', '/ws', '/v1/realtime', '/v2/realtime']);

/** `url` is the request line's target as the client wrote it: anything, also something that is no address at all. */
export function upgradeTarget(url: string | undefined): UpgradeTarget {
  const path = /^[^?#]*/.exec(url ?? '')?.[0] ?? '';
  // Its engine takes nothing without the slash, and what it leaves would wait for an answer for ever.
  if (path.startsWith('/socket.io/')) return 'socketio';
  const withoutSlash = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return WEBSOCKET_PATHS.has(withoutSlash) ? 'websocket' : 'unknown';
}
