import { SlicedWork } from '../../../platform/loop/slices.js';
import type { DeliveredEvent } from '../wire/encoded-event.js';
import type { ClientLink } from '../wire/link.js';
import { LatestBuffer } from './latest-buffer.js';
import type { LogHost } from './log-host.js';

/** Waiting events that are too many for one turn of the event loop. */
const MANY_WAITING = 500;

/** Delivery of one connection in mode `latest`: events wait for the end of an interval. */
export class LatestDelivery {
  private buffer: LatestBuffer | undefined;

  /** `sent` is called after events were given to the link. */
  constructor(
    private readonly link: ClientLink,
    private readonly host: Pick<LogHost, 'elapsed' | 'position' | 'encode'>,
    private readonly sent: () => void,
  ) {}

  /** Number of waiting events. */
  get size(): number {
    return this.buffer?.size ?? 0;
  }

  /** Position up to which all events have been sent, in mode `latest` and while events wait; otherwise undefined. */
  get sentTo(): number | undefined {
    return this.buffer && this.buffer.size > 0 ? this.buffer.sentTo : undefined;
  }

  /** Turns the mode on, or changes its interval, ms. */
  start(intervalMs: number): void {
    this.buffer ??= new LatestBuffer(intervalMs, this.host.elapsed(), this.host.position);
    this.buffer.setInterval(intervalMs, this.host.elapsed());
  }

  /** Sends what waits and turns the mode off; if many events wait, `sendInSlices` must send most of them before. */
  end(): void {
    this.flush();
    this.buffer = undefined;
  }

  /** Lets an event wait; false: the mode is off. */
  add(event: DeliveredEvent, names: readonly string[]): boolean {
    if (this.buffer === undefined) return false;
    this.buffer.add(event, names);
    return true;
  }

  isDue(elapsed: number): boolean {
    return this.buffer !== undefined && this.buffer.isDue(elapsed);
  }

  /** Sends the events of the intervals that are over, until `isOver`. Returns their number. */
  sendDue(elapsed: number, isOver: () => boolean): number {
    this.buffer?.endIfDue(elapsed, this.host.position);
    return this.send(isOver);
  }

  /**
   * Sends waiting events in several turns of the event loop if they are many, as long as `mayGoOn`, so that few are left for
   * `flush`. Returns their number.
   */
  async sendInSlices(mayGoOn: () => boolean): Promise<number> {
    const { buffer } = this;
    if (!buffer || buffer.size < MANY_WAITING) return 0;
    buffer.endInterval(this.host.elapsed(), this.host.position);
    const slices = new SlicedWork();
    let sent = 0;
    while (buffer.isSending && buffer === this.buffer && mayGoOn()) {
      await slices.nextSlice();
      sent += this.send(() => slices.isSliceOver);
    }
    return sent;
  }

  /** Sends the waiting events now and returns their number. */
  flush(): number {
    this.buffer?.endInterval(this.host.elapsed(), this.host.position);
    return this.send(() => false);
  }

  private send(isOver: () => boolean): number {
    if (!this.buffer) return 0;
    const count = this.buffer.send((event, names, merged) => {
      const encoded = this.host.encode(event);
      if (encoded) this.link.sendEvent(encoded, names, merged);
    }, isOver);
    if (count > 0) this.sent();
    return count;
  }
}
