import { isEvent, type Gap, type StreamMessage } from './events.js';

/** Maximum number of messages that wait for an iterator. */
const MAX_BUFFERED = 10_000;

interface Waiting {
  resolve(result: IteratorResult<StreamMessage, undefined>): void;
  reject(error: unknown): void;
}

/** Returns the key under which a newer message replaces an older one. */
function keyOf(message: StreamMessage): string {
  if (message.eventType === 'tvl_change') return `tvl ${message.protocol} ${message.chain}`;
  if (message.eventType === 'price_change') return `price ${message.token}`;
  return isEvent(message) ? message.eventId : message.eventType;
}

/**
 * Messages that wait for an iterator. Beyond the bound the newest per key are kept, and a `gap` is reported: the buffer is
 * never unbounded and never silently incomplete.
 */
export class MessageBuffer implements AsyncIterableIterator<StreamMessage, undefined> {
  private messages: StreamMessage[] = [];
  private waiting: Waiting[] = [];
  private taken = 0;
  private ended = false;
  private error: unknown;

  constructor(private readonly onReturn: () => void) {}

  push(message: StreamMessage): void {
    const reader = this.waiting.shift();
    if (reader) return reader.resolve({ done: false, value: message });
    this.messages.push(message);
    if (this.messages.length - this.taken > MAX_BUFFERED) this.compact();
  }

  /** Ends the iteration after the waiting messages, with an error if there is one. */
  end(error?: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    const { waiting } = this;
    this.waiting = [];
    for (const reader of waiting) this.settle(reader);
  }

  next(): Promise<IteratorResult<StreamMessage, undefined>> {
    const value = this.messages[this.taken];
    if (value) {
      // Removing from the front of a long array moves all of it; read messages are dropped in bulk.
      if (++this.taken > 1_000 || this.taken === this.messages.length) {
        this.messages = this.messages.slice(this.taken);
        this.taken = 0;
      }
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      if (this.ended) this.settle({ resolve, reject });
      else this.waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<StreamMessage, undefined>> {
    this.messages = [];
    this.taken = 0;
    this.end();
    this.onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private settle({ resolve, reject }: Waiting): void {
    const { error } = this;
    this.error = undefined;
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }

  private compact(): void {
    const waiting = this.messages.slice(this.taken);
    const newest = new Map<string, StreamMessage>();
    for (const message of waiting) {
      const key = keyOf(message);
      newest.delete(key);
      newest.set(key, message);
    }
    const cursorOf = (message: StreamMessage | undefined) =>
      message && 'cursor' in message ? message.cursor : undefined;
    const kept = [...newest.values()].slice(-MAX_BUFFERED / 2);
    const gap: Gap = {
      eventType: 'gap',
      reason: 'slow_consumer',
      from: cursorOf(waiting[0]),
      to: cursorOf(waiting.at(-1)),
    };
    this.messages = [gap, ...kept.filter(({ eventType }) => eventType !== 'gap')];
    this.taken = 0;
  }
}
