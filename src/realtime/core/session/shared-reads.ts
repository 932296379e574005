import type { LogEvent, LogPage } from '../../../events/index.js';
import type { StoredEvents } from './log-ports.js';

/** Number of pages kept for further readers: about 20 MB with pages of 500 events. */
const KEPT_PAGES = 64;

/**
 * Shares log reads between the many clients that reconnect at once and read nearly the same range. Reads are cut into pages at
 * fixed positions of the log, so that readers at different positions wait for the same query. A page with large data ends early
 * and is followed by another one. Pages that others follow never change and are kept for a while.
 */
export class SharedReads {
  private readonly pages = new Map<number, Promise<LogPage>>();

  constructor(
    private readonly log: StoredEvents,
    private readonly pageSize: number,
  ) {}

  bounds(): Promise<{ epoch: string; firstSeq: number; headSeq: number }> {
    return this.log.bounds();
  }

  async read(afterSeq: number, limit: number): Promise<LogEvent[]> {
    let start = Math.floor(afterSeq / this.pageSize) * this.pageSize;
    const end = start + this.pageSize;
    while (start <= afterSeq) {
      const page = await (this.pages.get(start) ?? this.fetch(start, end));
      const events = page.events.filter(({ seq }) => seq > afterSeq).slice(0, limit);
      if (events.length > 0) return events;
      if (!page.hasMore) break;
      start = page.events.at(-1)?.seq ?? end;
    }
    // The page was read before the log reached this position: it is read again.
    return (await this.log.readPage(afterSeq, limit)).events;
  }

  /** Drops all pages of a log that was replaced: in the new log the same numbers may be other events. */
  clear(): void {
    this.pages.clear();
  }

  private fetch(start: number, end: number): Promise<LogPage> {
    const page = this.log.readPage(start, end - start);
    this.pages.set(start, page);
    const forget = () => {
      if (this.pages.get(start) === page) this.pages.delete(start);
    };
    page.then(({ hasMore }) => (hasMore ? this.trim() : forget()), forget);
    return page;
  }

  private trim(): void {
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= KEPT_PAGES) return;
      this.pages.delete(oldest);
    }
  }
}
