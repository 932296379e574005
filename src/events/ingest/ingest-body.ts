import { setTimeout } from 'node:timers/promises';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { mayLast } from '../../platform/http/bodies/body-deadline.js';
import { unpackedBody } from '../../platform/http/bodies/read-body.js';
import { SlicedWork } from '../../platform/loop/slices.js';
import { BadItem } from './item-fields.js';

/** Maximum number of items in one JSON request. */
export const MAX_ITEMS = 10_000;
/** Maximum lines of a stream in memory at once, and their characters. */
const BATCH_LINES = 5_000;
const BATCH_CHARACTERS = 4_000_000;
/** Longest wait of a batch's first line for further lines, ms. */
const MAX_WAIT_MS = 50;
/** Maximum bytes of one line; also bounds the memory of a line without end. */
const MAX_LINE_BYTES = 64 * 1024;
/** Media types of one item per line. */
export const STREAM_TYPES: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
]);
/** Limits of a stream, bytes: no total, and for a packed one only a bound that even hostile packing cannot exceed. */
const STREAM_LIMIT = { received: Infinity, unpacked: 64 * 1024 * 1024 };
const NEWLINE = 0x0a;

/**
 * Yields the items of a request in batches: the `items` of a JSON body at once, or the lines of a stream (`STREAM_TYPES`) as
 * they arrive, never more than a batch in memory.
 */
export async function* itemBatches(request: Request): AsyncGenerator<readonly unknown[]> {
  if (isStream(request) && request.res !== undefined) {
    mayLast(request);
    yield* withTaken(lineBatches(unpackedBody(request, request.res, STREAM_LIMIT)));
  } else yield itemsOf(request.body);
}

/** Adds to a refusal in the midst of a stream how many lines were taken before it: they are written, and get no answer. */
export async function* withTaken(batches: AsyncIterable<readonly unknown[]>): AsyncGenerator<readonly unknown[]> {
  let taken = 0;
  try {
    for await (const batch of batches) {
      yield batch;
      taken += batch.length;
    }
  } catch (cause) {
    if (!(cause instanceof DomainError) || taken === 0) throw cause;
    throw new DomainError(cause.code, `${cause.message} The first ${taken} lines were taken; send the others.`, {
      cause,
    });
  }
}

function isStream({ headers }: Request): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  return STREAM_TYPES.has(type.trim().toLowerCase());
}

function itemsOf(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null) {
    throw invalid('Send {"items": […]} as application/json, or one item a line as application/x-ndjson.');
  }
  const items: unknown = 'items' in body ? body.items : undefined;
  const others = Object.keys(body).filter((field) => field !== 'items');
  if (!Array.isArray(items) || others.length > 0) {
    throw invalid('The body must be {"items": […]} and nothing else.', '/items');
  }
  if (items.length > MAX_ITEMS) {
    throw new DomainError(
      'limit_exceeded',
      `${items.length} items; at most ${MAX_ITEMS} fit into one request. Split it, or stream application/x-ndjson.`,
    );
  }
  return items;
}

/**
 * Yields a batch when it is full or its first line has waited long enough: lines of a slow sender do not wait for its next five
 * thousand.
 */
export async function* lineBatches(stream: AsyncIterable<Buffer>): AsyncGenerator<unknown[]> {
  const source = lines(stream);
  let batch: unknown[] = [];
  let characters = 0;
  let next = readAhead(source);
  /** One timer per batch, whatever the number of lines that race against it. */
  let quiet: Promise<undefined> | undefined;
  try {
    for (;;) {
      if (batch.length > 0) quiet ??= setTimeout(MAX_WAIT_MS, undefined, { ref: false });
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
    // After an early stop neither the sender nor the outcome of its stream is waited for (readAhead).
    void source.return(undefined);
  }
}

/**
 * Requests the next line before it is needed: a sender that disconnects while a batch is being written must not cause an
 * unhandled rejection. A later await still gets the error.
 */
function readAhead(source: AsyncGenerator<Line>): Promise<IteratorResult<Line, unknown>> {
  const next = source.next();
  next.catch(() => {});
  return next;
}

/** Text of a line, or its fault: such a line is a rejected item, and the rest goes on. */
type Line = string | BadItem;

/**
 * Yields the lines that are not empty, split by bytes: a chunk may end inside a character. Lines of large chunks are yielded in
 * slices.
 */
export async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    length += part.length;
    // Lines that are too long are not kept.
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
  `a line must have at most ${MAX_LINE_BYTES} bytes; one item stands on one line`,
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

/** Parses a line; one that is not JSON becomes an item that every kind rejects, so only this line fails. */
function parsed(line: Line): unknown {
  if (typeof line !== 'string') return line;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function invalid(message: string, pointer = ''): DomainError {
  return new DomainError('invalid_request', message, { errors: [{ pointer, code: 'invalid_body', detail: message }] });
}
