import { formatCursor, parseCursor, type CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { cacheKeys, type CachedValue } from './hot-cache.js';
import { PublishedBook } from './published-book.js';
import { publishedChange, publishedValue, removedKey } from './published-change.js';
import type { ProtocolTvl, PublishedValue } from './published-value.js';

/** Key of the shared cache and its text. */
export interface CacheEntry {
  readonly key: string;
  /** Value as JSON. Its first member is `at`: the cursor of the log position at which the value was current. */
  readonly text: string;
}

export function cacheEntry(key: string, value: CachedValue, epoch: string, seq: number): CacheEntry {
  return { key, text: JSON.stringify({ at: formatCursor(epoch, seq), ...value }) };
}

/**
 * Returns the entry that replaces the value of a removed key. It contains no value and is kept for a minute, so that a late
 * batch does not restore the old value.
 */
function goneEntry(key: string, epoch: string, seq: number): CacheEntry {
  return { key, text: JSON.stringify({ at: formatCursor(epoch, seq), gone: true }) };
}

/** Returns the position at the start of an entry's text, without parsing the rest; undefined if it has none. */
export function entryPosition(text: string): CursorPosition | undefined {
  return parseCursor(/^\{"at":"([0-9a-z-]{1,64})",/.exec(text)?.[1]);
}

/** Parses an entry; undefined for text that is not an entry, which anyone with redis-cli may have written. */
export function readEntry(
  key: string,
  text: string,
): { at: { epoch: string; seq: number }; value: CachedValue } | undefined {
  try {
    const { at: cursor, ...value } = Object(JSON.parse(text)) as Record<string, unknown>;
    const at = parseCursor(cursor);
    return at !== undefined && fits(key, value) ? { at, value } : undefined;
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fits(key: string, value: Fields | CachedValue): value is CachedValue {
  const fields = value as Fields;
  if (key.startsWith('price:')) return isValue(fields, 'price');
  if (key.startsWith('tvl:')) return isValue(fields, 'tvl') || isTotal(fields);
  return typeof fields['slug'] === 'string' && typeof fields['name'] === 'string' && Array.isArray(fields['chains']);
}

function isValue(fields: Fields, metric: string): boolean {
  return fields['metric'] === metric && typeof fields['value'] === 'number' && typeof fields['cursor'] === 'string';
}

function isTotal(fields: Fields): boolean {
  const { protocol, tvl, chains } = fields;
  if (typeof protocol !== 'string' || !(tvl === null || typeof tvl === 'number') || !Array.isArray(chains))
    return false;
  return chains.every((chain: unknown) => isValue(Object(chain) as Fields, 'tvl'));
}

/** Returns the entries for the keys of a batch, computed before the current book itself receives the batch. */
export function entriesAfter(current: PublishedBook, batch: readonly LogEvent[]): CacheEntry[] {
  const last = batch.at(-1);
  if (last === undefined) return [];
  /** Values by key; null for a removed key. */
  const values = new Map<string, CachedValue | null>();
  const touched = new Map<string, Touched>();
  for (const event of batch) {
    if (event.owner !== null) continue;
    const change = publishedChange(event);
    if (change?.metric === 'price') values.set(cacheKeys.price(change.subject), publishedValue(change, event));
    else if (event.type === 'price_removed') values.set(cacheKeys.price(event.token ?? ''), null);
    else note(touched, event);
  }
  const book = new PublishedBook();
  for (const slug of touched.keys()) {
    const meta = current.protocol(slug);
    if (meta) book.putMeta(meta);
    for (const value of current.tvlOf(slug)) book.put(value);
  }
  for (const event of batch) if (event.protocol !== null && touched.has(event.protocol)) book.apply(event);
  for (const [slug, { chains, described }] of touched) {
    const parts = book.tvlOf(slug);
    const meta = described ? book.protocol(slug) : undefined;
    if (described) values.set(cacheKeys.protocolMeta(slug), meta ?? null);
    if (parts.length > 0) values.set(cacheKeys.tvl(slug), total(slug, book.protocolTvl(slug), parts));
    else if (chains.size > 0) values.set(cacheKeys.tvl(slug), null);
    for (const chain of chains) values.set(cacheKeys.tvl(slug, chain), null);
    for (const part of parts) {
      const chain = part.chain ?? '';
      // A changed description changes all values of the protocol, because each contains it.
      if (described || chains.has(chain)) values.set(cacheKeys.tvl(slug, chain), part);
    }
  }
  const { epoch, seq } = last;
  return [...values].map(([key, value]) =>
    value === null ? goneEntry(key, epoch, seq) : cacheEntry(key, value, epoch, seq),
  );
}

interface Touched {
  chains: Set<string>;
  described: boolean;
}

function note(touched: Map<string, Touched>, event: LogEvent): void {
  const change = publishedChange(event) ?? removedKey(event);
  const described = event.type === 'protocol_update' || event.type === 'protocol_removed';
  if (event.protocol === null || (change === undefined && !described)) return;
  const entry = touched.get(event.protocol) ?? { chains: new Set(), described: false };
  touched.set(event.protocol, entry);
  entry.described ||= described;
  if (change) entry.chains.add(change.chain);
}

function total(protocol: string, tvl: number | undefined, chains: readonly PublishedValue[]): ProtocolTvl {
  return { protocol, tvl: tvl ?? null, chains };
}
