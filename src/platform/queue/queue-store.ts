import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Builds what a queue or worker talks to; the connection is the store's affair, so callers give none. */
export type StoreBackendFactory = BackendFactory<IQueueBackend, object>;

/** Where jobs live. */
export interface QueueStore {
  readonly kind: 'redis' | 'postgres';
  /** Whether jobs can be added right now, as far as is known without asking. */
  readonly reachable: boolean;
  readonly backends: StoreBackendFactory;
  /** Calls the listener when everything made so far must be connected anew. */
  onReplaced(listener: () => void): void;
  /** After everything that uses it. */
  close(): Promise<void>;
}
