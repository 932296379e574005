import type { IncomingMessage, Server } from 'node:http';

/** Time within which a body must be complete, ms. */
const BODY_TIMEOUT_MS = 30_000;
/** Longest pause between chunks of a body that has no time limit (`mayLast`), ms. */
const IDLE_TIMEOUT_MS = 300_000;

interface Deadline {
  idleMs: number;
  timer: NodeJS.Timeout;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/**
 * Closes the connection of a request whose body is not complete in time. Replaces Node's `requestTimeout`, which cannot
 * exempt single requests (`mayLast`); Node's limit for headers stays.
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

/** Removes the time limit of this request's body; only the pause between two chunks stays limited. */
export function mayLast(request: IncomingMessage): void {
  const deadline = deadlines.get(request);
  if (deadline === undefined) return;
  clearTimeout(deadline.timer);
  request.setTimeout(deadline.idleMs, () => request.destroy());
}
