import { setTimeout } from 'node:timers/promises';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { mayLast } from '../../platform/http/bodies/body-deadline.js';
import { unpackedBody } from '../../platform/http/bodies/read-body.js';
import { SlicedWork } from '../../platform/loop/slices.js';
import { BadItem } from './item-fields.js';

/** Maximum number of items in one JSON request. */
const MAX_ITEMS = 10_000;
/** Maximum number of lines of a batch of a stream, and of their characters. */
const BATCH_LINES = 5_000;
const BATCH_CHARACTERS = 4_000_000;
/** Longest time that a batch waits for further lines, ms. */
const MAX_BATCH_DELAY_MS = 50;
/** Longest line, bytes; also bounds the memory for a line that never ends. */
const MAX_LINE_BYTES = 64 * 1024;
/** Media types of streams with one item per line. */
export const STREAM_TYPES: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
]);
/**
 * Limits of a stream, bytes. An uncompressed stream may have any size; a compressed one is limited after decompression, as a
 * bound for hostile compression.
 */
const STREAM_LIMIT = { received: Infinity, unpacked: 64 * 1024 * 1024 };
const NEWLINE = 0x0a;

/**
 * Yields the items of a request in batches: the `items` of a JSON body at once, or the lines of a stream (`STREAM_TYPES`) as
 * they arrive. Only one batch is in memory at a time.
 */
export async function* itemBatches(request: Request): AsyncGenerator<readonly unknown[]> {
  if (isStream(request) && request.res !== undefined) {
    mayLast(request);
    yield* withTaken(lineBatches(unpackedBody(request, request.res, STREAM_LIMIT)));
  } else yield itemsOf(request.body);
}

/**
 * Adds the number of written lines to the error of a stream that is refused midway: these lines are stored, although the
 * client gets no result for them.
 */
export async function* withTaken(batches: AsyncIterable<readonly unknown[]>): AsyncGenerator<readonly unknown[]> {
  let taken = 0;
  try {
    for await (const batch of batches) {
      yield batch;
      taken += batch.length;
    }
  } catch (cause) {
    if (!(cause instanceof DomainError) || taken === 0) throw cause;
    throw new DomainError(
      cause.code,
      `${cause.message} The first ${taken} lines were processed; send only the others again.`,
      {
        cause,
      },
    );
  }
}

function isStream({ headers }: Request): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  return STREAM_TYPES.has(type.trim().toLowerCase());
}

function itemsOf(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null) {
    throw invalid('The body must be {"items": […]} as application/json, or one item per line as application/x-ndjson.');
  }
  const items: unknown = 'items' in body ? body.items : undefined;
  const others = Object.keys(body).filter((field) => field !== 'items');
  if (!Array.isArray(items) || others.length > 0) {
    throw invalid('The body must be {"items": […]} without other fields.', '/items');
  }
  if (items.length > MAX_ITEMS) {
    throw new DomainError(
      'limit_exceeded',
      `A request must have at most ${MAX_ITEMS} items; this one has ${items.length}. Split it, or stream application/x-ndjson.`,
    );
  }
  return items;
}

/**
 * Yields a batch when it is full or `MAX_BATCH_DELAY_MS` after its first line, so that the lines of a slow sender are not
 * delayed until five thousand have arrived.
 */
export async function* lineBatches(stream: AsyncIterable<Buffer>): AsyncGenerator<unknown[]> {
  const source = lines(stream);
  let batch: unknown[] = [];
  let characters = 0;
  let next = readAhead(source);
  /** One timer per batch, not per line. */
  let quiet: Promise<undefined> | undefined;
  try {
    for (;;) {
      if (batch.length > 0) quiet ??= setTimeout(MAX_BATCH_DELAY_MS, undefined, { ref: false });
      const line = await (quiet ? Promise.race([next, quiet]) : next);
      if (line !== undefined && line.done !== true) {
        batch.push(parsed(line.value));
        characters += typeof line.value === 'string' ? line.value.length : 0;
        next = readAhead(source);
      }
      const isFull = batch.length === BATCH_LINES || characters >= BATCH_CHARACTERS;
      if (isFull || (batch.length > 0 && (line === undefined || line.done === true))) {
        yield batch;
        batch = [];
        characters = 0;
        quiet = undefined;
      }
      if (line?.done === true) return;
    }
  } finally {
    // Not awaited: after an early stop, neither the sender nor the result of its stream matters (see `readAhead`).
    void source.return(undefined);
  }
}

/**
 * Requests the next line before it is needed. The error of a sender that disconnects while a batch is being written must not
 * be an unhandled rejection; the later `await` throws it.
 */
function readAhead(source: AsyncGenerator<Line>): Promise<IteratorResult<Line, unknown>> {
  const next = source.next();
  next.catch(() => {});
  return next;
}

/** Text of a line, or its fault; a faulty line becomes a rejected item and does not end the stream. */
type Line = string | BadItem;

/**
 * Yields the non-empty lines. They are split as bytes, because a chunk may end inside a character. Lines of large chunks are
 * yielded in slices.
 */
export async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    length += part.length;
    // The text of a line that is too long is not kept in memory.
    if (length > MAX_LINE_BYTES) rest = [];
    else if (part.length > 0) rest.push(part);
  };
  const take = (): Line => {
    const line = length > MAX_LINE_BYTES ? TOO_LONG : text(Buffer.concat(rest));
    rest = [];
    length = 0;
    return line;
  };
  const slices = new SlicedWork();
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (slices.isSliceOver) await slices.nextSlice();
      const isEmpty = end === from && length === 0;
      if (!isEmpty) add(chunk.subarray(from, end));
      from = end + 1;
      if (isEmpty) continue;
      const line = take();
      if (line !== '') yield line;
    }
    add(chunk.subarray(from));
  }
  const last = take();
  if (last !== '') yield last;
}

const TOO_LONG = new BadItem(
  'too_long',
  `a line must have at most ${MAX_LINE_BYTES} bytes; send each item on one line`,
);
const NOT_UTF8 = new BadItem('invalid_format', 'a line must be UTF-8');
const utf8 = new TextDecoder('utf-8', { fatal: true });

function text(line: Buffer): Line {
  try {
    return utf8.decode(line).trim();
  } catch {
    return NOT_UTF8;
  }
}

/** Parses a line. Text that is not JSON becomes undefined, which every kind of item rejects, so only this line fails. */
function parsed(line: Line): unknown {
  if (typeof line !== 'string') return line;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function invalid(message: string, pointer = ''): DomainError {
  return inputFault('invalid_request', pointer, 'invalid_body', message);
}
