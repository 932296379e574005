/** Flight that several callers wait for: it ends early when all of them have left. */
interface Flight<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiting: number;
  /** Turn of the next caller to receive the result: other events must not wait for more than one caller's writing. */
  turn: Promise<unknown>;
  /** Version of the data that it reads; undefined before it begins to. */
  version: string | undefined;
}

/** Work of a flight; it calls `begin` when reading begins, with the version of the data at least. */
export type FlightWork<T> = (signal: AbortSignal, begin: (version: string) => void) => Promise<T>;

/**
 * Runs equal simultaneous work once, for all callers. A caller that comes while a flight still waits for its turn joins it: it
 * will read the data of that time. A later caller joins if nothing has changed since, and otherwise starts the next flight.
 */
export class SingleFlight<T> {
  /** Newest flight of each key. */
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * Runs or joins a flight. `version`: the oldest this caller accepts. Rejects with the signal's reason when the caller leaves;
   * the others go on.
   */
  run(key: string, version: string, signal: AbortSignal, work: FlightWork<T>): Promise<T> {
    signal.throwIfAborted();
    const newest = this.flights.get(key);
    const isFresh = newest !== undefined && (newest.version === undefined || newest.version === version);
    const flight = isFresh ? newest : this.begin(key, work);
    flight.waiting += 1;
    const mine = flight.turn;
    flight.turn = mine.then(() => new Promise((resolve) => setImmediate(resolve)));
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.left(key, flight, signal.reason);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      mine
        .then(() => flight.result)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', leave));
    });
  }

  private begin(key: string, work: FlightWork<T>): Flight<T> {
    const end = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // Failures reach the waiting callers; there may be none left.
    const turn = promise.catch(() => undefined);
    const flight: Flight<T> = { result: promise, end, waiting: 0, turn, version: undefined };
    this.flights.set(key, flight);
    work(end.signal, (version) => (flight.version = version))
      .finally(() => this.forget(key, flight))
      .then(resolve, reject);
    return flight;
  }

  private forget(key: string, flight: Flight<T>): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }

  private left(key: string, flight: Flight<T>, reason: unknown): void {
    flight.waiting -= 1;
    if (flight.waiting > 0) return;
    this.forget(key, flight);
    flight.end.abort(reason);
  }
}
