import type { LogEvent } from './log-event.js';

/**
 * Rows of an on-chain event that a reader wants: the first row of each event, or the row that can no longer be retracted.
 */
export const FINALITIES = ['instant', 'final'] as const;
export type Finality = (typeof FINALITIES)[number];

/**
 * Whether a row is for readers of a finality. An event that is first seen when its block is final has one row, for both;
 * otherwise the second row, marked `repeat`, is for `final` alone. Types without the property are for both.
 */
export function isFor(finality: Finality, { type, data }: Pick<LogEvent, 'type' | 'data'>): boolean {
  if (type === 'chain_reorg') return finality === 'instant';
  if (type !== 'onchain_event') return true;
  return finality === 'instant' ? data?.['repeat'] !== true : data?.['status'] === 'final';
}
