import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../../errors/domain-error.js';
import { leaving } from '../../request/leaving.js';
import { Places } from '../../fairness/places.js';
import { BODY_LIMITS, MAX_SMALL_BODY_BYTES, type BodySize } from './body-limit.js';
import { declaredLength, hasBody, readJson } from './read-body.js';

/** Bounds of one caller's large bodies: at most two are read and parsed at the same time; the others wait unread. */
const LARGE_BODIES = { atOnce: 2, waiting: 32, waitMs: 30_000, what: 'large requests' } as const;

export interface BodyTerms {
  size: BodySize;
  /** Id of the key that the body counts for. */
  caller: string;
}

/** Reads the bodies of identified callers; a caller has at most two large bodies in memory. */
@Injectable()
export class BodyReader {
  private readonly places = new Places(LARGE_BODIES);

  /** Sets `request.body` to the parsed value of a JSON body; leaves a request without a JSON body as it is. */
  async read(request: IncomingMessage & { body?: unknown }, response: ServerResponse, terms: BodyTerms): Promise<void> {
    if (!hasBody(request) || !isJson(request)) return;
    const body = await this.readJson(request, response, terms);
    if (typeof body !== 'object' || body === null) {
      throw new DomainError('invalid_request', 'The request body must be a JSON object.');
    }
    request.body = body;
  }

  /** Returns the parsed value of a JSON body, for handlers that identify their callers themselves. */
  async readJson(request: IncomingMessage, response: ServerResponse, { size, caller }: BodyTerms): Promise<unknown> {
    const limit = BODY_LIMITS[size];
    const isSmall = limit.unpacked <= MAX_SMALL_BODY_BYTES || (!isPacked(request) && isSmallByItsWord(request));
    if (isSmall) return readJson(request, response, limit);
    const leave = await this.places.enter(caller, leaving(response));
    try {
      return await readJson(request, response, limit);
    } finally {
      leave();
    }
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
