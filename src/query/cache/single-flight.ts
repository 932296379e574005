/** Run that several callers wait for; it is aborted when all of them have disconnected. */
interface Flight<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiting: number;
  /**
   * Resolves when the next caller may receive the result: only one caller's answer is written per turn of the event loop.
   */
  turn: Promise<unknown>;
  /** Version of the data that the run reads; undefined before it begins to read. */
  version: string | undefined;
}

/** Work of a flight. It must call `begin` when it begins to read, with a version that is not newer than the data. */
type FlightWork<T> = (signal: AbortSignal, begin: (version: string) => void) => Promise<T>;

/**
 * Runs simultaneous equal work once for all callers. A caller that arrives before the work begins to read joins it, because
 * it will read data that is current for the caller, too. A later caller joins only if the version has not changed since; if
 * it has, the caller starts the next flight.
 */
export class SingleFlight<T> {
  /** Last started flight of each key. */
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * Runs or joins a flight. `version`: the oldest version that the caller accepts. Rejects with the signal's reason if the
   * caller disconnects; the other callers are not affected.
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
    // Prevents an unhandled rejection if no caller is waiting any more.
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
