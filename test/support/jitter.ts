import type { ResumingClient } from './resuming-client.js';

/**
 * Cuts every client for `awayMs` once in `everyMs`, as mobile networks do; their turns are spread evenly. Returns what ends
 * it: clients that are away then still come back.
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
