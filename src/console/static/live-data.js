import { LagWindow, RateWindow, loggedAt } from './lag.js';
import { go } from './links.js';
import { startSearch } from './search.js';
import { Store } from './store.js';
import { Stream } from './stream.js';

/**
 * The page's connection and the values received so far. It stays open while views change, so that each begins with the
 * current values.
 */
export class LiveData {
  stream = new Stream();
  store = new Store();
  lags = new LagWindow();
  rates = new RateWindow();

  constructor(key) {
    this.key = key;
    this.stream.addEventListener('restart', () => this.store.restart());
    this.stream.addEventListener('snapshot', ({ detail }) => detail.forEach((item) => this.store.apply(item)));
    this.stream.addEventListener('change', ({ detail }) => this.#count(detail));
  }

  /** Parts of a view's context. `choose` shows a protocol or token in the chart. */
  get shared() {
    const { stream, store, lags, rates } = this;
    return { stream, store, lags, rates, choose };
  }

  startSearch() {
    startSearch(this.store, choose);
  }

  #count({ event, live }) {
    this.store.apply(event);
    const now = Date.now();
    this.rates.add(now);
    // Replayed events are excluded: the interruption delayed them, not the service.
    if (live) this.lags.add(now, Math.max(0, now + this.stream.clockOffset - loggedAt(event.eventId)));
  }
}

const choose = ({ metric, id }) => go(['live'], { [metric]: id });
