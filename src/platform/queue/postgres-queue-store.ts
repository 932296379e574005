import { PostgresConnection, PostgresQueueBackend } from 'bullmq';
import { QueuePool } from './queue-pool.js';
import { QueueStore, type StoreBackendFactory } from './queue-store.js';
import { StoreState } from './store-state.js';

/** Connections that all queues share for adding and counting. */
const SHARED_CONNECTIONS = 2;
/** Connections of a worker: one waits for notifications, the others take, finish and renew. */
const WORKER_CONNECTIONS = 3;

/**
 * Connection that skips the schema check, which the start has done. BullMQ would check once more, and never again after one
 * failure.
 */
class ReadyConnection extends PostgresConnection {
  override async waitUntilReady(): Promise<void> {}
}

/** Jobs in the application's database. Notifications wake the workers, so that none polls. */
export class PostgresQueueStore extends QueueStore {
  readonly kind = 'postgres';
  readonly reachable = true;
  private readonly state = new StoreState('postgres');
  private readonly shared: QueuePool;
  private readonly pools: QueuePool[];

  constructor(private readonly url: string) {
    super();
    this.shared = new QueuePool(url, SHARED_CONNECTIONS, this.state);
    this.pools = [this.shared];
  }

  readonly backends: StoreBackendFactory = (name, options, { withBlockingConnection = false } = {}) => {
    const pool = withBlockingConnection ? this.workerPool() : this.shared;
    const listener = withBlockingConnection ? name : undefined;
    return new PostgresQueueBackend(new ReadyConnection(pool), name, { ...options, connection: pool }, true, listener);
  };

  /** Never called: the database stays the same. */
  onReplaced(): void {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.end()));
  }

  private workerPool(): QueuePool {
    const pool = new QueuePool(this.url, WORKER_CONNECTIONS, this.state);
    this.pools.push(pool);
    return pool;
  }
}
