import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleWhen, type CircuitBreakerPolicy } from 'cockatiel';
import type { BlockHeader, BlockRef } from '../core/index.js';
import type { Endpoint } from './endpoint.js';
import { RpcFault, type RpcFaultKind } from './rpc-fault.js';

/** How the status of a chain shows an endpoint. */
export interface EndpointStatus {
  /** Address without path and query. */
  readonly url: string;
  readonly state: 'in_use' | 'standby' | 'out';
  /** Newest block that it reported; null before the first answer. */
  readonly height: number | null;
  readonly reason?: string;
}

export interface StateOptions {
  /** Time after which an endpoint that is out is tried again, ms. */
  readonly outMs: number;
  /** Failed steps in a row after which an endpoint rests for `breakMs`. */
  readonly breakAfter: number;
  readonly breakMs: number;
}

/** Faults that say something about the endpoint's health, and not about the question. */
const ILL: ReadonlySet<RpcFaultKind> = new Set(['unreachable', 'timeout', 'bad_answer']);
/** Pause after a 429 without Retry-After, ms. */
const RATE_PAUSE_MS = 1_000;

/** State of one endpoint of a pool. */
export class EndpointState {
  height: number | undefined;
  final: BlockRef | undefined;
  /** Whether its chain id was checked since it was last out. */
  isIdentified = false;
  private highest = -1;
  private outUntil = 0;
  private pausedUntil = 0;
  /** End of the rest after failures, Unix ms. The breaker stays open until work is tried again. */
  private restsUntil = 0;
  private reason: string | undefined;
  private readonly breaker: CircuitBreakerPolicy;

  constructor(
    readonly endpoint: Endpoint,
    private readonly options: StateOptions,
  ) {
    this.breaker = circuitBreaker(
      handleWhen((error) => error instanceof RpcFault && ILL.has(error.kind)),
      { halfOpenAfter: options.breakMs, breaker: new ConsecutiveBreaker(options.breakAfter) },
    );
    this.breaker.onBreak(() => (this.restsUntil = Date.now() + options.breakMs));
  }

  /** Time from which it may be used, Unix ms; 0: now. An endpoint that rests after failures tells no time. */
  usableAt(now: number): number {
    if (this.breaker.state === CircuitState.Open && now < this.restsUntil) return Infinity;
    const at = Math.max(this.outUntil, this.pausedUntil);
    return at <= now ? 0 : at;
  }

  isOut(now: number): boolean {
    return this.outUntil > now;
  }

  /** Does work with the endpoint; failures count towards its rest. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    const done = await this.breaker.execute(work);
    this.reason = undefined;
    return done;
  }

  noteFault({ kind, message, details }: RpcFault, now: number): void {
    this.reason ??= message;
    if (kind === 'rate_limited') {
      this.pausedUntil = now + (details.retryAfterMs ?? RATE_PAUSE_MS);
      this.reason = message;
    }
  }

  /** Takes the endpoint out for a while, and returns the fault to throw. */
  putOut(reason: string, now: number, kind: RpcFaultKind = 'bad_answer'): RpcFault {
    this.outUntil = now + this.options.outMs;
    this.isIdentified = false;
    this.reason = reason;
    return new RpcFault(kind, reason);
  }

  /** Returns why a newest block cannot be true; undefined if it can. `others`: newest block of all endpoints. */
  doubtHead(number: number, others: number, forkDepth: number): string | undefined {
    const { highest } = this;
    this.height = number;
    this.highest = Math.max(highest, number);
    if (highest - number > forkDepth) return `its newest block went back from ${highest} to ${number}`;
    return others - number > forkDepth ? `its newest block is ${others - number} behind that of others` : undefined;
  }

  /** Returns why a final block cannot be true; undefined if it can. `agreed`: newest final block of all endpoints. */
  doubtFinal({ number, hash }: BlockHeader, agreed: BlockRef | undefined): string | undefined {
    const { final } = this;
    if (final !== undefined && number < final.number)
      return `its final block went back from ${final.number} to ${number}`;
    if (agreed?.number === number && agreed.hash !== hash) return `it has another final block ${number} than before`;
    this.final = { number, hash };
    return undefined;
  }

  status(isCurrent: boolean, now: number): EndpointStatus {
    const { reason } = this;
    const usable = isCurrent ? 'in_use' : 'standby';
    return {
      url: this.endpoint.shownUrl,
      state: this.usableAt(now) > 0 ? 'out' : usable,
      height: this.height ?? null,
      ...(reason === undefined ? {} : { reason }),
    };
  }
}
