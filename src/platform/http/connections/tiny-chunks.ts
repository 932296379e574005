import type { IncomingMessage } from 'node:http';
import { threadCpuMs } from '../../loop/thread-cpu.js';
import { chargeChunks } from './entrance.js';
import { addressOf, chargeReading } from './peers.js';
import { stopBody } from './socket-reading.js';

/** Chunks that a body may have whatever their size: input typed letter by letter is short. */
const FREE_CHUNKS = 8_192;
/** Least mean size of the chunks beyond these, bytes. */
const MIN_CHUNK_BYTES = 16;
/** Tiny chunks that are charged to the address at once. */
const PORTION = 256;
/**
 * Processor time that the tiny chunks of a request may take in one turn of the loop, ms: 8,000 take 11 in a young process, and
 * 400 in the heap that a flood of connections leaves, since each is an allocation.
 */
const MAX_TURN_MS = 40;

/**
 * Ends the connection of a request whose body comes in thousands of tiny chunks, or whose address has sent too many of them in
 * other requests: each costs the loop as much as a thousand bytes do, and is read before its caller is known. Behind a proxy
 * the address is the proxy's, and is not charged.
 */
export function boundChunks(request: IncomingMessage, isOwnAddress: boolean): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  const address = isOwnAddress ? addressOf(request.socket) : undefined;
  let [chunks, bytes, tiny, isEnded] = [0, 0, 0, false];
  const turn = new TurnCost();
  // Node would discard what follows the answer uncounted; it costs the loop as much.
  Object.assign(request, { _dump: () => request.resume() });
  const push = request.push.bind(request) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    const length = chunk?.length ?? MIN_CHUNK_BYTES;
    // Other chunks of the same read may still arrive.
    if (isEnded) return false;
    if (length < MIN_CHUNK_BYTES) {
      tiny += 1;
      turn.begin();
    }
    const isPaid = tiny % PORTION !== 0 || length >= MIN_CHUNK_BYTES || pay(request, address, turn);
    chunks += 1;
    bytes += length;
    if (isPaid && chunks <= FREE_CHUNKS + bytes / MIN_CHUNK_BYTES) return push(chunk, encoding);
    isEnded = true;
    stopBody(request.socket);
    request.destroy();
    return false;
  };
}

/** Charges a portion of tiny chunks; false: too many, or too costly in this turn. */
function pay({ socket }: IncomingMessage, address: string | undefined, turn: TurnCost): boolean {
  const { lastMs, ms } = turn.measure();
  if (address === undefined) return ms <= MAX_TURN_MS;
  chargeReading(socket, 'chunk', PORTION, lastMs);
  return chargeChunks(address, PORTION) && ms <= MAX_TURN_MS;
}

/** Processor time of the loop since the first chunk of this turn. */
class TurnCost {
  private begun: number | undefined;
  private measured = 0;

  begin(): void {
    if (this.begun !== undefined) return;
    this.begun = this.measured = threadCpuMs();
    setImmediate(() => (this.begun = undefined));
  }

  /** Returns the time since the turn's first chunk, and since the last measurement, ms. */
  measure(): { ms: number; lastMs: number } {
    const now = threadCpuMs();
    const lastMs = now - this.measured;
    this.measured = now;
    return { ms: now - (this.begun ?? now), lastMs };
  }
}
