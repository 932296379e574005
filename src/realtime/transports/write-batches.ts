import { Injectable } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';

/** Something that collects its writes until it is told to hand them to the network. */
export interface BatchedWriter {
  flushWrites(): void;
}

/**
 * One timer for the writes of all connections: whoever has something to say signs up, and at the next flush everything a
 * connection collected goes out in one system call. System calls, not bytes, are what a delivery costs.
 */
@Injectable()
export class WriteBatches {
  private waiting: BatchedWriter[] = [];

  constructor(private readonly settings: Settings) {}

  add(writer: BatchedWriter): void {
    this.waiting.push(writer);
    if (this.waiting.length > 1) return;
    if (this.settings.flushMs > 0) setTimeout(this.flush, this.settings.flushMs);
    else setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    const writers = this.waiting;
    this.waiting = [];
    for (const writer of writers) writer.flushWrites();
  };
}
