import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Limits of a request's body. */
export interface BodyLimit {
  /** Bytes as received. */
  readonly received: number;
  /** Bytes after unpacking. */
  readonly unpacked: number;
}

const KIB = 1_024;

/** Largest body of a route without a decorator, and of a caller that is not known yet, bytes. */
export const MAX_SMALL_BODY_BYTES = 64 * KIB;

/**
 * Limits that a route can have. `small` holds without a decorator; `large` is for queries, backtests and long filters; `ingest`
 * for rows of data, whose endless streams (NDJSON) the route reads itself.
 */
export const BODY_LIMITS = {
  small: { received: MAX_SMALL_BODY_BYTES, unpacked: MAX_SMALL_BODY_BYTES },
  large: { received: KIB * KIB, unpacked: KIB * KIB },
  ingest: { received: 8_000_000, unpacked: 64_000_000 },
} as const satisfies Record<string, BodyLimit>;

export type BodySize = keyof typeof BODY_LIMITS;

/** Size of a body; `none`: it is not read at all. */
export type TakenBody = BodySize | 'none';

/** Metadata key that the guard of the access module reads. */
export const BODY_SIZE = 'body-size';

/**
 * Declares the size of body that the route or controller accepts. The guard reads the body once the caller is known and
 * counted.
 */
export function TakesBody(size: TakenBody): CustomDecorator {
  return SetMetadata(BODY_SIZE, size);
}
