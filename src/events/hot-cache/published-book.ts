import type { LogEvent } from '../core/log-event.js';
import { totalOverChains } from '../core/names.js';
import { publishedChange, publishedValue, removedKey, type PublishedChange } from './published-change.js';
import type { Metric, ProtocolMeta, PublishedValue } from './published-value.js';

interface ProtocolEntry {
  chains: Map<string, PublishedValue>;
  /** Sum over real chains; computed again only if `stale`. */
  total: number | undefined;
  stale: boolean;
}

/**
 * Last published value of every key, as a plain data structure. Applying an event again, or an older one, changes nothing,
 * so events of the log may be applied to a loaded book that already contains some of them.
 */
export class PublishedBook {
  private readonly tvls = new Map<string, ProtocolEntry>();
  private readonly prices = new Map<string, PublishedValue>();
  private readonly metas = new Map<string, ProtocolMeta>();

  tvl(protocol: string, chain: string): PublishedValue | undefined {
    return this.tvls.get(protocol)?.chains.get(chain);
  }

  tvlOf(protocol: string): PublishedValue[] {
    return [...(this.tvls.get(protocol)?.chains.values() ?? [])];
  }

  protocolTvl(protocol: string): number | undefined {
    const entry = this.tvls.get(protocol);
    if (entry?.stale) {
      entry.total = totalOverChains([...entry.chains].map(([chain, held]) => [chain, held.value]));
      entry.stale = false;
    }
    return entry?.total;
  }

  price(token: string): PublishedValue | undefined {
    return this.prices.get(token);
  }

  protocol(slug: string): ProtocolMeta | undefined {
    return this.metas.get(slug);
  }

  protocols(): IterableIterator<ProtocolMeta> {
    return this.metas.values();
  }

  /** Returns the slugs with at least one value, even if the protocol has no description. */
  valuedProtocols(): IterableIterator<string> {
    return this.tvls.keys();
  }

  *all(metric: Metric): Iterable<PublishedValue> {
    if (metric === 'price') yield* this.prices.values();
    else for (const entry of this.tvls.values()) yield* entry.chains.values();
  }

  apply(event: LogEvent): void {
    if (event.type === 'protocol_update') return this.applyUpdate(event);
    if (event.type === 'protocol_removed') return this.removeMeta(event.protocol ?? '');
    const removed = removedKey(event);
    if (removed) return this.remove(removed, event.seq);
    const change = publishedChange(event);
    if (change) this.put(publishedValue(change, event));
  }

  put(value: PublishedValue): void {
    if (value.metric === 'price') {
      const { token } = value;
      if (token !== null && !isNewer(this.prices.get(token), value)) this.prices.set(token, value);
      return;
    }
    const { protocol, chain } = value;
    if (protocol === null || chain === null) return;
    let entry = this.tvls.get(protocol);
    if (!entry) this.tvls.set(protocol, (entry = { chains: new Map(), total: undefined, stale: true }));
    if (isNewer(entry.chains.get(chain), value)) return;
    entry.chains.set(chain, this.describe(protocol, value));
    entry.stale = true;
  }

  private remove({ metric, subject, chain }: Omit<PublishedChange, 'value'>, seq: number): void {
    if (metric === 'price') {
      if (!isNewer(this.prices.get(subject), { seq })) this.prices.delete(subject);
      return;
    }
    const entry = this.tvls.get(subject);
    if (!entry || isNewer(entry.chains.get(chain), { seq })) return;
    entry.chains.delete(chain);
    entry.stale = true;
    if (entry.chains.size === 0) this.tvls.delete(subject);
  }

  /** Removes the description of a protocol; its values stay. */
  private removeMeta(slug: string): void {
    this.metas.delete(slug);
    const entry = this.tvls.get(slug);
    for (const [chain, value] of entry?.chains ?? []) {
      entry?.chains.set(chain, { ...value, name: null, category: null, symbol: null });
    }
  }

  putMeta(meta: ProtocolMeta): void {
    this.metas.set(meta.slug, meta);
    const entry = this.tvls.get(meta.slug);
    if (!entry) return;
    for (const [chain, value] of entry.chains) entry.chains.set(chain, this.describe(meta.slug, value));
  }

  /** Returns the value with the protocol's current description, which may have changed since the value was published. */
  private describe(protocol: string, value: PublishedValue): PublishedValue {
    const meta = this.metas.get(protocol);
    if (!meta) return value;
    const { name, category, symbol } = meta;
    if (value.name === name && value.category === category && value.symbol === symbol) return value;
    return { ...value, name, category, symbol };
  }

  private applyUpdate(event: LogEvent): void {
    const slug = event.protocol;
    if (slug === null) return;
    const held = this.metas.get(slug);
    const meta: Record<string, unknown> = {
      url: null,
      chains: [],
      metadata: {},
      ...held,
      slug,
      name: event.name ?? held?.name ?? slug,
      symbol: event.symbol ?? held?.symbol ?? null,
      category: event.category ?? held?.category ?? null,
    };
    const changes = event.data?.['changes'];
    for (const change of Array.isArray(changes) ? changes : []) {
      const { field, currentValue } = Object(change);
      if (typeof field === 'string') meta[field] = currentValue ?? null;
    }
    this.putMeta(protocolMeta(meta));
  }
}

/** Converts a database row or an event's data to a description; members of a wrong type get an empty value. */
export function protocolMeta(row: Readonly<Record<string, unknown>>): ProtocolMeta {
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  const { slug, name, symbol, category, chains, url, metadata } = row;
  return {
    slug: text(slug) ?? '',
    name: text(name) ?? text(slug) ?? '',
    symbol: text(symbol),
    category: text(category),
    chains: Array.isArray(chains) ? chains.filter((chain) => typeof chain === 'string') : [],
    url: text(url),
    metadata: isObject(metadata) ? metadata : {},
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isNewer(held: PublishedValue | undefined, than: Pick<PublishedValue, 'seq'>): boolean {
  return held !== undefined && held.seq > than.seq;
}
