import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** State that Node keeps of a connection of its HTTP server. */
interface HttpSocket extends Socket {
  /** Whether Node has paused reading because answers wait to be taken. */
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

/** Connections that are not read for now. */
const held = new WeakSet<Socket>();
/** Connections that are not read any more. */
const stopped = new WeakSet<Socket>();

/**
 * Pauses reading a connection until `resumeReading`, whatever else asks for more: Node reads on after each request and whenever
 * a client has taken its answers. What the connection has sent stays in the system's buffers.
 */
export function pauseReading(socket: HttpSocket): void {
  if (held.has(socket)) return;
  let pausedByNode = socket._paused;
  held.add(socket);
  // Node asks before it reads, also where it decided to read a moment ago, and keeps its own decision.
  Object.defineProperty(socket, '_paused', {
    configurable: true,
    get: () => held.has(socket) || pausedByNode,
    set: (value: boolean | undefined) => {
      pausedByNode = value;
    },
  });
  socket.resume = () => socket;
  socket.pause();
}

/** Reads a connection on, unless Node has paused it by itself. An upgraded one waits for its new owner. */
export function resumeReading(socket: HttpSocket): void {
  if (stopped.has(socket) || !held.delete(socket)) return;
  const { _paused } = socket;
  Object.defineProperty(socket, '_paused', { configurable: true, writable: true, value: _paused });
  Reflect.deleteProperty(socket, 'resume');
  // Node reads on once the client has taken its answers.
  if (socket.destroyed || _paused) return;
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
