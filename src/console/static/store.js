const PSEUDO = new Set(['staking', 'pool2', 'borrowed', 'vesting', 'treasury', 'owntokens', 'offers']);

/**
 * Published values known to this page: a snapshot, then every later change. Cursors can be compared as strings, so a
 * value is only replaced by a newer one, in whatever order the snapshot and live changes arrive.
 */
export class Store {
  protocols = new Map();
  tokens = new Map();
  /** Whether the values are a replayed recording instead of current ones. */
  recorded = false;

  /** Accepts any following value as newer; the current values stay until then. */
  restart() {
    for (const { chains } of this.protocols.values()) for (const known of chains.values()) known.cursor = '';
    for (const token of this.tokens.values()) token.cursor = '';
  }

  /** Applies an item of a snapshot or an event; both use the same member names. */
  apply(item) {
    if (item.tags?.includes('sample')) this.recorded = true;
    if (item.token && (item.price !== undefined || item.currentPrice !== undefined)) this.#price(item);
    else if (item.protocol && (item.tvl !== undefined || item.currentTvl !== undefined)) this.#tvl(item);
    else if (item.protocol && item.updateType) this.#name(item);
  }

  #tvl(item) {
    let protocol = this.protocols.get(item.protocol);
    if (!protocol) {
      protocol = { metric: 'tvl', id: item.protocol, name: item.protocol, category: '', chains: new Map() };
      this.protocols.set(item.protocol, protocol);
    }
    const known = protocol.chains.get(item.chain);
    if (known && known.cursor > item.cursor) return;
    protocol.name = item.name ?? item.protocol;
    protocol.category = item.category ?? '';
    protocol.chains.set(item.chain, { value: item.currentTvl ?? item.tvl, cursor: item.cursor });
  }

  /** Updates names and category of a protocol after a change; its values arrive in separate events. */
  #name(item) {
    const known = this.protocols.get(item.protocol);
    if (!known) return;
    known.name = item.name ?? item.protocol;
    known.category = item.category ?? '';
  }

  #price(item) {
    const known = this.tokens.get(item.token);
    if (known && known.cursor > item.cursor) return;
    this.tokens.set(item.token, {
      metric: 'price',
      id: item.token,
      name: item.symbol ? item.symbol.toUpperCase() : item.token,
      category: item.token,
      value: item.currentPrice ?? item.price,
      cursor: item.cursor,
    });
  }

  subject(metric, id) {
    return metric === 'tvl' ? this.protocols.get(id) : this.tokens.get(id);
  }

  valueOf(subject) {
    return subject.metric === 'tvl' ? totalOf(subject) : subject.value;
  }

  largestProtocol() {
    let largest;
    for (const protocol of this.protocols.values()) {
      if (!largest || totalOf(protocol) > totalOf(largest)) largest = protocol;
    }
    return largest;
  }

  totals() {
    let tvl = 0;
    const chains = new Set();
    for (const protocol of this.protocols.values()) {
      tvl += totalOf(protocol);
      for (const chain of protocol.chains.keys()) if (isReal(chain)) chains.add(chain);
    }
    return { tvl, protocols: this.protocols.size, chains: chains.size, tokens: this.tokens.size };
  }

  /** Finds subjects: names that begin with the words first, then names that contain them; larger subjects first. */
  search(text, limit = 8) {
    const words = text.trim().toLowerCase();
    if (!words) return [];
    const ranked = [];
    for (const subject of [...this.protocols.values(), ...this.tokens.values()]) {
      const place = Math.min(...[subject.name, subject.id].map((name) => rank(name.toLowerCase(), words)));
      if (place < 3) ranked.push({ subject, place, size: subject.metric === 'tvl' ? totalOf(subject) : Infinity });
    }
    ranked.sort((a, b) => a.place - b.place || b.size - a.size);
    return ranked.slice(0, limit).map(({ subject }) => subject);
  }
}

const rank = (name, words) => (name === words ? 0 : name.startsWith(words) ? 1 : name.includes(words) ? 2 : 3);
const isReal = (chain) => chain !== 'all' && !PSEUDO.has(chain);

/** Returns the sum over real chains; `all` counts only if the protocol has no real chain. */
export function totalOf(protocol) {
  let sum = 0;
  let real = false;
  for (const [chain, { value }] of protocol.chains) {
    if (!isReal(chain)) continue;
    real = true;
    sum += value;
  }
  return real ? sum : (protocol.chains.get('all')?.value ?? 0);
}

export function largestChains(protocol, limit) {
  return [...protocol.chains].sort(([, a], [, b]) => b.value - a.value).slice(0, limit);
}
