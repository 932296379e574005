import { AsyncLocalStorage } from 'node:async_hooks';

interface Work {
  readonly correlationId: string | undefined;
  caller: string | undefined;
}

const storage = new AsyncLocalStorage<Work>();

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
}

/** Runs work that belongs to a key but to no request, such as a replay to a connection. */
export function runFor<T>(caller: string, work: () => T): T {
  return storage.run({ correlationId: currentRequest(), caller }, work);
}

/** Returns the key or address for which the current code runs; undefined if it runs for the process itself. */
export function currentCaller(): string | undefined {
  return storage.getStore()?.caller;
}
