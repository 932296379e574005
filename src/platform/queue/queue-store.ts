import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Builds the BullMQ back-end of a queue or worker; the store supplies the connection. */
export type StoreBackendFactory = BackendFactory<IQueueBackend, object>;

/** Store of jobs. It is passed as the `connection` in BullMQ's options, which Nest copies from a queue to its workers. */
export abstract class QueueStore {
  abstract readonly kind: 'redis' | 'postgres';
  /** Whether the store is connected, as far as the process can see without sending a request. */
  abstract readonly reachable: boolean;
  abstract readonly backends: StoreBackendFactory;
  /** Calls the listener when all queues and workers must connect anew. */
  abstract onReplaced(listener: () => void): void;
  /** Closes the store. Nest calls this after it has stopped all modules that use queues, because QueueModule is global. */
  abstract onApplicationShutdown(): Promise<void>;
}

/** Returns the store from BullMQ's options. */
export function storeIn(connection: object): QueueStore {
  if (connection instanceof QueueStore) return connection;
  throw new Error('queues and workers must be registered with QueueModule');
}
