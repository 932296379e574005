import type { BlockRange } from '../core/chain/range-size.js';

/** Kinds of failed calls, and how the caller goes on. */
export type RpcFaultKind =
  /** No connection, or an answer without content such as 503: the same call may succeed soon. */
  | 'unreachable'
  /** The endpoint wants fewer calls; `retryAfterMs` if it said for how long. */
  | 'rate_limited'
  /** The endpoint refuses a range of blocks; `suggested` if it named one that it takes. */
  | 'range_too_large'
  /** The answer does not fit the question, or is no JSON-RPC. */
  | 'bad_answer'
  /** No whole answer within the time limit. */
  | 'timeout'
  /** The body is larger than the limit of the call. */
  | 'too_large'
  /** The endpoint serves another chain. */
  | 'wrong_chain';

export interface RpcFaultDetails {
  readonly suggested?: BlockRange | undefined;
  /** Requested pause, ms. */
  readonly retryAfterMs?: number | undefined;
  /** Code of the JSON-RPC error. */
  readonly rpcCode?: number | undefined;
}

/**
 * Failed call of an endpoint. The text names no address, because addresses contain keys, and quotes endpoints only where the
 * words are known.
 */
export class RpcFault extends Error {
  override readonly name = 'RpcFault';

  constructor(
    readonly kind: RpcFaultKind,
    message: string,
    readonly details: RpcFaultDetails = {},
  ) {
    super(message);
  }
}

/** Returns the fault that an error is or was caused by. viem wraps errors of connections in errors that show the address. */
export function faultIn(error: unknown): RpcFault | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof RpcFault) return each;
  return undefined;
}

/** Returns the part of an endpoint's address without secrets: scheme, host and port. */
export function shownUrl(address: string): string {
  if (!URL.canParse(address)) return '(no URL)';
  const { protocol, host } = new URL(address);
  return `${protocol}//${host}`;
}
