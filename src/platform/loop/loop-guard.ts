import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { metricOf } from '../metrics/metric-of.js';
import { Metrics } from '../metrics/metrics.js';
import { Causes, type Work } from './causes.js';
import { threadCpuMs } from './thread-cpu.js';
import { TurnMeter, type LongTurn } from './turn-meter.js';

/** Interval of the guard's timer, ms. */
const INTERVAL_MS = 5;
/** Length above which a turn counts as long, ms: other work waits noticeably. */
const MAX_TURN_MS = 25;
/** Length above which a turn is logged, ms. */
const LOGGED_TURN_MS = 100;
/** Time after the start in which the process still loads stored values, rules and sessions, ms. */
const START_PERIOD_MS = 30_000;
/** Window of the delay and the longest turn in health, ms. */
const WINDOW_MS = 60_000;

export interface Turn {
  /** Processor time of the loop's thread without garbage collection, ms. */
  readonly ms: number;
  /** Garbage collection within it, ms. */
  readonly gcMs: number;
  /** Route, message type or job; `start` for unnamed work just after the start. */
  readonly cause: string;
}

const NO_TURN: Turn = { ms: 0, gcMs: 0, cause: 'none' };

/** Guards the shared event loop: measures its turns and finds the causes of long ones. */
@Injectable()
export class LoopGuard implements OnApplicationShutdown {
  private readonly logger = new Logger(LoopGuard.name);
  private readonly meter = new TurnMeter(INTERVAL_MS);
  private readonly causes = new Causes();
  private readonly delays = monitorEventLoopDelay({ resolution: 10 });
  private collections: { from: number; to: number }[] = [];
  private readonly observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      this.collections.push({ from: startTime, to: startTime + duration });
    }
  });
  private pending: { turn: LongTurn; cause: string } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private watchedSince = 0;
  private sinceStart: Turn = NO_TURN;
  private sinceScrape: Turn = NO_TURN;
  private window = { turn: NO_TURN, former: NO_TURN, delayP99Ms: 0, from: 0 };
  private readonly longTurns: Counter;
  /** Longest turn, seconds. */
  readonly longestTurn: Gauge;
  /** Delay of timers, seconds. */
  readonly delay: Gauge;

  constructor(metrics: Metrics) {
    const registers = [metrics.registry];
    this.longTurns = new Counter({
      ...metricOf('event_loop_long_turns_total'),
      registers,
    });
    const longest = (): Turn[] => {
      const turns = [this.longest, this.sinceStart, this.sinceScrape];
      this.sinceScrape = NO_TURN;
      return turns;
    };
    this.longestTurn = new Gauge({
      ...metricOf('event_loop_longest_turn_seconds'),
      registers,
      collect() {
        const [recent = NO_TURN, all = NO_TURN, scraped = NO_TURN] = longest();
        this.set({ window: 'minute' }, recent.ms / 1_000);
        this.set({ window: 'start' }, all.ms / 1_000);
        this.set({ window: 'start_gc' }, all.gcMs / 1_000);
        this.set({ window: 'scrape' }, scraped.ms / 1_000);
      },
    });
    const p99 = (): number => this.delayP99Ms;
    this.delay = new Gauge({
      ...metricOf('event_loop_delay_p99_seconds'),
      registers,
      collect() {
        this.set(p99() / 1_000);
      },
    });
  }

  /** Longest turn of the last minute or two. */
  get longest(): Turn {
    const { turn, former } = this.window;
    return turn.ms >= former.ms ? turn : former;
  }

  /** Longest turn since the start, or since `reset`. */
  get longestSinceStart(): Turn {
    return this.sinceStart;
  }

  /** The 99th percentile of timer delays over the last minute or two, ms. */
  get delayP99Ms(): number {
    return Math.max(this.window.delayP99Ms, this.delays.percentile(99) / 1e6 - 10, 0);
  }

  /** Runs synchronous work and attributes the time for which it blocks the event loop to `cause`. */
  run<T>(cause: Work['cause'], work: () => T): T {
    const before = performance.now();
    try {
      return work();
    } finally {
      const now = performance.now();
      this.causes.note(cause, now - before, now);
    }
  }

  /** Begins work that goes on over many turns; `end` gets the result. */
  begin(cause: Work['cause']): Work {
    return this.causes.begin(cause, performance.now());
  }

  end(work: Work): void {
    this.causes.end(work, performance.now());
  }

  /** Drops the turns so far. */
  reset(): void {
    this.sinceStart = NO_TURN;
    this.window = { turn: NO_TURN, former: NO_TURN, delayP99Ms: 0, from: performance.now() };
    this.delays.reset();
  }

  /** Begins to measure: after the start, during which no client waits. */
  watch(): void {
    if (this.timer !== undefined) return;
    this.delays.enable();
    this.observer.observe({ entryTypes: ['gc'] });
    this.watchedSince = this.window.from = performance.now();
    this.timer = setInterval(() => this.beat(), INTERVAL_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.observer.disconnect();
    this.delays.disable();
  }

  /** Counts the turn found by the beat before: the garbage collection in it is known only afterwards. */
  private beat(): void {
    const turn = this.meter.beat({ at: performance.now(), cpuMs: threadCpuMs() });
    if (this.pending !== undefined) this.count(this.pending.turn, this.pending.cause);
    this.pending = turn && { turn, cause: this.causes.of(turn.cpuMs, turn.from, this.unnamed(turn)) };
    if (turn === undefined) this.causes.forget();
    // Collections of a turn are reported before or after the beat that finds it.
    this.collections = turn === undefined ? [] : this.collections.filter(({ to }) => to > turn.from);
    if (performance.now() - this.window.from > WINDOW_MS) this.turnWindow();
  }

  private unnamed({ from }: LongTurn): string {
    return from - this.watchedSince < START_PERIOD_MS ? 'start' : 'unknown';
  }

  private count({ from, to, cpuMs }: LongTurn, cause: string): void {
    const within = this.collections.map((gc) => Math.max(0, Math.min(to, gc.to) - Math.max(from, gc.from)));
    // Collections are known by wall time, of which the thread had the processor for a part on a busy machine.
    const gcMs = Math.min(1, within.reduce((sum, ms) => sum + ms, 0) / (to - from)) * cpuMs;
    const turn = { ms: cpuMs - gcMs, gcMs, cause };
    if (turn.ms > this.sinceStart.ms) this.sinceStart = turn;
    if (turn.ms > this.sinceScrape.ms) this.sinceScrape = turn;
    if (turn.ms > this.window.turn.ms) this.window.turn = turn;
    if (turn.ms > MAX_TURN_MS) this.longTurns.inc({ cause });
    if (turn.ms > LOGGED_TURN_MS) {
      this.logger.warn({ turnMs: Math.round(turn.ms), gcMs: Math.round(gcMs), cause }, 'long turn of the event loop');
    }
  }

  private turnWindow(): void {
    const delayP99Ms = Math.max(0, this.delays.percentile(99) / 1e6 - 10);
    this.window = { turn: NO_TURN, former: this.window.turn, delayP99Ms, from: performance.now() };
    this.delays.reset();
  }
}
