import type { ChainEvent, Hash } from '../core/index.js';

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

/** Reorganisations in one batch of items, at most: each is a transaction, and a chain has one in minutes. */
const MAX_REORGS = 100;

/**
 * Divides events, in the order of their items, into runs that do not contradict each other: an event of another block hash at a
 * known height, and a retraction of the known one, replace that block and all above it. `knownHash` returns the hash of the
 * stored canonical block. Yields between items.
 */
export function* branchRuns(
  items: readonly (PlacedEvent & { readonly removed: boolean })[],
  knownHash: (block: number) => Hash | undefined,
  reject: (index: number, code: string, detail: string) => void,
): Generator<void, Run[]> {
  const runs: Run[] = [];
  let hashes = new Map<number, Hash>();
  /** Lowest block that a run of this request has replaced: stored hashes above it no longer count. */
  let replacedFrom = Infinity;
  let run: Run = { ancestor: undefined, events: [], retracted: [] };
  const hashAt = (block: number): Hash | undefined =>
    hashes.get(block) ?? (block < replacedFrom ? knownHash(block) : undefined);
  for (const { index, event, removed } of items) {
    yield;
    const { blockNumber, blockHash } = event;
    const known = hashAt(blockNumber);
    if (removed ? known === blockHash : known !== undefined && known !== blockHash) {
      if (runs.length === MAX_REORGS) {
        reject(index, 'limit_exceeded', `a request must have at most ${MAX_REORGS} reorganisations`);
        continue;
      }
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
  const parts: Run[] = [];
  for (const each of runs) {
    const events = yield* inOrder(each.events, reject);
    const { ancestor = -1 } = each;
    const kept = events.findIndex(({ event }) => event.blockNumber > ancestor);
    const first = kept === -1 ? events.length : kept;
    parts.push({ ...each, events: events.slice(first) });
    // Events of blocks that stay are no part of the new branch: they are added to what is stored.
    if (first > 0) parts.push({ ancestor: undefined, events: events.slice(0, first), retracted: [] });
  }
  return parts.filter(
    ({ ancestor, events, retracted }) => ancestor !== undefined || events.length + retracted.length > 0,
  );
}

/** Sorts by block and log. An event that comes again counts as accepted; another one in its place is rejected. */
function* inOrder(
  events: readonly PlacedEvent[],
  reject: (index: number, code: string, detail: string) => void,
): Generator<void, PlacedEvent[]> {
  const byIdentity = new Map<string, PlacedEvent>();
  for (const placed of events) {
    yield;
    const { blockHash, logIndex } = placed.event;
    const identity = `${blockHash}:${logIndex}`;
    const first = byIdentity.get(identity);
    if (first === undefined) byIdentity.set(identity, placed);
    else if (!isSame(first.event, placed.event)) rejectOther(placed, reject);
  }
  return [...byIdentity.values()].sort(
    ({ event: a }, { event: b }) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex,
  );
}

/** Rejects an event whose place another one has: a block has one log of each index. */
export function rejectOther(
  { index, event }: PlacedEvent,
  reject: (index: number, code: string, detail: string) => void,
): void {
  reject(index, 'conflict', `block ${event.blockNumber} has another event with the log index ${event.logIndex}`);
}

function isSame(a: ChainEvent, b: ChainEvent): boolean {
  return COMPARED.every((member) => a[member] === b[member]);
}

/** Members that two events of one log have alike; writers may leave out the others, or round them. */
const COMPARED = [
  'contract',
  'kind',
  'transactionHash',
  'from',
  'to',
  'staker',
  'startTokenId',
  'quantity',
] as const satisfies readonly (keyof ChainEvent)[];
