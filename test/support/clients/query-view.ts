import { io, type Socket } from 'socket.io-client';
import { faultsOf } from '../oracles/asyncapi-validator.js';

export interface LiveRow {
  _key: string;
  [column: string]: unknown;
}
export interface LiveResult {
  subscriptionId: string;
  rows: LiveRow[];
  cursor: string;
}
export interface LiveChange {
  subscriptionId: string;
  added: LiveRow[];
  changed: LiveRow[];
  removed: string[];
  cursor: string;
}

/** Current rows of live queries, maintained as a client should; changes that could not be applied are recorded. */
export class QueryView {
  readonly results: LiveResult[] = [];
  readonly changes: LiveChange[] = [];
  readonly faults: string[] = [];
  private readonly rows = new Map<string, Map<string, LiveRow>>();
  private readonly cursors = new Map<string, string>();

  take(name: string, body: unknown): void {
    if (name === 'query_result') this.takeResult(body as LiveResult);
    else if (name === 'query_change') this.takeChange(body as LiveChange);
  }

  /** Returns the rows of a query; undefined before its result has arrived. */
  of(subscriptionId: string): LiveRow[] | undefined {
    const rows = this.rows.get(subscriptionId);
    return rows && [...rows.values()];
  }

  /** Returns the rows of the first query. */
  get first(): LiveRow[] {
    const [rows] = this.rows.values();
    return rows ? [...rows.values()] : [];
  }

  private takeResult(result: LiveResult): void {
    this.results.push(result);
    this.note(result);
    this.rows.set(result.subscriptionId, new Map(result.rows.map((row) => [row._key, row])));
  }

  private takeChange(change: LiveChange): void {
    this.changes.push(change);
    this.note(change);
    const rows = this.rows.get(change.subscriptionId);
    if (!rows) {
      this.faults.push(`a change of ${change.subscriptionId} before its result`);
      return;
    }
    for (const { _key } of change.added) if (rows.has(_key)) this.faults.push(`${_key} added twice`);
    for (const { _key } of change.changed) if (!rows.has(_key)) this.faults.push(`${_key} changed, but not there`);
    for (const row of [...change.added, ...change.changed]) rows.set(row._key, row);
    for (const gone of change.removed) if (!rows.delete(gone)) this.faults.push(`${gone} removed, but not there`);
  }

  private note({ subscriptionId, cursor }: LiveResult | LiveChange): void {
    const before = this.cursors.get(subscriptionId) ?? '';
    if (before.split('-')[0] === cursor.split('-')[0] && cursor < before) this.faults.push(`${cursor} after ${before}`);
    this.cursors.set(subscriptionId, cursor);
  }
}

/** Socket.IO client that follows live queries and checks every message against the AsyncAPI document. */
export class QueryFollower {
  readonly socket: Socket;
  readonly view = new QueryView();
  readonly errors: Record<string, unknown>[] = [];
  private readonly undescribed: string[] = [];

  constructor(url: string, apiKey: string) {
    this.socket = io(`${url}/v1/realtime`, { auth: { apiKey }, forceNew: true, transports: ['websocket'] });
    this.socket.onAny((name: string, body: unknown) => {
      this.undescribed.push(...faultsOf('socketio', name, body));
      this.view.take(name, body);
    });
    this.socket.on('error', (error: Record<string, unknown>) => this.errors.push(error));
  }

  get results(): LiveResult[] {
    return this.view.results;
  }

  get changes(): LiveChange[] {
    return this.view.changes;
  }

  get faults(): string[] {
    return [...this.undescribed, ...this.view.faults];
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
  async subscribe(query: unknown, more: object = {}): Promise<any> {
    const answer: unknown = await this.socket
      .timeout(20_000)
      .emitWithAck('subscribe', { type: 'query', query, ...more });
    this.undescribed.push(...faultsOf('socketio', 'subscribe.ack', answer));
    return answer;
  }

  /** Returns the rows of the only query as a record: column `column` by column `by`. */
  shows(column: string, by: string): Record<string, unknown> {
    return Object.fromEntries(this.view.first.map((row) => [String(row[by]), row[column]]));
  }

  close(): void {
    this.socket.disconnect();
  }
}
