import { EventTally } from '../oracles/event-tally.js';
import type { RecordedWriter } from '../data/recorded-writer.js';
import type { ResumingClient } from './resuming-client.js';
import { SocketIoClient, SseClient, WebSocketClient } from './resuming-clients.js';
import { waitFor } from '../wait-for.js';

/** Every tenth client follows everything, the others about as many protocols as a person has on a screen. */
const EVERYTHING = 10;
const FOLLOWED = 5;

interface Member {
  readonly client: ResumingClient;
  readonly tally: EventTally;
  readonly followsAll: boolean;
  wants(key: string): boolean;
}

export interface FleetOutcome {
  missing: number;
  repeated: number;
  /** Faults of each client that has any. */
  faults: string[][];
}

/** Clients of the three transports, each with its own filter, that follow the changes of a RecordedWriter. */
export class Fleet {
  readonly members: readonly Member[];

  /** @param slugs the protocols that are written */
  constructor(url: string, apiKey: string, slugs: readonly string[], count: number) {
    this.members = Array.from({ length: count }, (_, n): Member => {
      const all = n % EVERYTHING === 0;
      const chosen = Array.from({ length: FOLLOWED }, (_unused, i) => slugs[(n * 7 + i * 13) % slugs.length] ?? '');
      const client = clientOf(url, apiKey, n, all ? undefined : chosen);
      const tally = new EventTally();
      client.record = tally.add;
      return { client, tally, followsAll: all, wants: (key) => all || chosen.includes(key.split(':')[0] ?? '') };
    });
  }

  get clients(): readonly ResumingClient[] {
    return this.members.map(({ client }) => client);
  }

  async connect(): Promise<void> {
    for (const { client } of this.members) client.connect();
    await waitFor(() => this.members.every(({ client }) => client.position !== undefined), {
      timeoutMs: 60_000,
      what: 'a position of every client',
    });
  }

  close(): void {
    for (const { client } of this.members) client.close();
  }

  /** Resolves when all clients have reached this position. */
  async reach(seq: number, timeoutMs = 60_000): Promise<void> {
    const behind = (): ResumingClient[] => this.clients.filter((client) => positionOf(client) < seq);
    await waitFor(() => behind().length === 0, { timeoutMs, what: 'everyone' });
  }

  /**
   * Waits, after the writer has stopped, until all clients have as many events as expected; returns the total number.
   * After the timeout `outcome` shows which clients lack events.
   */
  async complete(writer: RecordedWriter, timeoutMs = 30_000): Promise<number> {
    const expected = [...writer.expected()];
    const due = this.members.map(({ wants }) =>
      expected.reduce((sum, [key, changes]) => sum + (wants(key) ? changes.length : 0), 0),
    );
    const short = (): boolean => this.members.some(({ tally }, n) => tally.received < (due[n] ?? 0));
    await waitFor(() => !short(), { timeoutMs }).catch(() => undefined);
    return due.reduce((sum, count) => sum + count, 0);
  }

  /** Compares the events that all clients received with the committed changes. */
  outcome(writer: RecordedWriter): FleetOutcome {
    const expected = writer.expected();
    const outcome: FleetOutcome = { missing: 0, repeated: 0, faults: [] };
    for (const { client, tally, wants } of this.members) {
      outcome.missing += tally.compare(expected, wants);
      outcome.repeated += tally.repeated;
      const faults = [...client.refusals, ...tally.faults];
      if (faults.length > 0) outcome.faults.push([client.constructor.name, ...faults]);
    }
    return outcome;
  }
}

function positionOf(client: ResumingClient): number {
  return Number.parseInt(client.position?.split('-')[1] ?? '0', 36);
}

function clientOf(url: string, apiKey: string, n: number, protocols: readonly string[] | undefined): ResumingClient {
  if (n % 3 === 0) return new SocketIoClient(url, apiKey, [{ type: 'tvl_changes', ...(protocols && { protocols }) }]);
  if (n % 3 === 1) {
    const filters = protocols && { filters: { protocolIds: protocols } };
    return new WebSocketClient(url, apiKey, { channels: ['events:tvl'], ...filters });
  }
  return new SseClient(url, apiKey, `channels=events:tvl${protocols ? `&protocols=${protocols.join(',')}` : ''}`);
}
