import { setTimeout } from 'node:timers/promises';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { mayLast } from '../../platform/http/bodies/body-deadline.js';

/** Items of one JSON request. */
export const MOST_ITEMS = 10_000;
/** Lines of a stream that are written with one statement. */
const BATCH_LINES = 5_000;
/** The first line of a batch waits no longer than this for the others, ms. */
const LONGEST_WAIT_MS = 50;
/** Bytes of one line; also bounds what a line without end can take up. */
const LONGEST_LINE = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * The items of a request, in batches: the `items` of a JSON body at once, or the lines of an `application/x-ndjson` body as
 * they come in, never more than a batch in memory.
 */
export async function* itemBatches(request: Request): AsyncGenerator<readonly unknown[]> {
  if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity') {
    if (request.body === undefined) throw invalid('A stream must not be compressed (Content-Encoding).');
  }
  if (request.is('application/x-ndjson')) {
    mayLast(request);
    yield* lineBatches(request);
  } else yield itemsOf(request.body);
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
  if (items.length > MOST_ITEMS) {
    throw new DomainError(
      'limit_exceeded',
      `${items.length} items; at most ${MOST_ITEMS} fit into one request. Split it, or stream application/x-ndjson.`,
    );
  }
  return items;
}

/** A batch is full, or its first line has waited long enough: what a slow sender has sent does not wait for its next five thousand lines. */
export async function* lineBatches(stream: AsyncIterable<Buffer>): AsyncGenerator<unknown[]> {
  const source = lines(stream);
  let batch: unknown[] = [];
  let next = readAhead(source);
  /** One timer per batch, whatever the number of lines that race against it. */
  let quiet: Promise<undefined> | undefined;
  try {
    for (;;) {
      if (batch.length > 0) quiet ??= setTimeout(LONGEST_WAIT_MS, undefined, { ref: false });
      const line = await (quiet ? Promise.race([next, quiet]) : next);
      if (line !== undefined && line.done !== true) {
        batch.push(parsed(line.value));
        next = readAhead(source);
      }
      if (batch.length === BATCH_LINES || (batch.length > 0 && (line === undefined || line.done === true))) {
        yield batch;
        batch = [];
        quiet = undefined;
      }
      if (line?.done === true) return;
    }
  } finally {
    // Whoever stops early does not wait for the sender, and does not care how the rest of it ends (readAhead).
    void source.return(undefined);
  }
}

/**
 * The next line, asked for before anyone waits for it: a sender that goes, or a line that is too long, while a batch is
 * being written must not count as an error that nobody handles. Whoever waits for it later still gets the error.
 */
function readAhead(source: AsyncGenerator<string>): Promise<IteratorResult<string, unknown>> {
  const next = source.next();
  next.catch(() => {});
  return next;
}

/** Lines that hold something, by bytes: a chunk may end inside a character. */
export async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = text(
        rest.length === 0 ? chunk.subarray(from, end) : Buffer.concat([rest, chunk.subarray(from, end)]),
      );
      rest = Buffer.alloc(0);
      from = end + 1;
      if (line !== '') yield line;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > LONGEST_LINE) text(rest);
  }
  const last = text(rest);
  if (last !== '') yield last;
}

function text(line: Buffer): string {
  if (line.length > LONGEST_LINE) {
    throw new DomainError(
      'payload_too_large',
      `A line has more than ${LONGEST_LINE} bytes; one item stands on one line.`,
    );
  }
  return line.toString('utf8').trim();
}

/** What is not JSON becomes an item that no kind takes, so only this line is rejected. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function invalid(message: string, pointer = ''): DomainError {
  return new DomainError('invalid_request', message, { errors: [{ pointer, code: 'invalid_body', detail: message }] });
}
