import { createHash } from 'node:crypto';
import type { ChainEvent } from '../model/chain-event.js';
import type { Address, Hash } from '../model/hex.js';

/** Log that cannot be decoded: only its place counts. */
interface PlacedLog {
  readonly contract: Address;
  readonly blockHash: Hash;
  readonly logIndex: number;
}

/** Ids of a list that become text between two looks at the clock. */
const IDS_PER_STEP = 1_000;

/**
 * Computes the digest of the logs of one block, ascending by index: SHA-256 of a line for each. Endpoints that agree, and the
 * stored logs, give the same digest. Yields between parts of a long list.
 */
export function* digestOfLogs(logs: readonly (ChainEvent | PlacedLog)[]): Generator<void, string> {
  const hash = createHash('sha256');
  for (const log of logs) {
    if (!('kind' in log)) {
      hash.update(`${log.logIndex}|${bare(log.blockHash)}|${bare(log.contract)}|dead\n`);
      continue;
    }
    hash.update(
      `${log.logIndex}|${bare(log.blockHash)}|${bare(log.contract)}|${bare(log.transactionHash)}|${log.transactionIndex}|${log.kind}` +
        `|${bare(log.from)}|${bare(log.to)}|${bare(log.staker)}|${log.startTokenId ?? ''}|${log.quantity ?? ''}|`,
    );
    for (const [list, end] of [
      [log.tokenIds, '|'],
      [log.quantities, '\n'],
    ] as const) {
      for (let at = 0; at < (list?.length ?? 0); at += IDS_PER_STEP) {
        hash.update(`${at === 0 ? '' : ','}${list?.slice(at, at + IDS_PER_STEP).join(',') ?? ''}`);
        yield;
      }
      hash.update(end);
    }
    yield;
  }
  return hash.digest('hex');
}

/** Returns the digest of a range from those of its blocks; blocks without logs count as if they were not there. */
export function digestOfBlocks(blocks: ReadonlyMap<number, string>): string {
  const hash = createHash('sha256');
  for (const [block, digest] of [...blocks].sort(([a], [b]) => a - b)) hash.update(`${block}|${digest}\n`);
  return hash.digest('hex');
}

const bare = (hex: string | null): string => hex?.slice(2) ?? '';
