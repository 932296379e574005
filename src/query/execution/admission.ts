import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { QueryPool } from './query-pool.js';

/** Who would wait longer is told to come back instead. */
const LONGEST_WAIT_MS = 10_000;
const LONGEST_QUEUE = 2_000;
/** Weight of the newest duration in the running mean. */
const NEWEST = 0.1;

type Class = 'light' | 'heavy';

interface Waiting {
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Lets in as many queries as there are connections, heavy ones on half of them at most. The others wait in order, light
 * ones first, unless their turn will not come in time: then they are refused at once.
 */
@Injectable()
export class Admission {
  private readonly running: Record<Class, number> = { light: 0, heavy: 0 };
  private readonly queues: Record<Class, Set<Waiting>> = { light: new Set(), heavy: new Set() };
  private readonly meanMs: Record<Class, number> = { light: 10, heavy: 300 };
  private readonly refused: Counter;
  /** Queries that wait for a connection. */
  readonly waiting: Gauge;

  constructor(
    private readonly pool: QueryPool,
    metrics: Metrics,
  ) {
    this.refused = new Counter({
      name: 'query_refused_total',
      help: 'Queries answered 503 because their turn would not have come in time.',
      registers: [metrics.registry],
    });
    const { queues } = this;
    this.waiting = new Gauge({
      name: 'query_waiting',
      help: 'Queries that wait for a connection.',
      registers: [metrics.registry],
      collect() {
        this.set(queues.light.size + queues.heavy.size);
      },
    });
  }

  /** Runs the work when its turn comes. Throws `unavailable` with the time after which a retry makes sense. */
  async run<T>(heavy: boolean, waitMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const kind = heavy ? 'heavy' : 'light';
    await this.turn(kind, Math.min(waitMs, LONGEST_WAIT_MS), signal);
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.meanMs[kind] += NEWEST * (performance.now() - startedAt - this.meanMs[kind]);
      this.running[kind] -= 1;
      this.next();
    }
  }

  private turn(kind: Class, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.queues[kind].size === 0 && this.mayRun(kind)) {
      this.running[kind] += 1;
      return Promise.resolve();
    }
    const expectedMs = this.expectedWaitMs(kind);
    if (expectedMs > waitMs || this.queues.light.size + this.queues.heavy.size >= LONGEST_QUEUE) {
      return Promise.reject(this.refusal(expectedMs));
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        this.queues[kind].delete(waiting);
      };
      const waiting: Waiting = {
        start: () => {
          end();
          resolve();
        },
        refuse: (error) => {
          end();
          reject(error);
        },
      };
      const leave = (): void => waiting.refuse(signal.reason);
      const timer = setTimeout(() => waiting.refuse(this.refusal(this.expectedWaitMs(kind))), waitMs);
      signal.addEventListener('abort', leave, { once: true });
      this.queues[kind].add(waiting);
    });
  }

  private mayRun(kind: Class): boolean {
    const { light, heavy } = this.running;
    if (light + heavy >= this.pool.size) return false;
    return kind === 'light' || heavy < this.heavySlots;
  }

  private get heavySlots(): number {
    return Math.max(1, Math.floor(this.pool.size / 2));
  }

  /** A waiting heavy query gets one connection at least, however many light ones there are. */
  private next(): void {
    const order: Class[] = this.running.heavy === 0 ? ['heavy', 'light'] : ['light', 'heavy'];
    for (const kind of order) {
      const [first] = this.queues[kind];
      if (first === undefined || !this.mayRun(kind)) continue;
      this.running[kind] += 1;
      first.start();
      return;
    }
  }

  private expectedWaitMs(kind: Class): number {
    const slots = kind === 'heavy' ? this.heavySlots : this.pool.size;
    return ((this.queues[kind].size + 1) * this.meanMs[kind]) / slots;
  }

  private refusal(expectedMs: number): DomainError {
    this.refused.inc();
    return new DomainError(
      'unavailable',
      'Too many queries at the moment; try again later, or ask something smaller.',
      {
        retryAfterMs: Math.max(1_000, expectedMs / 2),
      },
    );
  }
}
