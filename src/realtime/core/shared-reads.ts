import type { LogEvent } from '../../events/index.js';
import type { StoredEvents } from './sources.js';

/** Number of full pages kept for further readers: about 20 MB with pages of 500 events. */
const KEPT_PAGES = 64;

/**
 * Shares log reads between the many clients that reconnect at once and read nearly the same range. Reads are cut into pages at
 * fixed positions of the log, so that readers at different positions wait for the same query; full pages never change and are
 * kept for a while.
 */
export class SharedReads implements StoredEvents {
  private readonly pages = new Map<number, Promise<readonly LogEvent[]>>();

  constructor(
    private readonly log: StoredEvents,
    private readonly pageSize: number,
  ) {}

  bounds(): Promise<{ epoch: string; firstSeq: number; headSeq: number }> {
    return this.log.bounds();
  }

  async read(afterSeq: number, limit: number): Promise<LogEvent[]> {
    const start = Math.floor(afterSeq / this.pageSize) * this.pageSize;
    const page = await (this.pages.get(start) ?? this.fetch(start));
    const events = page.filter(({ seq }) => seq > afterSeq).slice(0, limit);
    // Pages may have been read before the log reached this position: an empty result is read again.
    return events.length > 0 ? events : this.log.read(afterSeq, limit);
  }

  /** Drops all pages of a log that was replaced: in the new log the same numbers may be other events. */
  clear(): void {
    this.pages.clear();
  }

  private fetch(start: number): Promise<readonly LogEvent[]> {
    const page = this.log.read(start, this.pageSize);
    this.pages.set(start, page);
    const forget = () => {
      if (this.pages.get(start) === page) this.pages.delete(start);
    };
    page.then((events) => (events.length < this.pageSize ? forget() : this.trim()), forget);
    return page;
  }

  private trim(): void {
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= KEPT_PAGES) return;
      this.pages.delete(oldest);
    }
  }
}
