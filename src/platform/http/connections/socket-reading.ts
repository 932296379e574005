import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** State that Node keeps of a connection of its HTTP server. */
interface HttpSocket extends Socket {
  /** Whether reading is paused whatever asks for more: Node would resume it at the end of every request. */
  _paused?: boolean;
  parser?: {
    pause?: () => void;
    resume?: () => void;
    /** Gets a request and says what follows it. */
    onIncoming?: (request: IncomingMessage) => number;
  } | null;
}

/** Answer of `onIncoming` for an upgrade. */
const SKIP_REST = 2;

/** Connections that are not read any more. */
const stopped = new WeakSet<Socket>();

/** Pauses reading a connection until `resumeReading`. What it has sent stays in the system's buffers. */
export function pauseReading(socket: HttpSocket): void {
  socket._paused = true;
  socket.pause();
}

/** Reads a connection on, as Node does after it paused by itself. An upgraded one waits for its new owner. */
export function resumeReading(socket: HttpSocket): void {
  // Node reads on once the client has taken its answers.
  if (socket.destroyed || stopped.has(socket) || socket.writableNeedDrain) return;
  socket._paused = false;
  socket.parser?.resume?.();
  if (socket.readableFlowing === null) socket._read(0);
  else socket.resume();
}

/**
 * Stops taking requests of a connection, for good. Node's parser goes over the rest of what it was given as over the bytes after
 * an upgrade: as requests they would cost 20 us each, and are thousands.
 */
export function stopRequests(socket: HttpSocket): void {
  if (socket.parser) socket.parser.onIncoming = () => SKIP_REST;
  stop(socket);
}

/** Stops the body of a connection that ends, in the middle of what was read: the rest may be thousands of chunks. */
export function stopBody(socket: HttpSocket): void {
  socket.parser?.pause?.();
  stop(socket);
}

function stop(socket: HttpSocket): void {
  stopped.add(socket);
  pauseReading(socket);
}
