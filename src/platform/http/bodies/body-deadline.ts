import type { IncomingMessage, Server } from 'node:http';

/** Time limit of a whole body, ms. */
const BODY_TIMEOUT_MS = 30_000;
/** Longest pause in a body that may last, ms. */
const IDLE_TIMEOUT_MS = 300_000;

interface Deadline {
  idleMs: number;
  timer: NodeJS.Timeout;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/**
 * Ends requests whose body is not complete in time. Replaces Node's own limit, which has no exception for bodies that may last
 * (`mayLast`). The time limit of headers stays Node's.
 */
export function bodyDeadlines(server: Server, bodyMs = BODY_TIMEOUT_MS, idleMs = IDLE_TIMEOUT_MS): void {
  server.requestTimeout = 0;
  server.prependListener('request', (request: IncomingMessage) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (length === undefined && encoding === undefined) return;
    const timer = setTimeout(() => request.complete || request.destroy(), bodyMs).unref();
    deadlines.set(request, { idleMs, timer });
    request.once('close', () => clearTimeout(timer));
  });
}

/** Lifts the time limit of this request's body; only the pause between its chunks is limited. */
export function mayLast(request: IncomingMessage): void {
  const deadline = deadlines.get(request);
  if (deadline === undefined) return;
  clearTimeout(deadline.timer);
  request.setTimeout(deadline.idleMs, () => request.destroy());
}
