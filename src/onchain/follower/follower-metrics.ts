import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { Clock } from '../../platform/clock/clock.js';
import { RecentShare } from '../../platform/input/recent-share.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { CallKind } from '../rpc/endpoint.js';
import type { EndpointPool, StepAttempt } from '../rpc/endpoint-pool.js';

/** Time over which shares of failures are judged, ms. */
const WINDOW_MS = 300_000;

/** Part of the attempts of the last five minutes; `whole` is 0 if this process does not follow the chain. */
export interface AttemptShares {
  readonly failed: { readonly part: number; readonly whole: number };
  readonly repeated: { readonly part: number; readonly whole: number };
}

interface Recent {
  readonly failed: RecentShare;
  readonly repeated: RecentShare;
}

/** Measures the followers of this process, chain by chain. */
@Injectable()
export class FollowerMetrics {
  private readonly calls: Counter<'chain' | 'kind'>;
  private readonly attempts: Counter<'chain' | 'outcome' | 'repeated'>;
  private readonly events: Counter<'chain'>;
  private readonly lag: Histogram<'chain'>;
  private readonly depth: Histogram<'chain'>;
  /** Endpoints of the followed chains by chain and state. */
  readonly endpoints: Gauge<'chain' | 'state'>;
  private readonly pools = new Map<string, EndpointPool>();
  private readonly recent = new Map<string, Recent>();

  constructor(
    metrics: Metrics,
    private readonly clock: Clock,
  ) {
    const registers = [metrics.registry];
    this.calls = new Counter({
      ...metricOf('onchain_rpc_calls_total'),
      registers,
    });
    this.attempts = new Counter({
      ...metricOf('onchain_rpc_attempts_total'),
      registers,
    });
    this.events = new Counter({
      ...metricOf('onchain_events_total'),
      registers,
    });
    this.lag = new Histogram({
      ...metricOf('onchain_block_lag_seconds'),
      registers,
    });
    const read = (): void => this.readEndpoints();
    this.endpoints = new Gauge({ ...metricOf('onchain_endpoints'), registers, collect: read });
    this.depth = new Histogram({
      ...metricOf('onchain_reorg_depth_blocks'),
      registers,
    });
  }

  /** Shows the endpoints of a chain until the returned function is called. */
  watch(chain: string, pool: EndpointPool): () => void {
    this.pools.set(chain, pool);
    return () => {
      if (this.pools.get(chain) === pool) this.pools.delete(chain);
    };
  }

  private readEndpoints(): void {
    this.endpoints.reset();
    for (const [chain, pool] of this.pools) {
      for (const { state } of pool.status()) this.endpoints.inc({ chain, state });
    }
  }

  called(chain: string, kind: CallKind): void {
    this.calls.inc({ chain, kind });
  }

  attempted(chain: string, { isFailed, isRepeated }: StepAttempt): void {
    this.attempts.inc({ chain, outcome: isFailed ? 'failed' : 'ok', repeated: String(isRepeated) });
    let recent = this.recent.get(chain);
    if (recent === undefined) {
      recent = { failed: new RecentShare(WINDOW_MS), repeated: new RecentShare(WINDOW_MS) };
      this.recent.set(chain, recent);
    }
    const now = this.clock.elapsed();
    recent.failed.add(Number(isFailed), 1, now);
    recent.repeated.add(Number(isRepeated), 1, now);
  }

  /** Notes a batch that was projected; `headAt` is the time of its newest block if that is new, Unix ms. */
  projected(chain: string, events: number, headAt: number | undefined): void {
    this.events.inc({ chain }, events);
    if (headAt !== undefined) this.lag.observe({ chain }, Math.max(0, this.clock.now() - headAt) / 1_000);
  }

  reorganised(chain: string, depth: number): void {
    this.depth.observe({ chain }, depth);
  }

  /** Returns the shares of failed and repeated attempts in the last five minutes. */
  shares(chain: string): AttemptShares {
    const now = this.clock.elapsed();
    const recent = this.recent.get(chain);
    const none = { part: 0, whole: 0 };
    return { failed: recent?.failed.at(now) ?? none, repeated: recent?.repeated.at(now) ?? none };
  }
}
