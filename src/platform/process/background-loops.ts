import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
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
      name: 'background_loop_seconds',
      help: 'Duration of the runs of background loops, successful or not, by loop.',
      labelNames: ['loop'],
      buckets: [0.001, 0.01, 0.1, 1, 10, 60],
      registers,
    });
    this.failures = new Counter({
      name: 'background_loop_failures_total',
      help: 'Failed runs of background loops, by loop; each loop runs again after a pause.',
      labelNames: ['loop'],
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
