import type { IncomingMessage } from 'node:http';
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
 * Ends the connection of a request whose body comes in thousands of tiny chunks, or whose address has sent too many of them in
 * other requests: each costs the loop as much as a thousand bytes do, and is read before its caller is known. Behind a proxy
 * the address is the proxy's, and is not charged.
 */
export function boundChunks(request: IncomingMessage, isOwnAddress: boolean): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  const address = isOwnAddress ? addressOf(request.socket) : undefined;
  let [chunks, bytes, tiny, isEnded] = [0, 0, 0, false];
  const push = request.push.bind(request) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    const length = chunk?.length ?? MIN_CHUNK_BYTES;
    if (length < MIN_CHUNK_BYTES) tiny += 1;
    const isPaid = tiny % PORTION !== 0 || length >= MIN_CHUNK_BYTES || address === undefined || pay(request, address);
    // Other chunks of the same read may still arrive.
    if (isEnded) return false;
    chunks += 1;
    bytes += length;
    if (isPaid && chunks <= FREE_CHUNKS + bytes / MIN_CHUNK_BYTES) return push(chunk, encoding);
    isEnded = true;
    stopBody(request.socket);
    request.destroy();
    return false;
  };
}

function pay({ socket }: IncomingMessage, address: string): boolean {
  chargeReading(socket, 'chunk', PORTION);
  return chargeChunks(address, PORTION);
}
