import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { currentCaller } from '../../platform/fairness/working-for.js';
import { inputFault } from '../../platform/input/faults.js';
import { ChainRegistry } from '../config/chain-registry.js';
import { askReread, findReread, giveUpReread, type AskedReread, type RereadKind } from '../store/asked-rereads.js';
import type { RepairRange, ReplayView, VerifyAnswer } from './range-repairs.dto.js';

/** Longest range, blocks: a verification is one answer, a replay goes on in the background. */
const MAX_BLOCKS = { replay: 1_000_000, verify: 10_000 } as const satisfies Record<RereadKind, number>;
/** Longest wait for a verification, ms. */
const VERIFY_TIMEOUT_MS = 30_000;
const VERIFY_POLL_INTERVAL_MS = 100;
const RETRY_AFTER_MS = 5_000;

/** Ranges that writers have read again or verified; the process that follows the chain does it. */
@Injectable()
export class RangeRepairs {
  constructor(
    private readonly database: Database,
    private readonly registry: ChainRegistry,
  ) {}

  /** Has a range read again in the background; logs that are missing are stored. */
  async replay(range: RepairRange): Promise<ReplayView> {
    return viewOf(range.chain, await this.ask('replay', range));
  }

  /** Returns a replay; it is known for a day after its end. */
  async find(id: string): Promise<ReplayView> {
    const asked = await findReread(this.database, Number(id));
    if (asked?.kind !== 'replay') throw new DomainError('not_found', 'replay not found');
    return viewOf(asked.chain, asked);
  }

  /** Compares the stored logs of a range with those of an endpoint; logs that are missing are stored. */
  async verify(range: RepairRange): Promise<VerifyAnswer> {
    const { id } = await this.ask('verify', range);
    for (const until = performance.now() + VERIFY_TIMEOUT_MS; performance.now() < until;) {
      const asked = await findReread(this.database, id);
      if (asked?.fault != null) throw unavailable(range.chain, asked.fault);
      if (asked?.isEnded === true) {
        const { ranges, differences, healed } = asked;
        return { ranges, differences, healed };
      }
      await delay(VERIFY_POLL_INTERVAL_MS);
    }
    await giveUpReread(this.database, id);
    throw unavailable(range.chain, 'no process that follows the chain has read the blocks in time');
  }

  private async ask(kind: RereadKind, { chain: name, fromBlock: from, toBlock }: RepairRange): Promise<AskedReread> {
    if (toBlock < from)
      throw inputFault('invalid_request', '/toBlock', 'invalid_range', 'toBlock must not be below fromBlock');
    const chain = (await this.registry.chains()).find((known) => known.name === name);
    if (chain === undefined) throw new DomainError('not_found', `chain ${name} not found`);
    if (chain.endpoints.length === 0)
      throw new DomainError('conflict', `chain ${name} has no endpoints; its writers post the events again`);
    const row = await this.database.one<{ state: string; head: number | null }>(
      'SELECT state, head_number AS head FROM onchain_chains WHERE id = $1',
      [chain.id],
    );
    if (row?.state === 'paused' || row?.state === 'stopped')
      throw new DomainError('conflict', `chain ${name} is ${row.state}; nothing of it is read`);
    const to = Math.min(toBlock, row?.head ?? -1);
    if (to < from) {
      const detail = `fromBlock must not be above the newest block ${row?.head ?? 'of a chain that has none'}`;
      throw inputFault('invalid_request', '/fromBlock', 'out_of_range', detail);
    }
    if (to - from >= MAX_BLOCKS[kind]) {
      const detail = `toBlock must be at most ${MAX_BLOCKS[kind] - 1} blocks above fromBlock`;
      throw inputFault('limit_exceeded', '/toBlock', 'range_too_long', detail);
    }
    return askReread(this.database, chain.id, kind, currentCaller() ?? 'process', { from, to });
  }
}

function viewOf(chain: string, { id, from, to, next, healed, fault, isEnded }: AskedReread): ReplayView {
  const state = fault !== null ? 'failed' : isEnded ? 'done' : 'running';
  return { id: String(id), chain, fromBlock: from, toBlock: to, nextBlock: next, state, healed, reason: fault };
}

function unavailable(chain: string, reason: string): DomainError {
  return new DomainError('unavailable', `blocks of ${chain} unavailable; ${reason}`, { retryAfterMs: RETRY_AFTER_MS });
}
