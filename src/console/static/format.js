const compact = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
];

/** Formats US dollars with four significant digits: $1.234B, $56.70M, $812.40. */
export function money(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  // Beyond all money of the world digits say nothing.
  if (magnitude >= 1e18) return `${value < 0 ? '−' : ''}$${magnitude.toExponential(2)}`;
  const [unit, suffix] = compact.find(([size]) => magnitude >= size * 0.99995) ?? [1, ''];
  const scaled = magnitude / unit;
  const digits = scaled >= 100 ? 1 : scaled >= 10 ? 2 : suffix ? 3 : 2;
  return `${value < 0 ? '−' : ''}$${scaled.toFixed(digits)}${suffix}`;
}

/** Formats a price with as many digits as it needs: $67,512.30, $1.0002, $0.00001234. */
export function price(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (magnitude === 0) return '$0';
  if (magnitude >= 1e18) return `$${value.toExponential(2)}`;
  const places = magnitude >= 100 ? 2 : magnitude >= 1 ? 4 : Math.min(12, 3 - Math.floor(Math.log10(magnitude)));
  return `$${value.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places })}`;
}

/** Formats percent with an arrow as its sign, so that the direction is not shown by colour alone. */
export function percent(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'new';
  const magnitude = Math.abs(value);
  const text =
    magnitude >= 1000 ? Math.round(magnitude).toLocaleString('en-US') : magnitude.toFixed(magnitude >= 100 ? 1 : 2);
  return `${direction(value) === 'up' ? '▲' : direction(value) === 'down' ? '▼' : '·'} ${text} %`;
}

export function direction(value) {
  if (value === null || value === undefined || Math.abs(value) < 0.005) return '';
  return value > 0 ? 'up' : 'down';
}

export function count(value) {
  return value.toLocaleString('en-US');
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

export const clock = (ms) => clockTime.format(ms);
export const moment = (ms) => dayTime.format(ms);

export function milliseconds(value) {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** Formats `op-mainnet` as `Op Mainnet`; short names are acronyms: `bsc` → `BSC`. */
export function chainName(chain) {
  if (!chain) return '';
  if (chain === 'all') return 'all chains';
  return chain
    .split('-')
    .map((word) => (word.length <= 3 ? word.toUpperCase() : word[0].toUpperCase() + word.slice(1)))
    .join(' ');
}
