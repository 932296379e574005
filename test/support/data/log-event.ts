import type { LogEvent } from '../../../src/events/core/log-event.js';

/** Epoch of events that give none. */
export const EPOCH = 'e1';

/** Returns a row of the log in which everything that may be null is null; `at` (Unix ms) stands for all of its times. */
export function aLogEvent<const F extends Partial<LogEvent>>(fields: F, at = 1_700_000_000_000): LogEvent & F {
  return {
    seq: 1,
    epoch: EPOCH,
    type: 'tvl_change',
    protocol: null,
    chain: null,
    token: null,
    previous: null,
    current: null,
    moved: null,
    protocolTvl: null,
    name: null,
    category: null,
    symbol: null,
    volume24h: null,
    marketCap: null,
    data: null,
    source: 'test',
    confidence: 1,
    tags: [],
    observedAt: at,
    capturedAt: at,
    loggedAt: at,
    owner: null,
    correlationId: null,
    traceParent: null,
    ...fields,
  };
}

/** Returns a change by a tenth of the TVL of Aave V3 on Ethereum; `fields` may change any member. */
export function aTvlChange(seq: number, fields: Partial<LogEvent> = {}): LogEvent {
  return aLogEvent({
    seq,
    protocol: 'aave-v3',
    chain: 'ethereum',
    previous: 100,
    current: 110,
    moved: 0.1,
    protocolTvl: 110,
    name: 'Aave V3',
    category: 'Lending',
    ...fields,
  });
}
