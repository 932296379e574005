import { connect, type Socket } from 'node:net';

/** Time after which the next address is tried in parallel, ms. */
const HEAD_START_DELAY_MS = 100;
const MAX_ADDRESSES = 8;

/**
 * Connects to the address that responds first; the other connections are closed. Fails if all addresses fail, or after
 * `timeoutMs`.
 */
export function fastestConnection(addresses: readonly string[], port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = addresses.slice(0, MAX_ADDRESSES);
    const trying = new Set<Socket>();
    let next: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(next);
      clearTimeout(limit);
      for (const socket of trying) socket.destroy();
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const limit = setTimeout(() => {
      fail(Object.assign(new Error('the address does not answer'), { code: 'ETIMEDOUT' }));
    }, timeoutMs);
    const tryNext = (): void => {
      clearTimeout(next);
      const host = waiting.shift();
      if (host === undefined) return;
      const socket = connect({ host, port, autoSelectFamily: false });
      trying.add(socket);
      socket.once('connect', () => {
        trying.delete(socket);
        socket.removeAllListeners('error');
        end();
        resolve(socket);
      });
      socket.once('error', (error) => {
        trying.delete(socket);
        if (waiting.length > 0) tryNext();
        else if (trying.size === 0) fail(error);
      });
      next = setTimeout(tryNext, HEAD_START_DELAY_MS);
    };
    tryNext();
  });
}
