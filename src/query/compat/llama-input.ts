import { inputFault } from '../../platform/input/faults.js';
import { SEARCH_WIDTH } from './compat.dto.js';

const MAX_COINS = 500;
const MAX_ADDRESS_BYTES = 32_768;
const UNITS_SECONDS: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3_600, m: 60, '': 1 };
const USUAL_WIDTH_SECONDS = 12 * 3_600;

/** Returns the distinct coins of a list; throws if there are too many for one request. */
export function askedCoins(list: string, address: string): string[] {
  const coins = new Set(list.split(',').map((coin) => coin.trim()));
  coins.delete('');
  if (coins.size <= MAX_COINS && address.length <= MAX_ADDRESS_BYTES) return [...coins];
  const detail = `At most ${MAX_COINS} coins and ${MAX_ADDRESS_BYTES / 1_024} KB of address per request; ask in several.`;
  throw inputFault('limit_exceeded', ':coins', 'too_many_coins', detail);
}

/** Returns the maximum age of a price in ms, from a text such as `600` (seconds), `4h` or `1W`. */
export function widthMs(text: string | undefined): number {
  const [, amount, unit = ''] = SEARCH_WIDTH.exec(text ?? '') ?? [];
  if (amount === undefined) return USUAL_WIDTH_SECONDS * 1_000;
  return Number(amount) * (UNITS_SECONDS[unit.toLowerCase()] ?? 1) * 1_000;
}
