import { isoTime } from '../../platform/input/time.js';
import { effectiveConfidence } from './confidence.js';
import { formatCursor } from './cursor.js';
import { eventId } from './event-id.js';
import { isPostedType, type EventType, type PostedType } from './event-catalogue.js';
import type { LogEvent } from './log-event.js';

/** Fields of every event, whatever its type. */
export interface EventPayloadBase {
  eventId: string;
  cursor: string;
  eventType: EventType;
  /** Time of the observation; ISO 8601 UTC with milliseconds. */
  timestamp: string;
  source: string;
  /** Effective confidence, 0 to 1 (core/confidence.ts). */
  confidence: number;
  tags: readonly string[];
  correlationId?: string;
}

interface TvlChangePayload extends EventPayloadBase {
  eventType: 'tvl_change';
  protocol: string | null;
  name: string | null;
  category: string | null;
  chain: string | null;
  previousTvl: number | null;
  currentTvl: number | null;
  /** Percent of the previous value; null from zero. */
  changePercent: number | null;
  changeAbsolute: number | null;
  moved: number | null;
  protocolTvl: number | null;
}

interface PriceChangePayload extends EventPayloadBase {
  eventType: 'price_change';
  token: string | null;
  symbol: string | null;
  chain: string | null;
  previousPrice: number | null;
  currentPrice: number | null;
  /** Percent of the previous value; null from zero. */
  changePercent: number | null;
  changeAbsolute: number | null;
  moved: number | null;
  volume24h: number | null;
  marketCap: number | null;
}

interface ProtocolUpdatePayload extends EventPayloadBase {
  eventType: 'protocol_update';
  protocol: string | null;
  name: string | null;
  category: string | null;
  updateType: string;
  changes: readonly { field: string; previousValue: unknown; currentValue: unknown }[];
}

interface MarketEventPayload extends EventPayloadBase {
  eventType: PostedType;
  protocol?: string;
  chain?: string;
  token?: string;
  data: Readonly<Record<string, unknown>>;
}

/** Payload of alerts and on-chain events: their further fields are the row's `data`, written by the module that owns them. */
interface OpenEventPayload extends EventPayloadBase {
  eventType: 'alert' | 'points_change' | 'chain_reorg' | 'onchain_event';
  [field: string]: unknown;
}

export type EventPayload =
  TvlChangePayload | PriceChangePayload | ProtocolUpdatePayload | MarketEventPayload | OpenEventPayload;

/** Returns the change as a fraction of the previous value; null without a previous value and from zero. */
export function changeRatio(previous: number | null, current: number | null): number | null {
  if (previous === null || current === null || previous === 0) return null;
  return (current - previous) / Math.abs(previous);
}

/** Rounds to ten significant digits: binary noise such as 9.999999999999998 is not information. */
const tidy = (value: number): number => Number(value.toPrecision(10));

const difference = (previous: number | null, current: number | null): number | null =>
  previous === null || current === null ? null : tidy(current - previous);

function subject(event: LogEvent): { protocol?: string; chain?: string; token?: string } {
  return {
    ...(event.protocol === null ? {} : { protocol: event.protocol }),
    ...(event.chain === null ? {} : { chain: event.chain }),
    ...(event.token === null ? {} : { token: event.token }),
  };
}

/** Returns the event as clients see it; `owner`, `seq` and trace are left out. Only for rows that `isDelivered`. */
export function eventPayload(event: LogEvent & { type: EventType }): EventPayload {
  const ratio = changeRatio(event.previous, event.current);
  const percent = ratio === null ? null : tidy(ratio * 100);
  const base = {
    eventId: eventId(event),
    cursor: formatCursor(event.epoch, event.seq),
    timestamp: isoTime(event.observedAt),
    source: event.source,
    confidence: effectiveConfidence(event.confidence, event.loggedAt - event.observedAt, ratio),
    tags: event.tags,
    ...(event.correlationId === null ? {} : { correlationId: event.correlationId }),
  };
  if (isPostedType(event.type)) {
    return { ...base, eventType: event.type, ...subject(event), data: event.data ?? {} };
  }
  switch (event.type) {
    case 'tvl_change':
      return {
        ...base,
        eventType: event.type,
        protocol: event.protocol,
        name: event.name,
        category: event.category,
        chain: event.chain,
        previousTvl: event.previous,
        currentTvl: event.current,
        changePercent: percent,
        changeAbsolute: difference(event.previous, event.current),
        moved: event.moved,
        protocolTvl: event.protocolTvl,
      };
    case 'price_change':
      return {
        ...base,
        eventType: event.type,
        token: event.token,
        symbol: event.symbol,
        chain: event.chain,
        previousPrice: event.previous,
        currentPrice: event.current,
        changePercent: percent,
        changeAbsolute: difference(event.previous, event.current),
        moved: event.moved,
        volume24h: event.volume24h,
        marketCap: event.marketCap,
      };
    case 'protocol_update':
      return {
        ...base,
        eventType: event.type,
        protocol: event.protocol,
        name: event.name,
        category: event.category,
        updateType: typeof event.data?.['updateType'] === 'string' ? event.data['updateType'] : 'metadata',
        changes: Array.isArray(event.data?.['changes']) ? event.data['changes'] : [],
      };
    case 'onchain_event': {
      const { repeat: _, ...data } = event.data ?? {};
      return { ...data, ...subject(event), ...base, eventType: event.type };
    }
    default:
      return { ...event.data, ...subject(event), ...base, eventType: event.type };
  }
}
