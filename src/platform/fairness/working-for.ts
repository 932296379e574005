import { AsyncLocalStorage } from 'node:async_hooks';

interface Work {
  readonly correlationId: string | undefined;
  caller: string | undefined;
}

const storage = new AsyncLocalStorage<Work>();

/** Runs a request, and everything that it starts, under its id; without a caller until it is known. */
export function runRequest<T>(correlationId: string, work: () => T): T {
  return storage.run({ correlationId, caller: undefined }, work);
}

/** Returns the id of the request that the current code runs for; undefined outside of requests. */
export function currentRequest(): string | undefined {
  return storage.getStore()?.correlationId;
}

/** Sets the caller of the current request: a key, or the address of a caller without one. */
export function workFor(caller: string): void {
  const work = storage.getStore();
  if (work !== undefined) work.caller = caller;
}

/** Runs work of something other than a request, such as a replay to a connection, for this key. */
export function runFor<T>(caller: string, work: () => T): T {
  return storage.run({ correlationId: currentRequest(), caller }, work);
}

/** Returns the key or address that the current code works for; undefined: the process itself. */
export function currentCaller(): string | undefined {
  return storage.getStore()?.caller;
}
