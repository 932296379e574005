import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCircuitError, TaskCancelledError } from 'cockatiel';
import type { BlockRef, Hash } from '../core/index.js';
import { Endpoint, type CallKind, type EndpointOptions } from './endpoint.js';
import { EndpointState, type EndpointStatus } from './endpoint-state.js';
import { RpcFault } from './rpc-fault.js';
import { StepEndpoint, type StepRules } from './step-endpoint.js';

export interface PoolOptions {
  /** Number of attempts of one step, over all endpoints. */
  readonly attempts: number;
  /** Pause before the second attempt, ms; doubles with each further one, with jitter. */
  readonly retryMs: number;
  /** Time after which the first endpoint is tried again while another one is used, ms. */
  readonly preferAfterMs: number;
  readonly outMs: number;
  readonly breakAfter: number;
  readonly breakMs: number;
}

const DEFAULTS: PoolOptions = {
  attempts: 4,
  retryMs: 200,
  preferAfterMs: 60_000,
  outMs: 60_000,
  breakAfter: 4,
  breakMs: 15_000,
};

/** Failures in a row after which a step goes on with another endpoint. */
const MAX_FAILURES_OF_ONE = 2;
const MAX_PAUSE_MS = 60_000;

/** Attempt of a step. */
export interface StepAttempt {
  readonly isFailed: boolean;
  /** Whether an earlier attempt of the step had failed. */
  readonly isRepeated: boolean;
}

interface PooledAddress {
  readonly url: string;
  /** Maker of connections; addresses given over the API have one that checks where they lead. */
  readonly dispatcher?: EndpointOptions['dispatcher'];
}

export interface PooledChain {
  /** Expected chain id; null: not checked. */
  readonly chainId: number | null;
  readonly forkDepth: number;
  /** The first one is preferred. */
  readonly endpoints: readonly PooledAddress[];
}

/**
 * Endpoints of one chain. All reads of a step come from one of them; a step that fails is repeated, first there, then on another
 * one. An endpoint whose blocks contradict what it said before is taken out with a reason: that is never a reorganisation.
 */
export class EndpointPool {
  /** Calls so far; looks for a new block that found none are left out. */
  readonly calls: Record<CallKind, number> = { chain_id: 0, head: 0, finalized: 0, block: 0, logs: 0, receipts: 0 };
  private readonly states: readonly EndpointState[];
  private readonly options: PoolOptions;
  private readonly rules: StepRules;
  private current: EndpointState | undefined;
  private leftFirstAt = 0;
  private final: BlockRef | undefined;
  /** Hashes that endpoints have at the height of that block instead. */
  private readonly denials = new Map<EndpointState, Hash>();

  constructor(
    private readonly chain: PooledChain,
    options: Partial<PoolOptions> = {},
    counted: (kind: CallKind) => void = () => undefined,
    private readonly attempted: (attempt: StepAttempt) => void = () => undefined,
  ) {
    this.options = { ...DEFAULTS, ...options };
    const count = (kind: CallKind): void => {
      this.calls[kind] += 1;
      counted(kind);
    };
    const ofEndpoint = (kind: CallKind): void => {
      if (kind !== 'head') count(kind);
    };
    this.states = chain.endpoints.map(
      ({ url, dispatcher }) => new EndpointState(new Endpoint(url, { dispatcher, counted: ofEndpoint }), this.options),
    );
    this.rules = {
      forkDepth: chain.forkDepth,
      count,
      height: () => this.height(),
      final: () => this.final,
      deny: (state, other) => this.deny(state, other),
    };
  }

  /**
   * Does a step whose reads come from one endpoint. Refused ranges and answers that are too large are the caller's to handle, and
   * so are errors that are no `RpcFault`; otherwise the step is repeated as a whole.
   */
  async step<T>(work: (endpoint: StepEndpoint) => Promise<T>, signal: AbortSignal): Promise<T> {
    const failures = new Map<EndpointState, number>();
    let last: RpcFault | undefined;
    for (let attempt = 1; attempt <= this.options.attempts; attempt += 1) {
      if (last !== undefined) await this.pause(attempt, signal);
      const state = await this.choose(failures, last, signal);
      const isRepeated = last !== undefined;
      try {
        const done = await this.use(state, work, signal);
        this.attempted({ isFailed: false, isRepeated });
        return done;
      } catch (error) {
        signal.throwIfAborted();
        last = faultToRepeat(error);
        this.attempted({ isFailed: true, isRepeated });
        state.noteFault(last, Date.now());
        failures.set(state, (failures.get(state) ?? 0) + 1);
      }
    }
    throw last ?? new RpcFault('unreachable', 'no endpoint of the chain is usable');
  }

