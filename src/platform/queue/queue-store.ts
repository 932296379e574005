import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Builds the back-end of a queue or worker; the store supplies the connection. */
export type StoreBackendFactory = BackendFactory<IQueueBackend, object>;

/** Store of jobs. It is the `connection` in BullMQ's options, which Nest passes from a queue to its workers. */
export abstract class QueueStore {
  abstract readonly kind: 'redis' | 'postgres';
  /** Whether jobs can be added now, as far as is known without a request. */
  abstract readonly reachable: boolean;
  abstract readonly backends: StoreBackendFactory;
  /** Calls the listener when everything made so far must reconnect. */
  abstract onReplaced(listener: () => void): void;
  /** Stops after all its users, since the module of the queues is global. */
  abstract onApplicationShutdown(): Promise<void>;
}

/** Returns the store in options of BullMQ. */
export function storeIn(connection: object): QueueStore {
  if (connection instanceof QueueStore) return connection;
  throw new Error('queues and workers are registered with the QueueModule');
}
