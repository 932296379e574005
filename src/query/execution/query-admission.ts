import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { DomainError } from '../../platform/errors/domain-error.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { Cost } from '../core/plan/cost.js';
import { Arrivals } from './arrivals.js';
import { QueryPool, SPARE_CONNECTIONS } from './query-pool.js';

/** Longest wait of a query, ms; a query that would wait longer is refused. A third of its 30 s then remains for running. */
const WAIT_TIMEOUT_MS = 20_000;
const MAX_QUEUE_LENGTH = 2_000;
/**
 * Length of a turn, ms. While changes arrive, fewer queries run at the same time; a query that runs longer than a turn no
 * longer counts among them, so that it does not delay others.
 */
const MAX_TURN_MS = 2_000;
/** Fixed cost of a query for planning and the round trip, in rows. */
const EVERY_QUERY_ROWS = 3_000;
/** Factor by which the weight of past queries decreases with each query that ends. */
const DECAY = 0.95;

type Class = 'light' | 'heavy';

/** Query that requests admission. */
interface Asked {
  readonly kind: Class;
  readonly rows: number;
  /** API key of the caller. */
  readonly key: string;
}

interface Waiting {
  readonly key: string;
  readonly rows: number;
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

/** Waiting queries of one class in the order of their arrival, and the rows that each key's queries have to read. */
class Queue {
  readonly all = new Set<Waiting>();
  readonly rowsOf = new Map<string, number>();

  add(one: Waiting): void {
    this.all.add(one);
    this.rowsOf.set(one.key, (this.rowsOf.get(one.key) ?? 0) + one.rows);
  }

  delete(one: Waiting): void {
    if (!this.all.delete(one)) return;
    const rows = (this.rowsOf.get(one.key) ?? 0) - one.rows;
    if (rows > 0) this.rowsOf.set(one.key, rows);
    else this.rowsOf.delete(one.key);
  }
}

/** Measured time per row for queries of one class; the most recent queries have the greatest weight. */
class Pace {
  constructor(
    private ms: number,
    private rows: number,
  ) {}

  note(rows: number, ms: number): void {
    this.ms = DECAY * this.ms + ms;
    this.rows = DECAY * this.rows + rows;
  }

  msOf(rows: number): number {
    return (rows * this.ms) / this.rows;
  }
}

/**
 * Admits as many queries as there are connections, fewer while changes arrive, and heavy ones on at most half of the
 * connections. Other queries wait, light ones before heavy ones and keys in turn. A query whose turn would come too late is
 * refused immediately: its wait is estimated from the rows that the queries before it have to read, so many small queries do
 * not cause refusals. Long queries of one key do not delay other keys: a key without running queries may use one of the
 * spare connections.
 */
@Injectable()
export class QueryAdmission {
  private readonly running: Record<Class, number> = { light: 0, heavy: 0 };
  private readonly queues: Record<Class, Queue> = { light: new Queue(), heavy: new Queue() };
  private readonly runningOf = new Map<string, number>();
  private readonly pace: Record<Class, Pace> = {
    light: new Pace(200, 20 * (EVERY_QUERY_ROWS + 2_000)),
    heavy: new Pace(20 * 500, 20 * 1_000_000),
  };
  /** Running queries whose turn has not ended, by the timer that ends it. */
  private readonly inTurn = new Set<NodeJS.Timeout>();
  private readonly heavyInTurn = new Set<NodeJS.Timeout>();
  /**
   * Time by which heavy queries have run longer than the light ones after them, ms, at most one turn. Used if both classes
   * share a single connection.
   */
  private heavyLead = 0;
  private readonly refused: Counter;
  /** Number of queries that wait for a connection. */
  readonly waiting: Gauge;

  constructor(
    private readonly pool: QueryPool,
    private readonly arrivals: Arrivals,
    metrics: Metrics,
  ) {
    this.refused = new Counter({
      ...metricOf('query_refused_total'),
      registers: [metrics.registry],
    });
    const { queues } = this;
    this.waiting = new Gauge({
      ...metricOf('query_waiting'),
      registers: [metrics.registry],
      collect() {
        this.set(queues.light.all.size + queues.heavy.all.size);
      },
    });
  }

  /** Runs the work when its turn comes. Throws `unavailable`, with a time for a retry, if that would be too late. */
  async run<T>(
    cost: Pick<Cost, 'rows' | 'heavy'>,
    waitMs: number,
    signal: AbortSignal,
    work: () => Promise<T>,
    key = '',
  ): Promise<T> {
    const kind = cost.heavy ? 'heavy' : 'light';
    const rows = cost.rows + EVERY_QUERY_ROWS;
    const turn = await this.turn({ kind, rows, key }, Math.min(waitMs, WAIT_TIMEOUT_MS), signal);
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      clearTimeout(turn);
      this.endTurn(turn);
      const ms = performance.now() - startedAt;
      this.pace[kind].note(rows, ms);
      const lead = this.heavyLead + (kind === 'heavy' ? ms : -ms);
      this.heavyLead = Math.min(MAX_TURN_MS, Math.max(0, lead));
      this.running[kind] -= 1;
      this.count(key, -1);
      this.next();
    }
  }

