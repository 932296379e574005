import { describe, expect, it } from 'vitest';
import { upgradeTarget } from './upgrade-paths.js';

describe('`upgradeTarget`', () => {
  it.each(['/', '/ws', '/ws/', '/v1/realtime', '/v2/realtime', '/?apiKey=x', '/ws?since=/socket.io/', '/ws#x'])(
    'assigns %s to the plain WebSocket API',
    (url) => expect(upgradeTarget(url)).toBe('websocket'),
  );

  it.each(['/socket.io/', '/socket.io/?EIO=4&transport=websocket', '/socket.io/x'])(
    'assigns %s to Socket.IO',
    (url) => {
      expect(upgradeTarget(url)).toBe('socketio');
    },
  );

  it.each([
    undefined,
    '',
    '//ws',
    '/ws/x',
    '/WS',
    '/v3/realtime',
    '/socket.iox',
    '/socket.io',
    '/socket.io?EIO=4&transport=websocket',
    '*',
    'http://h/ws',
    '/%77s',
    '/../ws',
  ])('returns `unknown` for %s', (url) => expect(upgradeTarget(url)).toBe('unknown'));
});
