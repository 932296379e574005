import { Injectable } from '@nestjs/common';
import type { LogEvent } from '../core/log-event.js';
import { Broker, type BatchListener } from '../feed/broker.js';

/** Broker of a single process: `publish` calls the listeners synchronously, in the order in which they subscribed. */
@Injectable()
export class MemoryBroker extends Broker {
  private readonly listeners = new Set<BatchListener>();

  override publish(batch: readonly LogEvent[]): Promise<void> {
    for (const listener of this.listeners) listener(batch);
    return Promise.resolve();
  }

  override subscribe(listener: BatchListener): () => void {
    // A wrapper per subscription: if the same function subscribes twice, each subscription can be ended separately.
    const entry: BatchListener = (batch) => listener(batch);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  override close(): Promise<void> {
    this.listeners.clear();
    return Promise.resolve();
  }
}