  private turn({ kind, rows, key }: Asked, waitMs: number, signal: AbortSignal): Promise<NodeJS.Timeout> {
    if (this.mayRun(kind, key) && this.nextOf(kind) === undefined) return Promise.resolve(this.begin(kind, key));
    const expectedMs = this.expectedWaitMs({ kind, rows, key });
    if (expectedMs > waitMs || this.queues.light.all.size + this.queues.heavy.all.size >= MAX_QUEUE_LENGTH) {
      return Promise.reject(this.refusal(expectedMs));
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        this.queues[kind].delete(waiting);
      };
      const waiting: Waiting = {
        rows,
        key,
        start: () => {
          end();
          resolve(this.begin(kind, key));
        },
        refuse: (error) => {
          end();
          reject(error);
        },
      };
      const leave = (): void => waiting.refuse(signal.reason);
      const timer = setTimeout(() => waiting.refuse(this.refusal(this.expectedWaitMs({ kind, rows, key }))), waitMs);
      signal.addEventListener('abort', leave, { once: true });
      this.queues[kind].add(waiting);
    });
  }

  private mayRun(kind: Class, key: string): boolean {
    const { light, heavy } = this.running;
    const isNew = !this.runningOf.has(key);
    if (light + heavy >= this.pool.size + (isNew ? SPARE_CONNECTIONS : 0) || this.inTurn.size >= this.slots)
      return false;
    return kind === 'light' || (isNew ? this.heavyInTurn.size : heavy) < this.heavySlots;
  }

  private begin(kind: Class, key: string): NodeJS.Timeout {
    this.running[kind] += 1;
    this.count(key, 1);
    const turn = setTimeout(() => {
      this.endTurn(turn);
      this.next();
    }, MAX_TURN_MS);
    this.inTurn.add(turn);
    if (kind === 'heavy') this.heavyInTurn.add(turn);
    return turn;
  }

  private endTurn(turn: NodeJS.Timeout): void {
    this.inTurn.delete(turn);
    this.heavyInTurn.delete(turn);
  }

  private count(key: string, change: 1 | -1): void {
    const running = (this.runningOf.get(key) ?? 0) + change;
    if (running === 0) this.runningOf.delete(key);
    else this.runningOf.set(key, running);
  }

  /** Returns the first waiting query that may run now, of the key with the fewest running queries. */
  private nextOf(kind: Class): Waiting | undefined {
    let next: Waiting | undefined;
    let least = Infinity;
    for (const waiting of this.queues[kind].all) {
      const running = this.runningOf.get(waiting.key) ?? 0;
      if (running >= least || !this.mayRun(kind, waiting.key)) continue;
      next = waiting;
      least = running;
      if (running === 0) break;
    }
    return next;
  }

  private get slots(): number {
    return this.arrivals.flow ? this.pool.besideArrivals : this.pool.size;
  }

  private get heavySlots(): number {
    return Math.max(1, Math.floor(this.slots / 2));
  }

  private next(): void {
    while (this.startOne());
  }

  /**
   * Starts the next query. If heavy queries wait, at least one connection runs them; a single connection does so half of the
   * time.
   */
  private startOne(): boolean {
    const heavyFirst = this.slots > 1 ? this.running.heavy === 0 : this.heavyLead === 0;
    const order: Class[] = heavyFirst ? ['heavy', 'light'] : ['light', 'heavy'];
    for (const kind of order) {
      const first = this.nextOf(kind);
      if (first === undefined) continue;
      first.start();
      return true;
    }
    return false;
  }

  /**
   * Estimates the time until a query would be done: after the queries of its own key, and after as many rows of each other
   * key.
   */
  private expectedWaitMs({ kind, rows, key }: Asked): number {
    const { heavy } = this.queues;
    const { rowsOf } = this.queues[kind];
    const own = (rowsOf.get(key) ?? 0) + rows;
    let before = own;
    for (const [other, others] of rowsOf) if (other !== key) before += Math.min(others, own);
    const heavySlots = Math.min(this.heavySlots, this.running.heavy + heavy.all.size);
    const slots = kind === 'heavy' ? this.heavySlots : Math.max(1, this.slots - heavySlots);
    return this.pace[kind].msOf(before) / slots;
  }

  private refusal(expectedMs: number): DomainError {
    this.refused.inc();
    return new DomainError('unavailable', 'Too many queries at the moment; try again later, or send a smaller query.', {
      retryAfterMs: Math.max(1_000, expectedMs / 2),
    });
  }
}
