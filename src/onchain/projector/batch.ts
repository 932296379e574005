import { batchLength, type ChainEvent } from '../core/index.js';
import { isAfter, WHOLE_BLOCK, type Position, type StreamState } from './stream-reader.js';

/** Rows that one batch changes, at most; an event that changes more is alone. */
const MAX_TOKENS = 20_000;

/** Events of a flush in memory, for a stream that stands right before them. */
export interface HandedEvents {
  /** Blocks, both included, of which these are all events. */
  readonly fromBlock: number;
  readonly toBlock: number;
  /** In the order of the chain; may have events of other contracts. */
  readonly events: readonly ChainEvent[];
  /** Time of the flush, Unix milliseconds. */
  readonly storedAt: number;
}

/** Events that wait in memory, from `next` on, up to a position. */
export interface Waiting {
  readonly events: readonly ChainEvent[];
  readonly storedAt: readonly number[];
  next: number;
  /** End of what the events cover. */
  readonly upTo: Position;
}

/** Events that are projected in one transaction, and the position after it. */
export interface Batch {
  readonly events: readonly ChainEvent[];
  readonly storedAt: readonly number[];
  readonly to: Position;
  readonly isFinal: boolean;
}

/** Where the stream may go now: the end of what is stored without a gap, or the place right before a log that stops it. */
export function goalOf(state: StreamState, upTo: number): Position & { readonly stop: string | null } {
  const whole = { block: Math.min(upTo, state.covered), log: WHOLE_BLOCK, stop: null };
  const { dead } = state;
  if (dead === null || isAfter(dead, whole)) return whole;
  return { block: dead.block, log: dead.log - 1, stop: `log ${dead.log} of block ${dead.block}: ${dead.reason}` };
}

/** Returns the handed events that come next; undefined if the stream stands elsewhere. */
export function waitingOf(state: StreamState, goal: Position, handed: HandedEvents | undefined): Waiting | undefined {
  if (handed === undefined || state.hasSkips) return undefined;
  const next = state.log === WHOLE_BLOCK ? state.block + 1 : state.block;
  if (next < handed.fromBlock || next > handed.toBlock) return undefined;
  const own = new Set(state.contracts.map(({ address }) => address));
  const upTo = isAfter(goal, { block: handed.toBlock, log: WHOLE_BLOCK })
    ? { block: handed.toBlock, log: WHOLE_BLOCK }
    : goal;
  const events = handed.events.filter(
    (event) => own.has(event.contract) && isAfter(positionOf(event), state) && !isAfter(positionOf(event), upTo),
  );
  return { events, storedAt: events.map(() => handed.storedAt), next: 0, upTo };
}

function positionOf({ blockNumber, logIndex }: ChainEvent): Position {
  return { block: blockNumber, log: logIndex };
}

/** Takes the next batch: of final or of other blocks only, with at most `maxEvents` events. */
export function nextBatch(waiting: Waiting, final: number, maxEvents: number): Batch {
  const { events, storedAt, next, upTo } = waiting;
  const isFinal = (events[next]?.blockNumber ?? upTo.block) <= final;
  let length = Math.min(maxEvents, batchLength(events, next, MAX_TOKENS));
  if (isFinal) {
    while (length > 1 && (events[next + length - 1]?.blockNumber ?? 0) > final) length -= 1;
  }
  const end = next + length;
  return { events: events.slice(next, end), storedAt: storedAt.slice(next, end), to: endOf(waiting, end), isFinal };
}

/** Position between the last event of a batch and the event after it: the end of a block, if one ends there. */
function endOf({ events, upTo }: Waiting, end: number): Position {
  const [last, after] = [events[end - 1], events[end]];
  if (after === undefined) return upTo;
  if (last?.blockNumber === after.blockNumber) return positionOf(last);
  return { block: after.blockNumber - 1, log: WHOLE_BLOCK };
}
