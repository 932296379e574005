/** A flight that several wait for: it ends early when all of them have left. */
interface Flight<T> {
  readonly result: Promise<T>;
  readonly end: AbortController;
  waiting: number;
}

/** Equal work at the same time is done once, for everyone who wants it. */
export class SingleFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /** Rejects with the signal's reason when this caller leaves; the others go on. */
  run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.flights.get(key) ?? this.begin(key, work);
    flight.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.left(key, flight, signal.reason);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      flight.result.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  private begin(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const end = new AbortController();
    const result = work(end.signal).finally(() => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    // Whoever waits hears of a failure; nobody may be left.
    result.catch(() => undefined);
    const flight: Flight<T> = { result, end, waiting: 0 };
    this.flights.set(key, flight);
    return flight;
  }

  private left(key: string, flight: Flight<T>, reason: unknown): void {
    flight.waiting -= 1;
    if (flight.waiting > 0) return;
    if (this.flights.get(key) === flight) this.flights.delete(key);
    flight.end.abort(reason);
  }
}
