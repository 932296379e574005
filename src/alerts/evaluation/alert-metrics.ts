import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { Transition } from '../core/index.js';
import type { MessagePlan } from '../messages/plan-messages.js';

/** Metrics of the evaluation of alert rules. */
@Injectable()
export class AlertMetrics {
  /** Number of rules that this process evaluates. */
  readonly rules: Gauge<'shard'>;
  private readonly transitions: Counter<'state' | 'outcome'>;
  private readonly lag: Histogram;
  private readonly evaluation: Histogram;
  /** Number of shard loads, after a start, a take-over or an error. */
  readonly loads: Counter;

  constructor(metrics: Metrics) {
    const registers = [metrics.registry];
    this.rules = new Gauge({
      ...metricOf('alert_rules'),
      registers,
    });
    this.transitions = new Counter({
      ...metricOf('alert_transitions_total'),
      registers,
    });
    this.lag = new Histogram({
      ...metricOf('alert_commit_to_transition_seconds'),
      registers,
    });
    this.evaluation = new Histogram({
      ...metricOf('alert_evaluation_seconds'),
      registers,
    });
    this.loads = new Counter({
      ...metricOf('alert_shard_loads_total'),
      registers,
    });
  }

  count(plans: readonly MessagePlan[]): void {
    for (const { alert, outcome } of plans) {
      this.transitions.inc({ state: alert.state, outcome: outcome.suppressed ?? 'notified' });
    }
  }

  committed(transitions: readonly Transition[], now: number): void {
    for (const { at } of transitions) this.lag.observe(Math.max(0, now - at) / 1000);
  }

  evaluated(ms: number): void {
    this.evaluation.observe(ms / 1000);
  }
}
