/** Unit of a number: US dollars, a fraction shown as percent, minutes, or a plain number. */
export type Unit = 'usd' | 'percent' | 'minutes' | 'count';

/** Decimals of amounts of at least 1; smaller amounts keep this many significant digits (`SMALL_DIGITS`). */
const DECIMALS = 2;
const SMALL_DIGITS = { usd: 6, count: 6, percent: 2, minutes: 2 } as const;
/** Maximum number of decimals up to which a threshold is shown with all decimals that its author wrote. */
const MAX_WRITTEN_DECIMALS = 12;
/** Maximum number of decimals that `Intl` supports; smaller numbers are shown with significant digits only. */
const MAX_DECIMALS = 100;
/** Number of significant digits that distinguish every double from its neighbours. */
const ALL_DIGITS = 17;

const SCALES = [
  [12, ' T'],
  [9, ' B'],
  [6, ' M'],
] as const;

const MINUS = '−';

const COUNTED = new Set(['points', 'staked_tokens', 'event']);

/**
 * Returns the unit of the number that a condition compares: minutes for absences, fractions for changes, none for points and tokens,
 * US dollars for everything else.
 */
export function unitOf(metric: string, type = ''): Unit {
  if (type === 'absent') return 'minutes';
  if (type === 'change_pct' || metric.startsWith('change_')) return 'percent';
  return COUNTED.has(metric) ? 'count' : 'usd';
}

/** Returns the unit of a member of an event's data by its name: names of amounts in US dollars end in `Usd`. */
export function unitOfField(field = ''): Unit {
  return field.toLowerCase().endsWith('usd') ? 'usd' : 'count';
}

/** Formats one number for people: `$2.68 B`, `−12 %`, `$0.0000000015`. Never with an exponent. */
export function figure(value: number, unit: Unit): string {
  return shown(value, unit, decimalsOf(value, unit));
}

/**
 * Formats a value and the threshold with which it is compared. Both have enough digits to be distinguished, and the
 * threshold has all digits that its author wrote: a stablecoin must not be "$1.00, above $1.00". The figures are in the
 * same order as the numbers.
 */
export function comparedFigures(value: number, threshold: number, unit: Unit): [string, string] {
  const written = Math.max(decimalsOf(threshold, unit), writtenDecimals(threshold, unit));
  return distinctFigures(value, threshold, unit, Math.max(decimalsOf(value, unit), written));
}

/** Digits of the difference between two values that their figures show. */
const DIFFERENCE_DIGITS = 2;

/** Formats two values of one series so that their figures differ as the values do: `$1.0045` and `$1.0055`, not `$1.00` and `$1.01`. */
export function movedFigures(current: number, reference: number, unit: Unit): [string, string] {
  const scale = scaleOf(Math.max(Math.abs(current), Math.abs(reference)), unit);
  const difference = Math.abs(current - reference);
  const digits = difference === 0 ? 0 : scale - powerOf(difference) + DIFFERENCE_DIGITS - 1;
  return distinctFigures(
    current,
    reference,
    unit,
    Math.max(...[current, reference].map((value) => decimalsOf(value, unit)), digits),
  );
}

function distinctFigures(value: number, threshold: number, unit: Unit, least: number): [string, string] {
  for (let decimals = least; ; decimals++) {
    // Two adjacent doubles may look equal in millions, but differ when written in dollars.
    const scales = decimals <= least + ALL_DIGITS;
    const [one, other] = [shown(value, unit, decimals, scales), shown(threshold, unit, decimals, scales)];
    if (one === other && value !== threshold && decimals <= MAX_DECIMALS) continue;
    return unit === 'usd' && isAmount(value) && isAmount(threshold) ? alike(one, other) : [one, other];
  }
}

const isAmount = (value: number): boolean => Math.abs(value) >= 1;

/** Gives two amounts of money with the same suffix the same number of decimals. */
function alike(one: string, other: string): [string, string] {
  if (one.slice(-2).trimStart() !== other.slice(-2).trimStart() && (/[A-Z]$/.test(one) || /[A-Z]$/.test(other))) {
    return [one, other];
  }
  const decimals = Math.max(fractionOf(one), fractionOf(other));
  return [padded(one, decimals), padded(other, decimals)];
}

