import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
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
      name: 'alert_rules',
      help: 'Active alert rules evaluated by this process.',
      labelNames: ['shard'],
      registers,
    });
    this.transitions = new Counter({
      name: 'alert_transitions_total',
      help: 'Transitions recorded by this process, by outcome: notified (the owner was notified), or the reason why not.',
      labelNames: ['state', 'outcome'],
      registers,
    });
    this.lag = new Histogram({
      name: 'alert_commit_to_transition_seconds',
      help: 'Time from the numbering of an event in the log to the commit of the transitions that it caused.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    });
    this.evaluation = new Histogram({
      name: 'alert_evaluation_seconds',
      help: 'Time to evaluate one batch of the log against the rules of one shard.',
      buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
      registers,
    });
    this.loads = new Counter({
      name: 'alert_shard_loads_total',
      help: 'Number of times this process loaded the rules of a shard: after a start, a take-over or an error.',
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
