/** A flight that several wait for: it ends early when all of them have left. */
interface Flight<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiting: number;
  /** When the next of them is given the result: writing it out for one is as much as an event should wait for. */
  turn: Promise<unknown>;
  /** Of what it reads; undefined while it has not begun to. */
  version: string | undefined;
}

/** `begin` is called when reading begins, with the version of what will be read at least. */
export type FlightWork<T> = (signal: AbortSignal, begin: (version: string) => void) => Promise<T>;

/**
 * Equal work at the same time is done once, for everyone who wants it. Who comes while a flight still waits for its turn
 * joins it: it will read what is there by then. Who comes later joins if nothing has changed since, and else is the first
 * of the next one.
 */
export class SingleFlight<T> {
  /** The newest of each key. */
  private readonly flights = new Map<string, Flight<T>>();

  /** `version`: the oldest this caller accepts. Rejects with the signal's reason when he leaves; the others go on. */
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
    // Whoever waits hears of a failure; nobody may be left.
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
