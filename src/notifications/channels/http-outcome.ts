import { errorCode } from '../../platform/errors/error-code.js';
import { GATEWAY_TIMEOUT, NO_ANSWER, type Outcome } from '../core/outcome.js';
import { EgressRefused } from '../core/egress-policy.js';
import { parseRetryAfter } from '../core/retry-schedule.js';
import { safeReason } from '../core/safe-reason.js';
import { HandOverLate } from '../core/hand-over.js';
import { Unanswered, type Answer } from '../egress/guarded-client.js';

/** Minimum wait before a retry if the receiver is overloaded, ms. */
const MIN_OVERLOADED_DELAY_MS = 60_000;
const OVERLOADED = new Set([429, 502, 503, GATEWAY_TIMEOUT]);
const TIMEOUTS: readonly string[] = ['AbortError', 'TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError'];

/** Returns the outcome of an HTTP response; a channel may refine it by its own error codes. */
export function answerOutcome({ status, headers, head }: Answer, now: number): Outcome {
  const known = { statusCode: status, responseHead: head };
  if (status >= 200 && status < 300) return { result: 'delivered', ...known };
  const asked = parseRetryAfter(single(headers['retry-after']), now) ?? 0;
  const retryAfterMs = OVERLOADED.has(status) ? Math.max(asked, MIN_OVERLOADED_DELAY_MS) : asked;
  const redirected = status >= 300 && status < 400;
  const detail = redirected ? `answered ${status}; redirects are not followed` : `answered ${status}`;
  return { result: 'failed', ...known, detail, ...(retryAfterMs > 0 ? { retryAfterMs } : {}) };
}

/** Returns the outcome of a request without a response; throws `HandOverLate`, which is none. A refusal of the egress policy is final. */
export function failureOutcome(failure: unknown): Outcome {
  if (failure instanceof HandOverLate) throw failure;
  const error = failure instanceof Unanswered ? failure.cause : failure;
  const refused = error instanceof EgressRefused ? error : error instanceof Error ? error.cause : undefined;
  if (refused instanceof EgressRefused) return { result: 'rejected', detail: `refused: ${refused.message}` };
  if (error instanceof Error && TIMEOUTS.includes(error.name)) {
    return { result: 'failed', detail: `${NO_ANSWER} within 10 s`, retryAfterMs: MIN_OVERLOADED_DELAY_MS };
  }
  const code = errorCode(error);
  const reason = `${safeReason(error)}${code && ` (${code})`}`;
  return { result: 'failed', detail: failure instanceof Unanswered ? `${NO_ANSWER}: ${reason}` : reason };
}

export function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
