import { effectiveConfidence } from '../core/confidence.js';
import { formatCursor } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import { changeRatio } from '../core/payload.js';
import type { Metric, PublishedValue } from './published-value.js';

/** Key and value that an event of the log publishes. */
export interface PublishedChange {
  metric: Metric;
  /** Protocol or token. */
  subject: string;
  /** Chain, a part of the key, for TVL; empty for prices, whose chain is only a property. */
  chain: string;
  value: number;
}

/** Returns the key and value that an event publishes; undefined if it publishes no value. */
export function publishedChange(event: LogEvent): PublishedChange | undefined {
  const { type, protocol, chain, token, current } = event;
  if (current === null) return undefined;
  if ((type === 'tvl_change' || type === 'tvl_baseline') && protocol !== null && chain !== null) {
    return { metric: 'tvl', subject: protocol, chain, value: current };
  }
  if ((type === 'price_change' || type === 'price_baseline') && token !== null) {
    return { metric: 'price', subject: token, chain: '', value: current };
  }
  return undefined;
}

/** Returns the key that an event removes; undefined if it removes none. */
export function removedKey(event: LogEvent): Omit<PublishedChange, 'value'> | undefined {
  const { type, protocol, chain, token } = event;
  if (type === 'tvl_removed' && protocol !== null && chain !== null) return { metric: 'tvl', subject: protocol, chain };
  return type === 'price_removed' && token !== null ? { metric: 'price', subject: token, chain: '' } : undefined;
}

export function publishedValue(change: PublishedChange, event: LogEvent): PublishedValue {
  const tvl = change.metric === 'tvl';
  return {
    metric: change.metric,
    protocol: tvl ? change.subject : null,
    chain: event.chain,
    token: tvl ? null : change.subject,
    value: change.value,
    volume24h: event.volume24h,
    marketCap: event.marketCap,
    symbol: event.symbol,
    name: event.name,
    category: event.category,
    source: event.source,
    confidence: publishedConfidence(event),
    tags: event.tags,
    observedAt: event.observedAt,
    seq: event.seq,
    cursor: formatCursor(event.epoch, event.seq),
  };
}

/** Returns the same confidence as the event's payload, so that events, snapshots and look-ups agree. */
export function publishedConfidence(event: LogEvent): number {
  const age = event.loggedAt - event.observedAt;
  return effectiveConfidence(event.confidence, age, changeRatio(event.previous, event.current));
}
