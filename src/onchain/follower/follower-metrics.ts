import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { Clock } from '../../platform/clock/clock.js';
import { RecentShare } from '../../platform/input/recent-share.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import type { CallKind } from '../rpc/endpoint.js';
import type { StepAttempt } from '../rpc/endpoint-pool.js';

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
  private readonly recent = new Map<string, Recent>();

  constructor(
    metrics: Metrics,
    private readonly clock: Clock,
  ) {
    const registers = [metrics.registry];
    this.calls = new Counter({
      name: 'onchain_rpc_calls_total',
      help: 'Calls of endpoints by chain and kind, without looks for a new block that found none.',
      labelNames: ['chain', 'kind'],
      registers,
    });
    this.attempts = new Counter({
      name: 'onchain_rpc_attempts_total',
      help: 'Attempts of steps, which read what is new from one endpoint, by chain, outcome (ok, failed), and whether an earlier attempt of the step had failed.',
      labelNames: ['chain', 'outcome', 'repeated'],
      registers,
    });
    this.events = new Counter({
      name: 'onchain_events_total',
      help: 'Events that followers have stored and projected, by chain.',
      labelNames: ['chain'],
      registers,
    });
    this.lag = new Histogram({
      name: 'onchain_block_lag_seconds',
      help: 'Time from the time of a new block until it is projected, in seconds, by chain; final blocks of a backfill are left out.',
      labelNames: ['chain'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.depth = new Histogram({
      name: 'onchain_reorg_depth_blocks',
      help: 'Blocks that a reorganisation replaced, by chain; its count is the number of reorganisations.',
      labelNames: ['chain'],
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
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
