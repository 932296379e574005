export interface SampleOptions {
  /** Text in a delivery directly before the number of its change, for example `"tags":["n`. */
  readonly mark: string;
  /**
   * One in this many deliveries of a client is recorded; 1: all. Clients take turns, so that each change is recorded by
   * some.
   */
  readonly every: number;
}

/** Parallel lists: client, number after the mark, Unix milliseconds of arrival. */
export interface SampleLists {
  readonly clients: Int32Array;
  readonly changes: Int32Array;
  readonly at: Float64Array;
}

const FIRST_ROOM = 65_536;
const ZERO = 48;

/** Records arrival times of deliveries: numbers in arrays that grow by doubling, without allocations per delivery. */
export class Samples {
  private readonly mark: Buffer;
  private readonly every: number;
  private clients = new Int32Array(FIRST_ROOM);
  private changes = new Int32Array(FIRST_ROOM);
  private at = new Float64Array(FIRST_ROOM);
  private size = 0;

  constructor(options: SampleOptions | undefined) {
    this.mark = Buffer.from(options?.mark ?? '');
    this.every = options?.every ?? 0;
  }

  /** Whether this delivery of the client is recorded. */
  wants(client: number, count: number): boolean {
    return this.every > 0 && (count + client) % this.every === 0;
  }

  /** Returns false if the mark or the complete number after it has not arrived. */
  add(client: number, data: Buffer, start: number, end: number): boolean {
    const found = data.indexOf(this.mark, start);
    let digit = found + this.mark.length;
    if (found < 0 || digit >= end) return false;
    let change = 0;
    for (; digit < end; digit += 1) {
      const value = (data[digit] ?? 0) - ZERO;
      if (value < 0 || value > 9) break;
      change = change * 10 + value;
    }
    if (digit >= end) return false;
    if (this.size === this.at.length) this.grow();
    this.clients[this.size] = client;
    this.changes[this.size] = change;
    this.at[this.size] = performance.timeOrigin + performance.now();
    this.size += 1;
    return true;
  }

  /** Returns and drops all records since the previous call. */
  take(): SampleLists {
    const { size } = this;
    this.size = 0;
    return {
      clients: this.clients.slice(0, size),
      changes: this.changes.slice(0, size),
      at: this.at.slice(0, size),
    };
  }

  private grow(): void {
    const room = this.size * 2;
    const { clients, changes, at } = this;
    (this.clients = new Int32Array(room)).set(clients);
    (this.changes = new Int32Array(room)).set(changes);
    (this.at = new Float64Array(room)).set(at);
  }
}
