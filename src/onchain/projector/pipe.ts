import type { ClientBase } from 'pg';

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/**
 * Sends statements of a transaction one after the other, without waiting for the last one: while the server works, the next
 * parameters are built.
 */
export class Pipe {
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly tx: ClientBase) {}

  /** Sends the statement once the last one is done. */
  async send(statement: Statement): Promise<void> {
    await this.running;
    this.running = this.tx.query(statement);
    // The failure is thrown by the next `send`, or by `done`.
    this.running.catch(() => undefined);
  }

  async done(): Promise<void> {
    await this.running;
  }
}
