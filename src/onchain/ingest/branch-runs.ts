import type { ChainEvent, Hash } from '../core/index.js';
import type { PostedChainEvent } from './event-item.js';

/** Event with the place of its item in the request. */
export interface PlacedEvent {
  readonly index: number;
  readonly event: ChainEvent;
}

/** Events that are stored together. */
export interface Run {
  /** Newest block that stays if the run replaces blocks; undefined if it only adds to them. */
  ancestor: number | undefined;
  /** Ascending by block and log, each once. */
  events: PlacedEvent[];
  /** Items that only retract, and are done with the run. */
  readonly retracted: number[];
}

/**
 * Divides events, in the order of their items, into runs that do not contradict each other: an event of another block hash at a
 * known height, and a retraction of the known one, replace that block and all above it. `knownHash` returns the hash of the
 * stored canonical block.
 */
export function branchRuns(
  items: readonly (PlacedEvent & { readonly removed: boolean })[],
  knownHash: (block: number) => Hash | undefined,
): Run[] {
  const runs: Run[] = [];
  let hashes = new Map<number, Hash>();
  /** Lowest block that a run of this request has replaced: stored hashes above it no longer count. */
  let replacedFrom = Infinity;
  let run: Run = { ancestor: undefined, events: [], retracted: [] };
  const hashAt = (block: number): Hash | undefined =>
    hashes.get(block) ?? (block < replacedFrom ? knownHash(block) : undefined);
  for (const { index, event, removed } of items) {
    const { blockNumber, blockHash } = event;
    const known = hashAt(blockNumber);
    if (removed ? known === blockHash : known !== undefined && known !== blockHash) {
      runs.push(run);
      run = { ancestor: blockNumber - 1, events: [], retracted: [] };
      replacedFrom = Math.min(replacedFrom, blockNumber);
      hashes = new Map([...hashes].filter(([block]) => block < blockNumber));
    }
    if (removed) {
      run.retracted.push(index);
    } else {
      hashes.set(blockNumber, blockHash);
      run.events.push({ index, event });
    }
  }
  runs.push(run);
  for (const each of runs) each.events = inOrder(each.events);
  return runs.filter(
    ({ ancestor, events, retracted }) => ancestor !== undefined || events.length + retracted.length > 0,
  );
}

/** Sorts by block and log; of equal events the first stays. Their items count as accepted all the same. */
function inOrder(events: readonly PlacedEvent[]): PlacedEvent[] {
  const byIdentity = new Map<string, PlacedEvent>();
  for (const placed of events) {
    const { blockHash, logIndex, contract } = placed.event;
    const identity = `${contract}:${blockHash}:${logIndex}`;
    if (!byIdentity.has(identity)) byIdentity.set(identity, placed);
  }
  return [...byIdentity.values()].sort(
    ({ event: a }, { event: b }) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex,
  );
}

/** Whether an event has a block hash. */
export function isPlaced(event: PostedChainEvent['event']): event is ChainEvent {
  return event.blockHash !== null;
}
