import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** What the body of a request may cost. */
export interface BodyLimit {
  /** Bytes as they come in. */
  readonly received: number;
  /** Bytes once unpacked. */
  readonly unpacked: number;
}

const KIB = 1_024;

/** Largest body of a route that says nothing else, and what may be read for a caller who is not known yet, bytes. */
export const MAX_SMALL_BODY_BYTES = 64 * KIB;

/**
 * Every limit that a route can have. `small` is what holds without a decorator; `large` is for queries, backtests and long
 * filters; `ingest` for rows of data, whose endless streams (NDJSON) the route reads itself.
 */
export const BODY_LIMITS = {
  small: { received: MAX_SMALL_BODY_BYTES, unpacked: MAX_SMALL_BODY_BYTES },
  large: { received: KIB * KIB, unpacked: KIB * KIB },
  ingest: { received: 8_000_000, unpacked: 64_000_000 },
} as const satisfies Record<string, BodyLimit>;

export type BodySize = keyof typeof BODY_LIMITS;

/** `none`: the body is not read at all. */
export type TakenBody = BodySize | 'none';

/** Metadata key that the guard of the access module looks for. */
export const BODY_SIZE = 'body-size';

/** Says how large a body the route or controller takes. The body is read by the guard, once the caller is known and counted. */
export function TakesBody(size: TakenBody): CustomDecorator {
  return SetMetadata(BODY_SIZE, size);
}
