import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { Cost } from '../core/cost.js';
import { QueryPool } from './query-pool.js';

/** Who would wait longer is told to come back instead: of its 30 s a query keeps a third to run. */
const LONGEST_WAIT_MS = 20_000;
const LONGEST_QUEUE = 2_000;
/** What a query costs whatever it reads, in rows: planning and the way there and back. */
const EVERY_QUERY_ROWS = 3_000;
/** Share that the past keeps with every query that ends. */
const KEPT = 0.95;

type Class = 'light' | 'heavy';

interface Waiting {
  readonly rows: number;
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

/** How long queries of one class have taken for how many rows, the newest counting most. */
class Pace {
  constructor(
    private ms: number,
    private rows: number,
  ) {}

  note(rows: number, ms: number): void {
    this.ms = KEPT * this.ms + ms;
    this.rows = KEPT * this.rows + rows;
  }

  msOf(rows: number): number {
    return (rows * this.ms) / this.rows;
  }
}

/**
 * Lets in as many queries as there are connections, heavy ones on half of them at most. The others wait in order, light
 * ones first, unless their turn will not come in time: then they are refused at once. When that is follows from what those
 * before them have to read: a crowd of small queries is no reason to turn anyone away.
 */
@Injectable()
export class Admission {
  private readonly running: Record<Class, number> = { light: 0, heavy: 0 };
  private readonly queues: Record<Class, Set<Waiting>> = { light: new Set(), heavy: new Set() };
  private readonly waitingRows: Record<Class, number> = { light: 0, heavy: 0 };
  private readonly pace: Record<Class, Pace> = {
    light: new Pace(200, 20 * (EVERY_QUERY_ROWS + 2_000)),
    heavy: new Pace(20 * 500, 20 * 1_000_000),
  };
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
  async run<T>(cost: Cost, waitMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const kind = cost.heavy ? 'heavy' : 'light';
    const rows = cost.rows + EVERY_QUERY_ROWS;
    await this.turn(kind, rows, Math.min(waitMs, LONGEST_WAIT_MS), signal);
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.pace[kind].note(rows, performance.now() - startedAt);
      this.running[kind] -= 1;
      this.next();
    }
  }

  private turn(kind: Class, rows: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.queues[kind].size === 0 && this.mayRun(kind)) {
      this.running[kind] += 1;
      return Promise.resolve();
    }
    const expectedMs = this.expectedWaitMs(kind, rows);
    if (expectedMs > waitMs || this.queues.light.size + this.queues.heavy.size >= LONGEST_QUEUE) {
      return Promise.reject(this.refusal(expectedMs));
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        if (this.queues[kind].delete(waiting)) this.waitingRows[kind] -= rows;
      };
      const waiting: Waiting = {
        rows,
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
      const timer = setTimeout(() => waiting.refuse(this.refusal(this.expectedWaitMs(kind, rows))), waitMs);
      signal.addEventListener('abort', leave, { once: true });
      this.queues[kind].add(waiting);
      this.waitingRows[kind] += rows;
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

  /** Until those before it and itself are through. */
  private expectedWaitMs(kind: Class, rows: number): number {
    const { heavy } = this.queues;
    const heavySlots = Math.min(this.heavySlots, this.running.heavy + heavy.size);
    const slots = kind === 'heavy' ? this.heavySlots : Math.max(1, this.pool.size - heavySlots);
    return this.pace[kind].msOf(this.waitingRows[kind] + rows) / slots;
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
