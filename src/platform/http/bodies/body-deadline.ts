import type { IncomingMessage, Server } from 'node:http';

/** A whole body has come by then, ms. */
const BODY_TIMEOUT_MS = 30_000;
/** A body that is meant to last may pause for so long, ms. */
const IDLE_TIMEOUT_MS = 300_000;

interface Deadline {
  idleMs: number;
  timer: NodeJS.Timeout;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/**
 * Ends requests whose body is not complete in time. Node does that too, but knows no exception for bodies that are meant
 * to last (`mayLast`), so this takes its place. How long headers may take stays Node's to watch.
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

/** The body of this request may take any time, as long as something of it comes again and again. */
export function mayLast(request: IncomingMessage): void {
  const deadline = deadlines.get(request);
  if (deadline === undefined) return;
  clearTimeout(deadline.timer);
  request.setTimeout(deadline.idleMs, () => request.destroy());
}
