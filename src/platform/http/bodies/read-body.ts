import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { DomainError } from '../../errors/domain-error.js';
import type { BodyLimit } from './body-limit.js';
import { askForBody } from './expected-bodies.js';
import { parseJson } from './parse-json.js';

const UNPACKERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
]);

/** Whether a request declares a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;
}

/** Returns the declared length of the body in bytes; Infinity if the length is not declared. */
export function declaredLength({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity;
}

/** Reads and parses a JSON body within the limit. Callers must be identified and authorised before this call. */
export async function readJson(request: IncomingMessage, response: ServerResponse, limit: BodyLimit): Promise<unknown> {
  const charset = /;\s*charset\s*=\s*"?([^\s";]{1,40})/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new DomainError('invalid_request', 'The charset is not supported; send UTF-8.');
  }
  const declared = declaredLength(request);
  if (declared > limit.received && declared !== Infinity) throw tooLarge(limit.received);
  const chunks: Buffer[] = [];
  for await (const chunk of unpackedBody(request, response, limit)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return bytes.length === 0 ? {} : parseJson(bytes);
}

/**
 * Yields the decompressed bytes of a body, up to the limit. Decompression runs in other threads, as fast as the bytes are
 * consumed. If the consumer stops early, the rest of the body stays unread.
 */
export async function* unpackedBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: BodyLimit,
): AsyncGenerator<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const unpacker = UNPACKERS.get(encoding);
  if (encoding !== 'identity' && unpacker === undefined) {
    throw new DomainError('invalid_request', 'The content encoding is not supported; use gzip, deflate, br or none.');
  }
  askForBody(request, response);
  const received = bounded(bytesOf(request), limit.received);
  if (unpacker === undefined) yield* received;
  else yield* bounded(unpacked(received, unpacker()), limit.unpacked);
}

async function* bytesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    // `destroyOnReturn: false`: destroying the request would close the connection before the answer is sent.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      yield chunk as Buffer;
      // Node delivers each chunk of a body separately, and each pass of this loop takes 10 us. After a turn of the event
      // loop, all chunks of one socket read arrive joined.
      if (!request.complete) await setImmediate();
    }
  } catch (cause) {
    throw new DomainError('invalid_request', 'The request body ended early.', { cause });
  }
}

/** Yields chunks; throws once they have more bytes than the limit. */
async function* bounded(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > limit) throw tooLarge(limit);
    yield chunk;
  }
}

async function* unpacked(source: AsyncIterable<Buffer>, unpacker: Transform): AsyncGenerator<Buffer> {
  // Errors of the pipeline are thrown by the iteration of `unpacker`.
  pipeline(source, unpacker).catch(() => {});
  try {
    yield* unpacker;
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    throw new DomainError('invalid_request', 'The request body is not compressed as Content-Encoding declares.', {
      cause,
    });
  }
}

function tooLarge(limit: number): DomainError {
  return new DomainError(
    'payload_too_large',
    `The request body is larger than this route accepts (${limit} bytes); send it in parts.`,
  );
}
