import type { BlockHeader, BlockRange, BlockRef, Hash, RawLog } from '../core/index.js';
import type { LogFilter } from './answers.js';
import type { CallKind, LogsAnswer } from './endpoint.js';
import type { EndpointState } from './endpoint-state.js';
import { RpcFault } from './rpc-fault.js';

/** Knowledge of a pool over all its endpoints. */
export interface StepRules {
  readonly forkDepth: number;
  readonly count: (kind: CallKind) => void;
  /** Newest block that any endpoint reported; -1: none did. */
  readonly height: () => number;
  /** Newest final block that any endpoint reported. */
  readonly final: () => BlockRef | undefined;
  /** Notes that an endpoint has another block at the height of that final block. */
  readonly deny: (state: EndpointState, other: BlockRef) => void;
}

/** The one endpoint of a step. Blocks that contradict what it said before take it out of use. */
export class StepEndpoint {
  /** Final block of the step; agreed for all endpoints once the step has succeeded. */
  final: BlockRef | undefined;

  constructor(
    private readonly state: EndpointState,
    private readonly rules: StepRules,
    private readonly signal: AbortSignal,
  ) {}

  /** Address without path and query. */
  get shownUrl(): string {
    return this.state.endpoint.shownUrl;
  }

  /** Returns the newest block. */
  async latest(): Promise<BlockHeader> {
    const { state, rules } = this;
    const before = state.height;
    const head = await state.endpoint.latest(this.signal);
    if (head.number !== before) rules.count('head');
    const doubt = state.doubtHead(head.number, rules.height(), rules.forkDepth);
    if (doubt !== undefined) throw this.out(doubt);
    return head;
  }

  /** Returns the newest final block; undefined if the endpoint does not know the tag. */
  async finalized(tag: 'finalized' | 'safe' = 'finalized'): Promise<BlockHeader | undefined> {
    const block = await this.state.endpoint.finalized(tag, this.signal);
    if (block === undefined) return undefined;
    const agreed = this.rules.final();
    const doubt = this.state.doubtFinal(block, agreed);
    if (agreed?.number === block.number && agreed.hash !== block.hash) this.rules.deny(this.state, block);
    if (doubt !== undefined) throw this.out(doubt);
    this.final = { number: block.number, hash: block.hash };
    return block;
  }

  blockByNumber(number: number): Promise<BlockHeader | undefined> {
    return this.state.endpoint.blockByNumber(number, this.signal);
  }

  blockByHash(hash: Hash): Promise<BlockHeader | undefined> {
    return this.state.endpoint.blockByHash(hash, this.signal);
  }

  /** Ends the step if the endpoint does not have a block yet: it would answer as if there were no logs. */
  async requireBlock(number: number): Promise<void> {
    if ((this.state.height ?? -1) >= number || (await this.latest()).number >= number) return;
    throw new RpcFault('bad_answer', `the endpoint does not have block ${number} yet`);
  }

  logsByHash(block: BlockRef, filter: LogFilter): Promise<LogsAnswer> {
    return this.state.endpoint.logsByHash(block, filter, this.signal);
  }

  logsByRange(range: BlockRange, filter: LogFilter): Promise<LogsAnswer> {
    return this.state.endpoint.logsByRange(range, filter, this.signal);
  }

  receiptsLogs(block: BlockRef, filter: LogFilter): Promise<RawLog[] | undefined> {
    return this.state.endpoint.receiptsLogs(block, filter, this.signal);
  }

  /** Takes the endpoint out of use for a while; returns the fault that ends the step. */
  out(reason: string): RpcFault {
    return this.state.putOut(reason, Date.now());
  }
}
