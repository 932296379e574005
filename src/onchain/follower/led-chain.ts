import { Injectable } from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { WatchedChain } from '../config/chain-registry.js';
import { RpcFault } from '../rpc/rpc-fault.js';
import { InvariantChecks } from '../store/invariant-checks.js';
import type { ChainLease } from '../store/chain-lease.js';
import { ChainStore } from '../store/chain-store.js';
import type { FollowerReport } from '../store/follower-report.js';
import { ConnectionOpener, type ChainConnections } from './chain-connections.js';
import { putState } from './chain-position.js';
import { ChainRuntime } from './chain-runtime.js';
import { ChainFollower } from './chain-follower.js';
import { LateContracts } from './late-contracts.js';
import { ProjectionListener } from './projection-listener.js';
import { RereadStarter, type Rereads } from './rereads.js';

/** Shortest time between two looks at a chain, ms, however often a WebSocket rings. */
const MIN_LOOK_INTERVAL_MS = 25;
const RETRY = { minMs: 250, maxMs: 15_000 };
/** Failed runs in a row after which it is an alarm that no endpoint answers. */
const FAILURES_UNTIL_ALARM = 5;
/** Interval of the reports for the status, ms. */
const REPORT_INTERVAL_MS = 1_000;
/** Weight of the last interval in the shown rates. */
const RATE_WEIGHT = 0.3;

/** Makes the followers of chains that this process leads. */
@Injectable()
export class ChainStarter {
  constructor(
    readonly runtime: ChainRuntime,
    readonly store: ChainStore,
    readonly listener: ProjectionListener,
    readonly opener: ConnectionOpener,
    readonly rereads: RereadStarter,
    readonly checks: InvariantChecks,
  ) {}

  start(chain: WatchedChain, lease: ChainLease): LedChain {
    return new LedChain(chain, lease, this);
  }
}

/** Chain that this process leads: its follower in a loop of its own, and its connections. */
export class LedChain {
  private readonly settings: string;
  private readonly stopping = new AbortController();
  private readonly connections: ChainConnections;
  private readonly follower: ChainFollower;
  private readonly late: LateContracts;
  private readonly loop: BackgroundLoop;
  private readonly rereads: Rereads;
  /** Time of the last flush of new blocks, by `performance.now()`. */
  private flushedAt = -Infinity;
  private failures = 0;
  /** Whether the alarm may hold; also after a start, as an earlier leader may have raised it. */
  private isAlarmed = true;
  private reported = { at: performance.now(), events: 0, blocks: 0 };
  private readonly rates = { eventsPerSecond: 0, blocksPerSecond: 0 };

  constructor(
    private readonly chain: WatchedChain,
    readonly lease: ChainLease,
    private readonly starter: ChainStarter,
  ) {
    this.settings = JSON.stringify(chain);
    const { store, listener, opener, rereads } = starter;
    const { database, loops, settings } = starter.runtime;
    this.connections = opener.open(chain, () => this.loop.ring());
    const { pool } = this.connections;
    const parts = { database, store, listener, pool, maxBatchQuantity: settings.maxBatchQuantity };
    this.follower = new ChainFollower(chain, lease, parts, this.stopping.signal);
    this.late = new LateContracts(chain, lease, parts, this.stopping.signal);
    this.loop = loops.loop({
      name: 'onchain_follower',
      intervalMs: chain.pollMs,
      minIntervalMs: MIN_LOOK_INTERVAL_MS,
      retry: RETRY,
      run: () => this.run(),
    });
    this.loop.start();
    this.rereads = rereads.start(chain, lease, pool, this.stopping.signal);
  }

  /** Whether it leads by this lease, with these settings of the chain. */
  isFor(chain: WatchedChain, lease: ChainLease): boolean {
    return lease.epoch === this.lease.epoch && JSON.stringify(chain) === this.settings;
  }

  /** Ends the follower; resolves when its step in progress has ended. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the chain is left'));
    await Promise.all([this.loop.stop(), this.rereads.stop()]);
    // Its failure concerns the next leader only, which begins with what is stored.
    await this.follower.settled().catch(() => undefined);
    await this.connections.close();
  }

  /** Returns the report for the status if one is due. */
  dueReport(): FollowerReport | undefined {
    const at = performance.now();
    const seconds = (at - this.reported.at) / 1_000;
    if (seconds * 1_000 < REPORT_INTERVAL_MS) return undefined;
    const { events, blocks } = this.follower.stored;
    const { rates, reported } = this;
    rates.eventsPerSecond += RATE_WEIGHT * ((events - reported.events) / seconds - rates.eventsPerSecond);
    rates.blocksPerSecond += RATE_WEIGHT * ((blocks - reported.blocks) / seconds - rates.blocksPerSecond);
    this.reported = { at, events, blocks };
    return { endpoints: this.connections.pool.status(), ...rates };
  }

  /** Does one step; returns the pause after it, ms. */
  private async run(): Promise<number | void> {
    const early = this.flushedAt + this.starter.runtime.settings.onchainFlushMs - performance.now();
    if (early > 0) return early;
    try {
      const stored = this.follower.stored.blocks;
      const goesOn = await this.follower.run();
      if (!goesOn) await this.late.run();
      this.failures = 0;
      if (this.follower.stored.blocks !== stored) await this.checkStrictly();
      if (this.follower.stored.blocks !== stored && !goesOn) this.flushedAt = performance.now();
      if (this.isAlarmed) await this.starter.listener.endAlarm(this.chain, 'endpoints');
      this.isAlarmed = false;
      return goesOn ? 0 : undefined;
    } catch (error) {
      if (error instanceof RpcFault) await this.noteFault(error);
      throw error;
    }
  }

  /** Stops the chain if an invariant does not hold after a step, where the settings want that. */
  private async checkStrictly(): Promise<void> {
    const { runtime, checks } = this.starter;
    if (runtime.settings.onchainChecks !== 'strict') return;
    const violation = await checks.check(this.chain);
    if (violation !== undefined) await putState(runtime.database, this.chain.id, 'stopped', violation);
  }

  private async noteFault({ message }: RpcFault): Promise<void> {
    this.failures += 1;
    if (this.failures !== FAILURES_UNTIL_ALARM) return;
    this.isAlarmed = true;
    await this.starter.listener.alarm(this.chain, 'endpoints', `no endpoint of the chain answers: ${message}`);
  }
}
