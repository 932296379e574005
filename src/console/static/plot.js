/** Returns a colour of the scheme, for canvases. */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Adds space above and below the values; a flat line is drawn in the middle. */
export function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const space = (high - low || Math.abs(high) * 0.01 || 1) * 0.12;
  return [low - space, high + space];
}

export function timeLabels(hours) {
  const format = new Intl.DateTimeFormat(
    'en-GB',
    hours <= 24 ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' },
  );
  return (_plot, splits) => splits.map((at) => format.format(at * 1000));
}

/** Formats labels with as many decimals as are needed to distinguish neighbouring ones. */
export function axisLabels(splits, metric) {
  const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
  const largest = Math.max(...splits.map(Math.abs));
  const [unit, suffix] = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ].find(([size]) => largest >= size && (metric === 'tvl' || size > 1e3)) ?? [1, ''];
  const places = Math.max(0, Math.min(10, Math.ceil(-Math.log10(step / unit) - 1e-9)));
  return splits.map(
    (value) =>
      `$${(value / unit).toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places })}${suffix}`,
  );
}
