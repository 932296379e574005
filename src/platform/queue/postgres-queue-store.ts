import { PostgresConnection, PostgresQueueBackend } from 'bullmq';
import { QueuePool } from './queue-pool.js';
import { QueueStore, type StoreBackendFactory } from './queue-store.js';
import { StoreState } from './store-state.js';

/** Connections that all queues share for adding and counting jobs. */
const SHARED_CONNECTIONS = 2;
/** Connections of a worker: one waits for notifications; the others fetch and finish jobs and renew their locks. */
const WORKER_CONNECTIONS = 3;

/**
 * Connection that skips BullMQ's schema check, which the application has done at its start. If BullMQ's own check failed
 * once, it would never be repeated.
 */
class ReadyConnection extends PostgresConnection {
  override async waitUntilReady(): Promise<void> {}
}

/** Queues in the application's PostgreSQL. Workers are woken by notifications, so they need not poll. */
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
