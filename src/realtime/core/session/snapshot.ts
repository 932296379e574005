import type { PublishedValue } from '../../../events/index.js';
import { isoTime } from '../../../platform/input/time.js';
import { inSlices } from '../../../platform/loop/slices.js';
import { isInside, passes, type Filter } from '../filter/conditions.js';

/** Last published values of all keys, at the current position of the stream. */
export interface PublishedValues {
  tvlOf(protocol: string): readonly PublishedValue[];
  price(token: string): PublishedValue | undefined;
  all(metric: 'tvl' | 'price'): Iterable<PublishedValue>;
}

/** Summary of the snapshot that was sent before the answer. */
export interface SnapshotSummary {
  items: number;
  parts: number;
  /** Position of the values; all changes after it are sent as events. */
  cursor: string;
}

/**
 * Copies the current values that the filters may select: reading thousands of values takes many turns of the event loop,
 * in which they change.
 */
export function valuesNow(published: PublishedValues, filters: readonly Filter[]): PublishedValues {
  const tvlsOf = new Map<string, readonly PublishedValue[]>();
  const priceOf = new Map<string, PublishedValue | undefined>();
  for (const { protocol = [], token = [] } of filters) {
    for (const slug of protocol) if (!tvlsOf.has(slug)) tvlsOf.set(slug, published.tvlOf(slug));
    for (const id of token) if (!priceOf.has(id)) priceOf.set(id, published.price(id));
  }
  const all = {
    tvl: filters.some(({ protocol }) => protocol === undefined) ? [...published.all('tvl')] : [],
    price: filters.some(({ token }) => token === undefined) ? [...published.all('price')] : [],
  };
  return {
    tvlOf: (slug) => tvlsOf.get(slug) ?? [],
    price: (id) => priceOf.get(id),
    all: (metric) => all[metric],
  };
}

/** Returns the values whose next change would match the filter, whatever its threshold. */
export async function collectSnapshot(published: PublishedValues, filter: Filter): Promise<PublishedValue[]> {
  return (await inSlices(looked(published, filter))).filter((value) => value !== undefined);
}

/** Yields each value, or undefined if the filter does not select it. */
function* looked(published: PublishedValues, filter: Filter): Iterable<PublishedValue | undefined> {
  if (filter.types.includes('tvl_change')) {
    for (const value of tvls(published, filter)) yield selects(filter, value) ? value : undefined;
  }
  if (filter.types.includes('price_change')) {
    for (const value of prices(published, filter)) yield selects(filter, value) ? value : undefined;
  }
}

function* tvls(published: PublishedValues, { protocol, required }: Filter): Iterable<PublishedValue> {
  if (required.token) return;
  if (protocol === undefined) yield* published.all('tvl');
  else for (const slug of protocol) yield* published.tvlOf(slug);
}

function* prices(published: PublishedValues, { token, required }: Filter): Iterable<PublishedValue> {
  if (required.protocol) return;
  if (token === undefined) yield* published.all('price');
  else {
    for (const id of token) {
      const value = published.price(id);
      if (value) yield value;
    }
  }
}

function selects(filter: Filter, value: PublishedValue): boolean {
  return passes(filter.chain, value.chain, filter.required.chain) && isInside(filter, value.value);
}

/** Returns a published value as a `snapshot` item: the fields of the event that would carry it. */
export function snapshotItem(value: PublishedValue): Readonly<Record<string, unknown>> {
  const common = {
    timestamp: isoTime(value.observedAt),
    source: value.source,
    confidence: value.confidence,
    tags: value.tags,
    cursor: value.cursor,
  };
  if (value.metric === 'tvl') {
    const { protocol, name, category, chain } = value;
    return { metric: 'tvl', protocol, name, category, chain, tvl: value.value, ...common };
  }
  const { token, symbol, chain, volume24h, marketCap } = value;
  return { metric: 'price', token, symbol, chain, price: value.value, volume24h, marketCap, ...common };
}
