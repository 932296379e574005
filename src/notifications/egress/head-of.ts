import type { Dispatcher } from 'undici';

/** Maximum number of bytes of a response body that are read. */
const MAX_HEAD_BYTES = 4_096;

/**
 * Reads the beginning of a body. A body that is aborted, slow or endless does not change the outcome, because the status
 * is already known.
 */
export async function headOf({ body }: Dispatcher.ResponseData, timeoutMs: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const limit = setTimeout(() => body.destroy(), timeoutMs);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_HEAD_BYTES) break; // ends the stream, which closes the connection
    }
  } catch {
    // The part received so far is returned.
  } finally {
    clearTimeout(limit);
  }
  return Buffer.concat(chunks).subarray(0, MAX_HEAD_BYTES).toString('utf8');
}
