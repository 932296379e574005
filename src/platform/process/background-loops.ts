import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { metricOf } from '../metrics/metric-of.js';
import { Metrics } from '../metrics/metrics.js';
import { Settings } from '../settings/settings.js';
import { BackgroundLoop, type LoopTask } from './background-loop.js';

/** Task of a loop, and the processes that run it. */
interface PlacedTask extends LoopTask {
  /** `worker`: processes of the role `gateway` never start the loop. Default: every process runs it. */
  readonly onlyOn?: 'worker' | undefined;
}

/** Makes the background loops of the application; measures their runs. */
@Injectable()
export class BackgroundLoops {
  private readonly seconds: Histogram<'loop'>;
  private readonly failures: Counter<'loop'>;

  constructor(
    metrics: Metrics,
    private readonly settings: Settings,
  ) {
    const registers = [metrics.registry];
    this.seconds = new Histogram({
      ...metricOf('background_loop_seconds'),
      registers,
    });
    this.failures = new Counter({
      ...metricOf('background_loop_failures_total'),
      registers,
    });
  }

  /** Returns a loop, which its owner starts and stops. */
  loop(task: PlacedTask): BackgroundLoop {
    const made = new BackgroundLoop(task, ({ loop, seconds, failed }) => {
      this.seconds.observe({ loop }, seconds);
      if (failed) this.failures.inc({ loop });
    });
    // Stopped before its start, it never runs.
    if (task.onlyOn === 'worker' && this.settings.role === 'gateway') void made.stop();
    return made;
  }
}
