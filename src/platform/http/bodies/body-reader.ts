import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../../errors/domain-error.js';
import { BODY_LIMITS, MAX_SMALL_BODY_BYTES, type BodySize } from './body-limit.js';
import { declaredLength, hasBody, readJson } from './read-body.js';

/** Large bodies of one caller that are being read and parsed; others wait with their bytes still on the way. */
const MAX_AT_ONCE = 2;
/** Large bodies of one caller that wait. */
const MAX_WAITING = 32;

export interface BodyTerms {
  size: BodySize;
  /** Whose memory it counts as: the id of the key. */
  caller: string;
}

interface Queue {
  reading: number;
  readonly waiting: (() => void)[];
}

/** Reads the bodies of requests whose callers are known, so that no caller has more than two large ones in memory. */
@Injectable()
export class BodyReader {
  private readonly queues = new Map<string, Queue>();

  /** Sets `request.body` to the value of a JSON body; leaves other bodies, and none, as they are. */
  async read(request: IncomingMessage & { body?: unknown }, response: ServerResponse, terms: BodyTerms): Promise<void> {
    if (!hasBody(request) || !isJson(request)) return;
    const body = await this.readJson(request, response, terms);
    if (typeof body !== 'object' || body === null) {
      throw new DomainError('invalid_request', 'The request body must be a JSON object.');
    }
    request.body = body;
  }

  /** The value of a JSON body: for handlers that know their caller by themselves. */
  async readJson(request: IncomingMessage, response: ServerResponse, { size, caller }: BodyTerms): Promise<unknown> {
    const limit = BODY_LIMITS[size];
    const isSmall = limit.unpacked <= MAX_SMALL_BODY_BYTES || (!isPacked(request) && isSmallByItsWord(request));
    if (isSmall) return readJson(request, response, limit);
    const leave = await this.enter(caller);
    try {
      return await readJson(request, response, limit);
    } finally {
      leave();
    }
  }

  private async enter(caller: string): Promise<() => void> {
    const queue = this.queues.get(caller) ?? { reading: 0, waiting: [] };
    this.queues.set(caller, queue);
    if (queue.reading < MAX_AT_ONCE) queue.reading++;
    else if (queue.waiting.length < MAX_WAITING) await new Promise<void>((resolve) => queue.waiting.push(resolve));
    else throw tooMany();
    return () => this.leave(caller, queue);
  }

  private leave(caller: string, queue: Queue): void {
    // A place is handed on, not freed, so that nobody comes between.
    const next = queue.waiting.shift();
    if (next) next();
    else if (--queue.reading === 0) this.queues.delete(caller);
  }
}

function isJson({ headers }: IncomingMessage): boolean {
  return /^\s*application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '');
}

function isPacked({ headers }: IncomingMessage): boolean {
  return headers['content-encoding'] !== undefined;
}

function isSmallByItsWord(request: IncomingMessage): boolean {
  return declaredLength(request) <= MAX_SMALL_BODY_BYTES;
}

function tooMany(): DomainError {
  const message = `At most ${MAX_AT_ONCE + MAX_WAITING} large requests of a key may be under way at a time; send them one after another.`;
  return new DomainError('rate_limited', message, { retryAfterMs: 1_000 });
}
