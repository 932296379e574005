import type { IncomingMessage } from 'node:http';

/** Chunks that a body may have whatever their size: what a client writes letter by letter is short. */
const FREE_CHUNKS = 8_192;
/** Beyond these a chunk has so many bytes at least, taken together. */
const MIN_CHUNK_BYTES = 16;

/**
 * Ends the connection of a request whose body comes in thousands of tiny chunks: each costs the loop as much as a thousand
 * bytes do, and it is read before anybody knows whose it is.
 */
export function boundChunks(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  let [chunks, bytes, isEnded] = [0, 0, false];
  const push = request.push.bind(request) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    // The parser goes through what it was given, thousands of chunks more.
    if (isEnded) return false;
    chunks += 1;
    bytes += chunk?.length ?? 0;
    if (chunks <= FREE_CHUNKS + bytes / MIN_CHUNK_BYTES) return push(chunk, encoding);
    isEnded = true;
    request.destroy();
    return false;
  };
}
