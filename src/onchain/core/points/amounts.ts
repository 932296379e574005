/** Micro-points of a point. */
const MICRO = 1_000_000n;
const DECIMALS = 6;
/** Milliseconds of a day: rates are micro-points per day, times are milliseconds. */
export const DAY_MS = 86_400_000n;
/** Points as clients send them: whole digits, then at most six decimals. */
const POINTS = /^(\d{1,60})(?:\.(\d{1,6}))?$/;

/** Writes micro-points as points: decimal text with at most six decimals and no trailing zeros. */
export function formatPoints(micro: bigint): string {
  const sign = micro < 0n ? '-' : '';
  const size = micro < 0n ? -micro : micro;
  // A number of millionths is written with the digits that it needs: `0`, `0.1`, `0.000001`.
  const fraction = String(Number(size % MICRO) / Number(MICRO));
  return `${sign}${size / MICRO}${fraction.slice(1)}`;
}

/** Reads points of at most six decimals, 0 or more, as micro-points. Anything else is `undefined`. */
export function parsePoints(text: string): bigint | undefined {
  const [found, whole = '', decimals = ''] = POINTS.exec(text) ?? [];
  return found === undefined ? undefined : BigInt(whole) * MICRO + BigInt(decimals.padEnd(DECIMALS, '0'));
}

/** Micro-points of a numerator (micro-points per day * ms), rounded down, also below zero. */
export function microPoints(numerator: bigint): bigint {
  const whole = numerator / DAY_MS;
  return numerator < 0n && whole * DAY_MS !== numerator ? whole - 1n : whole;
}
