import pg from 'pg';
import { sessionUrl } from '../../platform/database/connection-options.js';

/** Longest wait for a connection, ms. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Row of an answer, its values as text or numbers by the server's types. */
type Row = Readonly<Record<string, unknown>>;

/** Data that a command of the replication protocol sends before it ends. */
interface CopyHandler {
  /** Called for each message; not before the message before it was handled, except for those that had arrived already. */
  data(message: Buffer): void;
  /** Called for each row before the data and after it. */
  row?(row: Readonly<Record<string, string | null>>): void;
}

/** Parts of pg's connection that its types do not describe. */
interface WireConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  once(event: 'copyDone', listener: () => void): void;
  removeListener(event: 'copyDone', listener: () => void): void;
  readonly stream: { pause(): void; resume(): void; destroy(): void };
}

/** Callbacks of pg for the messages of a running query. */
interface WireQuery {
  submit(connection: WireConnection): void;
  handleRowDescription(message: { fields: readonly { name: string }[] }): void;
  handleDataRow(message: { fields: readonly (string | null)[] }): void;
  handleCopyData(message: { chunk: Buffer }): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
  handleError(error: Error): void;
}

/** Connection for the replication protocol of PostgreSQL 15 and newer; its role needs the attribute REPLICATION. */
export class Replication {
  private lost: Error | undefined;
  private failCopy: ((error: Error) => void) | undefined;

  private constructor(private readonly client: pg.Client) {
    client.on('error', (error) => this.end(error));
    client.on('end', () => this.end(new Error('the server closed the connection')));
  }

  static async connect(url: string): Promise<Replication> {
    const address = new URL(sessionUrl(url));
    address.searchParams.set('replication', 'true');
    const client = new pg.Client({
      connectionString: address.href,
      application_name: 'defi-realtime-backup',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    const replication = new Replication(client);
    await client.connect();
    return replication;
  }

  async rows(command: string): Promise<Row[]> {
    return (await this.client.query<Record<string, unknown>>(command)).rows;
  }

  async row(command: string): Promise<Row> {
    const [row] = await this.rows(command);
    if (row === undefined) throw new Error(`the server has no answer to ${command}`);
    return row;
  }

  /** Runs a command that sends data, and returns the rows of its answers, in their order. */
  copy(command: string, handler: CopyHandler): Promise<Record<string, string | null>[]> {
    const { connection } = this;
    if (this.lost !== undefined) return Promise.reject(this.lost);
    return new Promise((resolve, reject) => {
      const rows: Record<string, string | null>[] = [];
      let names: string[] = [];
      // The server ends a stream of the log at the end of a timeline, and waits for our end of it.
      const copyDone = (): void => connection.endCopyFrom();
      const isStream = command.startsWith('START_REPLICATION');
      if (isStream) connection.once('copyDone', copyDone);
      const done = (settle: () => void): void => {
        this.failCopy = undefined;
        connection.removeListener('copyDone', copyDone);
        settle();
      };
      this.failCopy = (error) => done(() => reject(error));
      const query: WireQuery = {
        submit: () => connection.query(command),
        handleRowDescription: ({ fields }) => {
          names = fields.map(({ name }) => name);
        },
        handleDataRow: ({ fields }) => {
          const row = Object.fromEntries(fields.map((value, at) => [names[at] ?? '', value]));
          rows.push(row);
          handler.row?.(row);
        },
        handleCopyData: ({ chunk }) => {
          try {
            handler.data(chunk);
          } catch (error) {
            this.end(error instanceof Error ? error : new Error(String(error)));
            this.destroy();
          }
        },
        handleCommandComplete: () => undefined,
        handleReadyForQuery: () => done(() => resolve(rows)),
        handleError: (error) => done(() => reject(error)),
      };
      this.client.query(query as unknown as pg.Submittable);
    });
  }

  /** Sends data within a running command. */
  send(message: Buffer): void {
    if (this.lost === undefined) this.connection.sendCopyFromChunk(message);
  }

  /** Stops reading until `resume`; a few messages that have arrived are still handled. */
  pause(): void {
    this.connection.stream.pause();
  }

  resume(): void {
    this.connection.stream.resume();
  }

  /** Ends the connection at once, also within a running command, which fails with `reason`. */
  destroy(reason = new Error('the connection was ended')): void {
    this.end(reason);
    this.connection.stream.destroy();
  }

  /** Ends the connection; no command may be running. */
  async close(): Promise<void> {
    if (this.lost === undefined) await this.client.end();
  }

  private get connection(): WireConnection {
    return (this.client as unknown as { connection: WireConnection }).connection;
  }

  private end(error: Error): void {
    this.lost ??= error;
    this.failCopy?.(this.lost);
  }
}
