import { AsyncLocalStorage } from 'node:async_hooks';

/** User whose rows the current code may see. */
export interface ActingUser {
  readonly id: string;
  /** Role of the key that was used. */
  readonly role: string;
}

/**
 * For whom the current code reads and writes rows of users: a user, `nobody` (a request without a key), or `process`, whose own
 * work serves all users.
 */
export type Actor = ActingUser | 'nobody' | 'process';

interface Work {
  readonly correlationId: string | undefined;
  caller: string | undefined;
  actor: Actor;
}

const storage = new AsyncLocalStorage<Work>();

/** Time for which a caller counts as present after its last work, ms. */
const PRESENCE_TTL_MS = 1_000;
/** Caller that worked last, and the last other one, with the times of their work. */
let latest = { caller: '', at: -Infinity };
let previous = latest;

/** Notes that work is done for a caller, or for others such as the clients that get an event. */
export function notePresent(caller: string): void {
  if (caller !== latest.caller) previous = latest;
  latest = { caller, at: performance.now() };
}

/** Whether nobody else has had work within the last second: a caller that is alone need not leave time to others. */
export function isAlone(caller: string | undefined): boolean {
  const other = latest.caller === caller ? previous : latest;
  return performance.now() - other.at > PRESENCE_TTL_MS;
}

/** Runs a request, and everything that it starts, under its correlation id. The caller is set later by `workFor`. */
export function runRequest<T>(correlationId: string, work: () => T): T {
  return storage.run({ correlationId, caller: undefined, actor: 'nobody' }, work);
}

/** Returns the id of the request that the current code runs for; undefined outside of requests. */
export function currentRequest(): string | undefined {
  return storage.getStore()?.correlationId;
}

/**
 * Sets the caller of the current request: the id of a key, or the address if the request has no key; and the user of the key,
 * whose rows alone the request then sees.
 */
export function workFor(caller: string, user?: ActingUser): void {
  const work = storage.getStore();
  if (work !== undefined) Object.assign(work, { caller, actor: user ?? 'nobody' });
  notePresent(caller);
}

/** Runs work that belongs to a key but to no request, such as a replay to a connection. */
export function runFor<T>(caller: string, work: () => T, user?: ActingUser): T {
  notePresent(caller);
  return storage.run({ correlationId: currentRequest(), caller, actor: user ?? 'nobody' }, work);
}

/** Runs work of the process itself that a request starts, such as a look-up that many callers share. */
export function runForProcess<T>(work: () => T): T {
  return storage.run({ correlationId: currentRequest(), caller: undefined, actor: 'process' }, work);
}

/**
 * Runs a part of a request for another actor, in the turn of the request's caller: for the user of a link, or for the process
 * where the part must see rows of other users.
 */
export function actAs<T>(actor: Actor, work: () => T): T {
  return storage.run({ correlationId: currentRequest(), caller: currentCaller(), actor }, work);
}

/** Returns for whom the current code reads and writes rows of users. */
export function currentActor(): Actor {
  return storage.getStore()?.actor ?? 'process';
}

/** Returns the key or address for which the current code runs; undefined if it runs for the process itself. */
export function currentCaller(): string | undefined {
  return storage.getStore()?.caller;
}
