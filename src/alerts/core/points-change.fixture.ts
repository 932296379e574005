import type { MarketRow } from './market-row.js';

/** Returns a row of the log that announces numbers of an account. */
export function pointsChange(at: number, account: string, numbers: Readonly<Record<string, string>>): MarketRow {
  const nothing = { protocol: null, token: null, previous: null, current: null, volume24h: null, marketCap: null };
  return {
    ...nothing,
    type: 'points_change',
    chain: 'ethereum',
    data: { account, ...numbers },
    observedAt: at,
    loggedAt: at,
    seq: at,
    epoch: 'e',
  };
}
