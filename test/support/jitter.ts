import type { ResumingClient } from './resuming-client.js';

/**
 * Disconnects every client for `awayMs` once in every `everyMs`, as mobile networks do, evenly spread over time. Returns
 * a function that ends this; clients that are disconnected then still reconnect.
 */
export function startJitter(
  clients: readonly ResumingClient[],
  { awayMs, everyMs }: { awayMs: number; everyMs: number },
): () => void {
  const timers = clients.map((client, n) => {
    const turn = (): void => {
      client.leave(awayMs);
      timers[n] = setTimeout(turn, everyMs);
    };
    return setTimeout(turn, (everyMs * n) / clients.length);
  });
  return () => timers.forEach(clearTimeout);
}
