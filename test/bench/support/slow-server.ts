/**
 * Process that sends numbered events to its clients at a fixed rate, and records their times and the treatment of slow
 * clients.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startHubServer, type HubServer } from './hub-server.js';

export interface SlowRound {
  readonly type: 'round';
  readonly events: number;
  readonly perSecond: number;
  /** Approximate size of an event, bytes. */
  readonly bytes: number;
}
export interface SlowReport {
  readonly type: 'sent';
  /** Unix milliseconds at which each event was given to the hub. */
  readonly at: Float64Array;
  /** Number of connections that were switched to `latest`, and number that were closed. */
  readonly switched: number;
  readonly evicted: number;
  /** Largest number of unsent bytes of one connection. */
  readonly mostWaiting: number;
  /** Processor time of the round, seconds. */
  readonly cpu: number;
}

/** Text directly before an event's number. */
export const NUMBER_MARK = '"data":{"n":';
const CHECK_INTERVAL_MS = 50;

async function carryOut(server: HubServer, { events, perSecond, bytes }: SlowRound): Promise<SlowReport> {
  const note = 'x'.repeat(bytes);
  const at = new Float64Array(events);
  const before = { cpu: process.cpuUsage(), ...(await server.slowConsumers()) };
  let mostWaiting = 0;
  const look = setInterval(() => {
    for (const { link } of server.hub.sessions.all()) mostWaiting = Math.max(mostWaiting, link.bufferedBytes());
  }, CHECK_INTERVAL_MS);
  const started = performance.now();
  for (let n = 0; n < events; n += 1) {
    const wait = started + (n / perSecond) * 1_000 - performance.now();
    if (wait > 0) await sleep(wait);
    at[n] = performance.timeOrigin + performance.now();
    server.publish([{ data: { n, note } }]);
  }
  clearInterval(look);
  const { user, system } = process.cpuUsage(before.cpu);
  const { latest, closed } = await server.slowConsumers();
  return {
    type: 'sent',
    at,
    switched: latest - before.latest,
    evicted: closed - before.closed,
    mostWaiting,
    cpu: (user + system) / 1e6,
  };
}

process.once('message', () => {
  void (async () => {
    const server = await startHubServer();
    process.on('message', (round: SlowRound) => void report(server, round));
    process.send?.({ type: 'ready', port: server.port });
  })();
});

async function report(server: HubServer, round: SlowRound): Promise<void> {
  process.send?.(await carryOut(server, round));
}
