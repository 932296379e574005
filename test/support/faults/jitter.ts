import type { ResumingClient } from '../clients/resuming-client.js';

/**
 * Disconnects every client for `disconnectedMs` once in every `everyMs`, as mobile networks do, evenly spread over time.
 * Returns a function that ends this; clients that are disconnected then still reconnect.
 */
export function startJitter(
  clients: readonly ResumingClient[],
  { disconnectedMs, everyMs }: { disconnectedMs: number; everyMs: number },
): () => void {
  const timers = clients.map((client, n) => {
    const turn = (): void => {
      client.leave(disconnectedMs);
      timers[n] = setTimeout(turn, everyMs);
    };
    return setTimeout(turn, (everyMs * n) / clients.length);
  });
  return () => timers.forEach(clearTimeout);
}
