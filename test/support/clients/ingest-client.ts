import type { TestApp } from '../servers/create-test-app.js';

export interface IngestAnswer {
  accepted: number;
  rejected: { index: number; code: string; detail: string }[];
  rejectedCount: number;
  cursor: string;
}

interface LoggedEvent {
  eventType: string;
  correlationId?: string;
}

/** Program that writes over the ingest API with one key, and reads the log with another. */
export class IngestClient {
  private constructor(
    private readonly url: string,
    readonly writer: string,
    readonly reader: string,
  ) {}

  static async of(app: TestApp): Promise<IngestClient> {
    return new IngestClient(app.url, await app.key({ role: 'writer' }), await app.key({ role: 'reader' }));
  }

  post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${this.writer}`, 'content-type': 'application/json', ...headers },
    });
  }

  ingest(kind: string, items: unknown[]): Promise<IngestAnswer> {
    return this.accepted(this.post(`/v1/ingest/${kind}`, JSON.stringify({ items })));
  }

  stream(kind: string, lines: string): Promise<IngestAnswer> {
    return this.accepted(this.post(`/v1/ingest/${kind}`, lines, { 'content-type': 'application/x-ndjson' }));
  }

  /** Returns the events after a cursor. */
  async events(since: string, filter = ''): Promise<LoggedEvent[]> {
    const answer = await fetch(`${this.url}/v1/events?since=${since}${filter}`, {
      headers: { authorization: `Bearer ${this.reader}` },
    });
    return ((await answer.json()) as { data: LoggedEvent[] }).data;
  }

  private async accepted(asked: Promise<Response>): Promise<IngestAnswer> {
    const response = await asked;
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as IngestAnswer;
  }
}
