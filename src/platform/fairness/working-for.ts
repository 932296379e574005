import { AsyncLocalStorage } from 'node:async_hooks';

interface Work {
  readonly correlationId: string | undefined;
  caller: string | undefined;
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
  return storage.run({ correlationId, caller: undefined }, work);
}

/** Returns the id of the request that the current code runs for; undefined outside of requests. */
export function currentRequest(): string | undefined {
  return storage.getStore()?.correlationId;
}

/** Sets the caller of the current request: the id of a key, or the address if the request has no key. */
export function workFor(caller: string): void {
  const work = storage.getStore();
  if (work !== undefined) work.caller = caller;
  notePresent(caller);
}

/** Runs work that belongs to a key but to no request, such as a replay to a connection. */
export function runFor<T>(caller: string, work: () => T): T {
  notePresent(caller);
  return storage.run({ correlationId: currentRequest(), caller }, work);
}

/** Runs work of the process itself that a request starts, such as a look-up that many callers share. */
export function runForProcess<T>(work: () => T): T {
  return storage.run({ correlationId: currentRequest(), caller: undefined }, work);
}

/** Returns the key or address for which the current code runs; undefined if it runs for the process itself. */
export function currentCaller(): string | undefined {
  return storage.getStore()?.caller;
}
