/** Process that receives webhooks, answers 200 and records their arrival. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Handed {
  readonly type: 'handed';
  /** For each message in order of arrival: its path, its id, and Unix milliseconds. */
  readonly paths: readonly string[];
  readonly ids: readonly string[];
  readonly at: Float64Array;
}

let paths: string[] = [];
let ids: string[] = [];
let at: number[] = [];

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    paths.push(request.url ?? '');
    ids.push(String(request.headers['webhook-id']));
    at.push(performance.timeOrigin + performance.now());
    response.end('ok');
  });
});

process.on('message', (message: { type: 'count' | 'take' } | { listen: true }) => {
  if ('listen' in message) {
    server.listen(0, '127.0.0.1', () => {
      process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port });
    });
  } else if (message.type === 'count') {
    process.send?.({ type: 'counted', count: paths.length });
  } else {
    const handed: Handed = { type: 'handed', paths, ids, at: Float64Array.from(at) };
    process.send?.(handed);
    [paths, ids, at] = [[], [], []];
  }
});