  /** Does work once with an endpoint other than the one in use; undefined if there is no other. */
  async second<T>(work: (endpoint: StepEndpoint) => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const now = Date.now();
    const current = this.current ?? this.states[0];
    const other = this.states.find((state) => state !== current && state.usableAt(now) === 0);
    return other === undefined ? undefined : this.use(other, work, signal);
  }

  status(): EndpointStatus[] {
    const now = Date.now();
    return this.states.map((state) => state.status(state === this.current, now));
  }

  async close(): Promise<void> {
    await Promise.all(this.states.map(({ endpoint }) => endpoint.close()));
  }

  /** Newest block of the endpoints that are not out: one that is out may have lied. */
  private height(): number {
    const now = Date.now();
    return Math.max(-1, ...this.states.map((state) => (state.isOut(now) ? -1 : (state.height ?? -1))));
  }

  /**
   * Notes that an endpoint denies the agreed final block. Once no endpoint stands by it any more, not even the one that
   * reported it, it was a wrong answer, which must not keep all of them out.
   */
  private deny(state: EndpointState, { hash }: BlockRef): void {
    this.denials.set(state, hash);
    if (this.states.some((each) => each.final !== undefined && this.denials.get(each) !== hash)) return;
    this.final = undefined;
    this.denials.clear();
  }

  private async use<T>(
    state: EndpointState,
    work: (endpoint: StepEndpoint) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return state.use(async () => {
      await this.identify(state, signal);
      const step = new StepEndpoint(state, this.rules, signal);
      const done = await work(step);
      this.denials.delete(state);
      const { final } = step;
      if (final !== undefined && final.number > (this.final?.number ?? -1)) {
        this.final = final;
        this.denials.clear();
      }
      return done;
    });
  }

  private async identify(state: EndpointState, signal: AbortSignal): Promise<void> {
    if (state.isIdentified) return;
    const { chainId } = this.chain;
    const found = await state.endpoint.chainId(signal);
    if (chainId !== null && found !== chainId)
      throw state.putOut(`it serves chain ${found}, not ${chainId}`, Date.now(), 'wrong_chain');
    state.isIdentified = true;
  }

  /** Chooses the endpoint of an attempt; waits if all usable ones only want fewer calls. */
  private async choose(
    failures: ReadonlyMap<EndpointState, number>,
    last: RpcFault | undefined,
    signal: AbortSignal,
  ): Promise<EndpointState> {
    for (;;) {
      const now = Date.now();
      const usable = this.states.filter((state) => state.usableAt(now) === 0);
      const fresh = usable.filter((state) => (failures.get(state) ?? 0) < MAX_FAILURES_OF_ONE);
      const [chosen] = this.preferred(fresh.length > 0 ? fresh : usable, now);
      if (chosen !== undefined) return this.switchTo(chosen, now);
      const paused = this.states.filter((state) => !state.isOut(now)).map((state) => state.usableAt(now) - now);
      const waitMs = Math.min(...paused);
      if (waitMs > MAX_PAUSE_MS) throw last ?? new RpcFault('unreachable', 'no endpoint of the chain is usable');
      await sleep(waitMs, undefined, { signal, ref: false });
    }
  }

  /** Orders endpoints: the one in use stays until the first one may be tried again. */
  private preferred(usable: readonly EndpointState[], now: number): readonly EndpointState[] {
    const { current } = this;
    if (current === undefined || !usable.includes(current)) return usable;
    return now - this.leftFirstAt >= this.options.preferAfterMs ? usable : [current];
  }

  private switchTo(chosen: EndpointState, now: number): EndpointState {
    if (chosen !== this.current && chosen !== this.states[0]) this.leftFirstAt = now;
    this.current = chosen;
    return chosen;
  }

  private async pause(attempt: number, signal: AbortSignal): Promise<void> {
    const ms = this.options.retryMs * 2 ** (attempt - 2) * (0.5 + Math.random());
    await sleep(ms, undefined, { signal, ref: false });
  }
}

/** Returns the fault after which a step is repeated; throws all other errors. */
function faultToRepeat(error: unknown): RpcFault {
  if (error instanceof BrokenCircuitError || error instanceof TaskCancelledError)
    return new RpcFault('unreachable', 'the endpoint failed repeatedly; it rests');
  if (!(error instanceof RpcFault) || error.kind === 'range_too_large' || error.kind === 'too_large') throw error;
  return error;
}
