/** Client of a test that notes what was wrong with the messages it received. */
interface FaultyClient {
  readonly faults: readonly string[];
}

/** Clients that the tests of a file have opened; `close` belongs into `afterEach`. */
export class OpenedClients<C extends FaultyClient> {
  private readonly opened: C[] = [];

  constructor(private readonly end: (client: C) => void) {}

  add(client: C): C {
    this.opened.push(client);
    return client;
  }

  /** Closes all clients. Throws if one received a message that was wrong. */
  close(): void {
    const closed = this.opened.splice(0);
    for (const client of closed) this.end(client);
    const faults = closed.flatMap((client) => client.faults);
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }
}
