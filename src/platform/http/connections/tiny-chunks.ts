import type { IncomingMessage } from 'node:http';
import { threadCpuMs } from '../../loop/thread-cpu.js';
import { chargeChunks } from './entrance.js';
import { addressOf, chargeReading, isCrowded } from './address-turns.js';
import { stopBody } from './socket-reading.js';

/** Bounds of the chunks of a body: it may have `free` chunks of any size; each further one needs `meanBytes` of body. */
interface ChunkBounds {
  readonly free: number;
  readonly meanBytes: number;
}
/** Input typed letter by letter is short. */
const BEGUN_BOUNDS: ChunkBounds = { free: 8_192, meanBytes: 16 };
/** Bounds of a request that waits in a crowd for its turn: the cost of a body that nobody may want delays those behind it. */
const CROWD_BOUNDS: ChunkBounds = { free: 128, meanBytes: 256 };
/** Size below which a chunk counts as tiny and is charged to the client's address, bytes. */
const TINY_BYTES = 16;
/** Size below which a chunk counts as small, bytes: it costs more than its bytes, so its processor time is measured. */
const SMALL_BYTES = 256;
/** Time for which a connection is kept unread before it is cut, ms: a sender that is cut at once connects again at once. */
const CUT_DELAY_MS = 1_000;
/** Number of small chunks of a body after which they are charged to the client's address, together. */
const CHUNKS_PER_CHARGE = 64;
/**
 * Processor time that the small chunks of a request may take in one turn of the event loop, ms: 8,000 chunks take 11 ms in a
 * young process, and 400 ms in the heap that a flood of connections leaves, since each is an allocation.
 */
const MAX_TURN_MS = 40;

const begun = new WeakSet<IncomingMessage>();
/** Requests whose connection is about to be cut. */
const cut = new WeakSet<IncomingMessage>();

/** Notes that a request has begun. Returns false if its connection is about to be cut. */
export function noteBegun(request: IncomingMessage): boolean {
  begun.add(request);
  return !cut.has(request);
}

/**
 * Ends the connection of a request whose body comes in thousands of tiny chunks, or whose address has sent too many of them in
 * other requests: each costs the loop as much as a thousand bytes do, and is read before its caller is known. Behind a proxy
 * the address is the proxy's, and is not charged.
 */
export function boundChunks(request: IncomingMessage, isOwnAddress: boolean): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  const address = isOwnAddress ? addressOf(request.socket) : undefined;
  const counted = new ChunkCount();
  let isEnded = false;
  // After the answer, Node would discard the rest of the body without counting it; reading the rest costs the loop as much.
  Object.assign(request, { _dump: () => request.resume() });
  const push = request.push.bind(request) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    // Other chunks of the same read may still arrive.
    if (isEnded) return false;
    if (chunk === null) return push(chunk);
    counted.add(chunk.length);
    const isPaid = !counted.isPortion || pay(request, address, counted);
    if (isPaid && counted.isWithin(begun.has(request) || !isCrowded() ? BEGUN_BOUNDS : CROWD_BOUNDS))
      return push(chunk, encoding);
    isEnded = true;
    cut.add(request);
    stopBody(request.socket);
    setTimeout(() => request.destroy(), CUT_DELAY_MS).unref();
    return false;
  };
}

/**
 * Charges the small chunks since the last call, and their processor time, to the client's address. Returns false if the address
 * has sent too many tiny chunks, or if this body's chunks took too much processor time in this turn of the event loop.
 */
function pay({ socket }: IncomingMessage, address: string | undefined, counted: ChunkCount): boolean {
  const { lastMs, ms } = counted.turn.measure();
  if (address === undefined) return ms <= MAX_TURN_MS;
  chargeReading(socket, 'chunks', lastMs);
  return chargeChunks(address, counted.takeTiny()) && ms <= MAX_TURN_MS;
}

/** Chunks of one body. */
class ChunkCount {
  readonly turn = new TurnCost();
  private chunks = 0;
  private bytes = 0;
  private small = 0;
  private tiny = 0;

  /** Whether the last chunk completed a portion of `CHUNKS_PER_CHARGE` small chunks. */
  isPortion = false;

  add(length: number): void {
    this.chunks += 1;
    this.bytes += length;
    this.isPortion = false;
    if (length >= SMALL_BYTES) return;
    this.turn.begin();
    this.small += 1;
    if (length < TINY_BYTES) this.tiny += 1;
    this.isPortion = this.small % CHUNKS_PER_CHARGE === 0;
  }

  /** Returns the number of tiny chunks since the last call. */
  takeTiny(): number {
    const { tiny } = this;
    this.tiny = 0;
    return tiny;
  }

  isWithin({ free, meanBytes }: ChunkBounds): boolean {
    return this.chunks <= free + this.bytes / meanBytes;
  }
}

/** Processor time of the event loop since the first chunk of this event-loop turn. */
class TurnCost {
  private begun: number | undefined;
  private measured = 0;

  begin(): void {
    if (this.begun !== undefined) return;
    this.begun = this.measured = threadCpuMs();
    setImmediate(() => (this.begun = undefined));
  }

  /** Returns the processor time since the first chunk of this event-loop turn, and since the last measurement, ms. */
  measure(): { ms: number; lastMs: number } {
    const now = threadCpuMs();
    const lastMs = now - this.measured;
    this.measured = now;
    return { ms: now - (this.begun ?? now), lastMs };
  }
}
