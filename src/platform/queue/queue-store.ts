import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Builds what a queue or worker talks to; the connection is the store's affair. */
export type StoreBackendFactory = BackendFactory<IQueueBackend, object>;

/** Where jobs live. It stands in BullMQ's options as the `connection`, which Nest hands from a queue to its workers. */
export abstract class QueueStore {
  abstract readonly kind: 'redis' | 'postgres';
  /** Whether jobs can be added right now, as far as is known without asking. */
  abstract readonly reachable: boolean;
  abstract readonly backends: StoreBackendFactory;
  /** Calls the listener when everything made so far must be connected anew. */
  abstract onReplaced(listener: () => void): void;
  /** The module of the queues is global, so Nest stops it after all that uses it. */
  abstract onApplicationShutdown(): Promise<void>;
}

/** The store that stands in options of BullMQ. */
export function storeIn(connection: object): QueueStore {
  if (connection instanceof QueueStore) return connection;
  throw new Error('queues and workers are registered with the QueueModule');
}
