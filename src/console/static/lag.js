const WINDOW_MS = 60_000;
const KEPT = 5_000;

/** Percentiles over the last minute, of at most the last 5,000 samples. */
export class LagWindow {
  #samples = [];

  add(at, lag) {
    this.#samples.push({ at, lag });
    if (this.#samples.length > KEPT) this.#samples.splice(0, this.#samples.length - KEPT);
  }

  percentiles(now) {
    const recent = this.#samples.filter(({ at }) => now - at < WINDOW_MS);
    this.#samples = recent;
    const sorted = recent.map(({ lag }) => lag).sort((a, b) => a - b);
    const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
    return { p50: at(0.5), p95: at(0.95) };
  }
}

/** Changes per second, for each of the last 60 seconds. */
export class RateWindow {
  #counts = new Map();

  add(now) {
    const second = Math.floor(now / 1000);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
  }

  /** Returns the counts, oldest first, without the current second, which is not complete. */
  perSecond(now, seconds = 60) {
    const last = Math.floor(now / 1000) - 1;
    for (const second of this.#counts.keys()) if (second < last - 60) this.#counts.delete(second);
    return Array.from({ length: seconds }, (_, i) => this.#counts.get(last - seconds + 1 + i) ?? 0);
  }

  /** Returns the mean of the last ten seconds. */
  rate(now) {
    return this.perSecond(now, 10).reduce((sum, value) => sum + value, 0) / 10;
  }
}

/** Returns the time at which the log numbered an event: the first 48 bits of its UUIDv7 are Unix milliseconds. */
export function loggedAt(eventId) {
  const text = String(eventId);
  return parseInt(text.slice(0, 8) + text.slice(9, 13), 16);
}
