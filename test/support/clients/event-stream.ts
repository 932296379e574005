import { EventSource } from 'eventsource';
import { faultsOf } from '../oracles/asyncapi-validator.js';
import { waitFor } from '../wait-for.js';

type Body = Record<string, unknown>;
export interface StreamedEvent {
  name: string;
  body: Body;
  /** The client's `Last-Event-ID` after the event. */
  lastEventId: string;
}

const NAMES = [
  'connected',
  'ready',
  'heartbeat',
  'snapshot',
  'slow_consumer',
  'server_draining',
  'resync',
  'error',
  'tvl_change',
  'price_change',
  'protocol_update',
  'liquidation',
  'governance',
  'emission',
  'alert',
  'system_announcement',
  'query_result',
  'query_change',
];

/** A real EventSource that records what it receives and checks every message against the AsyncAPI document. */
export class StreamClient {
  readonly events: StreamedEvent[] = [];
  readonly faults: string[] = [];
  readonly source: EventSource;
  /** Status of a refused request. */
  refused: number | undefined;

  constructor(url: string, query: string, headers: Record<string, string> = {}) {
    this.source = new EventSource(`${url}/v1/stream?${query}`, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...(init?.headers as object), ...headers } }),
    });
    for (const name of NAMES) {
      this.source.addEventListener(name, (event: MessageEvent) => {
        if (event.data !== undefined) this.keep(name, JSON.parse(String(event.data)) as Body, event.lastEventId);
      });
    }
    this.source.addEventListener('error', (event) => {
      if ('code' in event && typeof event.code === 'number') this.refused = event.code;
    });
  }

  static async ready(url: string, query: string): Promise<StreamClient> {
    const client = new StreamClient(url, query);
    await client.next('ready');
    return client;
  }

  named(name: string): StreamedEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  /** Returns the `count`-th event with a name. */
  next(name: string, count = 1): Promise<StreamedEvent> {
    return waitFor(() => this.named(name)[count - 1], { what: `${name} number ${count}` });
  }

  close(): void {
    this.source.close();
  }

  private keep(name: string, body: Body, lastEventId: string): void {
    this.events.push({ name, body, lastEventId });
    this.faults.push(...faultsOf('sse', name, body));
  }
}
