import { RealtimeHub, type HubParts } from '../../../src/realtime/core/hub.js';
import { parseSubscribe } from '../../../src/realtime/core/request/parse-socketio.js';
import { caller, MemoryLog, NO_QUERIES, NOTHING_PUBLISHED, RecordingLink } from './realtime-parts.js';

/** A hub over a log in memory, on a clock that the test moves. */
export function startHub(parts: Partial<HubParts> = {}) {
  const clock = { now: 1_000_000 };
  const log = new MemoryLog(10_000);
  const reports: string[] = [];
  const hub = new RealtimeHub({
    recent: log,
    stored: log,
    published: NOTHING_PUBLISHED,
    queries: NO_QUERIES,
    now: () => clock.now,
    observer: {
      routed: () => {},
      replayed: (outcome) => reports.push(outcome),
      replaying: () => undefined,
      slowConsumer: (step) => reports.push(step),
      failed: ({ seq }) => reports.push(`failed ${seq}`),
    },
    ...parts,
  });
  log.subscribe((events) => hub.deliver(events));
  const open = (as = caller()) => {
    const link = new RecordingLink();
    const session = hub.open(link, { caller: as, address: '127.0.0.1', userAgent: 'test' });
    /** Subscribes with a body in the form of a Socket.IO client. */
    const subscribe = (body: unknown) => {
      const { requests, options } = parseSubscribe(body);
      return session.subscribe(requests, options);
    };
    return { link, session, subscribe };
  };
  const pass = (ms: number) => {
    for (let step = 0; step < ms; step += 100) hub.tick((clock.now += 100));
  };
  return { hub, log, clock, reports, open, pass };
}
