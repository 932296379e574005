import { SetMetadata, type CustomDecorator } from '@nestjs/common';

/** Limits of a request's body. */
export interface BodyLimit {
  /** Largest body as received, bytes. */
  readonly received: number;
  /** Largest body after decompression, bytes. */
  readonly unpacked: number;
}

const KIB = 1_024;

/** Largest body of a route without `@TakesBody` and of an unidentified caller, bytes. */
export const MAX_SMALL_BODY_BYTES = 64 * KIB;

/**
 * Limits that a route can declare. `small` applies to routes without `@TakesBody`; `large` is for queries, backtests and
 * long filters; `ingest` is for rows of data. An ingest route reads NDJSON streams, which have no total limit, itself.
 */
export const BODY_LIMITS = {
  small: { received: MAX_SMALL_BODY_BYTES, unpacked: MAX_SMALL_BODY_BYTES },
  large: { received: KIB * KIB, unpacked: KIB * KIB },
  ingest: { received: 8_000_000, unpacked: 64_000_000 },
} as const satisfies Record<string, BodyLimit>;

export type BodySize = keyof typeof BODY_LIMITS;

/** Size of a route's body; `none`: the guard does not read the body. */
export type TakenBody = BodySize | 'none';

/** Metadata key that the guard of the access module reads. */
export const BODY_SIZE = 'body-size';

/**
 * Declares the size of the body that the route or controller accepts. The guard reads the body after it has identified and
 * counted the caller.
 */
export function TakesBody(size: TakenBody): CustomDecorator {
  return SetMetadata(BODY_SIZE, size);
}
