import { Injectable } from '@nestjs/common';
import type { LogEvent } from '../core/log-event.js';
import { Broker, type BatchListener } from './broker.js';

/** Broker of a single process: listeners run inside `publish`, in the order in which they subscribed. */
@Injectable()
export class MemoryBroker extends Broker {
  private readonly listeners = new Set<BatchListener>();

  override publish(batch: readonly LogEvent[]): Promise<void> {
    for (const listener of this.listeners) listener(batch);
    return Promise.resolve();
  }

  override subscribe(listener: BatchListener): () => void {
    // Wrapper per subscription: the same function subscribed twice is two subscriptions.
    const entry: BatchListener = (batch) => listener(batch);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  override close(): Promise<void> {
    this.listeners.clear();
    return Promise.resolve();
  }
}
