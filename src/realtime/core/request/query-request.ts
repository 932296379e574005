import type { Input } from '../wire/input.js';
import { LATEST_INTERVAL } from '../session/realtime-limits.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';

/** Reads a live query. The query module validates its content; the fields in `foreign` are refused beside a query. */
export function queryRequest(input: Input, foreign: readonly string[]): SubscriptionRequest {
  const query = input.value('query');
  if (typeof query !== 'object' || query === null || Array.isArray(query)) {
    throw input.fault('query', 'must be an object: the body of POST /v1/query/advanced');
  }
  const beside = foreign.find((name) => input.has(name));
  if (beside !== undefined) throw input.fault(beside, 'is not allowed beside a query; filter inside the query');
  const intervalMs = readInterval(input);
  return { type: 'query', filter: {}, query, ...(intervalMs !== undefined && { intervalMs }) };
}

/** Reads `intervalMs` of a live query or of `latest` mode. */
export function readInterval(input: Input): number | undefined {
  return input.wholeNumber('intervalMs', LATEST_INTERVAL.min, LATEST_INTERVAL.max);
}