const fractionOf = (text: string): number => /\.(\d+)/.exec(text)?.[1]?.length ?? 0;

function padded(text: string, decimals: number): string {
  if (decimals === 0) return text;
  return text.replace(/(\d)(?:\.(\d+))?(?= |$)/, (_, last: string, fraction = '') => {
    return `${last}.${String(fraction).padEnd(decimals, '0')}`;
  });
}

function shown(value: number, unit: Unit, decimals: number, scales = true): string {
  // A change from nearly zero can exceed the largest double.
  if (!Number.isFinite(value)) return `${value < 0 ? MINUS : ''}∞`;
  const size = Math.abs(value);
  const amount = unit === 'usd' ? money(size, decimals, scales) : grouped(size, decimals, unit);
  const sign = value < 0 && /[1-9]/.test(amount) ? MINUS : '';
  return `${sign}${amount}${unit === 'percent' ? ' %' : unit === 'minutes' ? ' min' : ''}`;
}

function money(size: number, decimals: number, scales: boolean): string {
  const index = scales ? SCALES.findIndex(([power]) => size >= 10 ** power) : -1;
  const scale = SCALES[index];
  const number = grouped(scale === undefined ? size : shifted(size, -scale[0]), decimals, 'usd');
  // If rounding reaches the next suffix, that suffix is used: 999,999,999 is shown as one billion, not as a thousand
  // million.
  const next = scale === undefined ? (scales ? SCALES.at(-1) : undefined) : SCALES[index - 1];
  if (next !== undefined && number === (scale === undefined ? '1,000,000' : '1,000')) return `$1${next[1]}`;
  return `$${number.replace(/\.\d$/, '$&0')}${scale?.[1] ?? ''}`;
}

/** Shifts the decimal point in the decimal notation, because multiplication would round: 0.07 is exactly 7 percent. */
function shifted(value: number, by: number): number {
  const [mantissa, exponent] = value.toExponential().split('e');
  return Number(`${mantissa}e${Number(exponent) + by}`);
}

const formats = new Map<string, Intl.NumberFormat>();

function grouped(size: number, decimals: number, unit: Unit): string {
  const key = `${unit === 'percent'} ${Math.min(decimals, MAX_DECIMALS + 1)}`;
  let format = formats.get(key);
  if (format === undefined) formats.set(key, (format = new Intl.NumberFormat('en-US', options(decimals, unit))));
  return format.format(size).replace('%', '');
}

function options(decimals: number, unit: Unit): Intl.NumberFormatOptions {
  const style = unit === 'percent' ? 'percent' : 'decimal';
  return decimals > MAX_DECIMALS
    ? { style, maximumSignificantDigits: ALL_DIGITS }
    : { style, maximumFractionDigits: decimals };
}

/** Returns the number of decimals for a number that is not compared with another. */
function decimalsOf(value: number, unit: Unit): number {
  const exponent = exponentOf(value, unit);
  return exponent >= 0 ? DECIMALS : Math.max(DECIMALS, SMALL_DIGITS[unit] - exponent - 1);
}

/** Returns the number of decimals with which a number was written, in its unit. */
function writtenDecimals(value: number, unit: Unit): number {
  const digits = (Math.abs(value).toExponential().split('e')[0] ?? '').length - 2;
  const exponent = exponentOf(value, unit);
  return Math.min(Math.max(0, digits - exponent), MAX_WRITTEN_DECIMALS + Math.max(0, -exponent - 1));
}

/** Returns the power of ten of a number's first significant digit, in its unit. */
function exponentOf(value: number, unit: Unit): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  return powerOf(value) - scaleOf(value, unit);
}

/** Returns the power of ten of the unit in which a number is shown: 6 for millions of dollars, -2 for percent. */
function scaleOf(value: number, unit: Unit): number {
  if (unit === 'percent') return -2;
  const scale = unit === 'usd' && value !== 0 ? SCALES.find(([least]) => powerOf(value) >= least) : undefined;
  return scale?.[0] ?? 0;
}

function powerOf(value: number): number {
  return Number(Math.abs(value).toExponential().split('e')[1]);
}
