import type { IncomingMessage } from 'node:http';
import { chargeChunks } from './entrance.js';
import { addressOf } from './peers.js';

/** Chunks that a body may have whatever their size: what a client writes letter by letter is short. */
const FREE_CHUNKS = 8_192;
/** Beyond these a chunk has so many bytes at least, taken together. */
const MIN_CHUNK_BYTES = 16;
/** Tiny chunks that are counted against the address in one go. */
const PORTION = 256;

/**
 * Ends the connection of a request whose body comes in thousands of tiny chunks, or whose address has sent too many of them
 * in other requests: each costs the loop as much as a thousand bytes do, and it is read before anybody knows whose it is.
 * Behind a proxy the address is the proxy's, and is not counted against.
 */
export function boundChunks(request: IncomingMessage, isOwnAddress: boolean): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  const address = isOwnAddress ? addressOf(request.socket) : undefined;
  let [chunks, bytes, tiny, isEnded] = [0, 0, 0, false];
  const push = request.push.bind(request) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    const length = chunk?.length ?? MIN_CHUNK_BYTES;
    if (length < MIN_CHUNK_BYTES) tiny += 1;
    const isPaid =
      tiny % PORTION !== 0 || length >= MIN_CHUNK_BYTES || address === undefined || chargeChunks(address, PORTION);
    // The parser goes through what it was given, thousands of chunks more.
    if (isEnded) return false;
    chunks += 1;
    bytes += length;
    if (isPaid && chunks <= FREE_CHUNKS + bytes / MIN_CHUNK_BYTES) return push(chunk, encoding);
    isEnded = true;
    request.destroy();
    return false;
  };
}
