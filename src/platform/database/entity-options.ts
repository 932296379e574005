import type { ObjectLiteral, Repository } from 'typeorm';
import { beginAsCurrent, namesOwnedRows, runAsCurrent } from './acting-as.js';
import type { BorrowedConnection, Database } from './database.js';

type Client = BorrowedConnection['client'];

type Receive = (error: Error | undefined, client?: EntityConnection, release?: BorrowedConnection['release']) => void;

/** The part of a connection that TypeORM uses. */
interface EntityConnection extends Pick<Client, 'on' | 'removeListener'> {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** Returns the connection for TypeORM: its transactions, and its statements outside of them, tell whom they serve. */
function asCurrent(client: Client): EntityConnection {
  let isOpen = false;
  const query: EntityConnection['query'] = async (text, values) => {
    if (text === 'START TRANSACTION') {
      isOpen = true;
      return client.query(beginAsCurrent(text));
    }
    if (text === 'COMMIT' || text === 'ROLLBACK') isOpen = false;
    if (isOpen || !namesOwnedRows(text)) return client.query(text, values);
    return runAsCurrent(client, () => client.query(text, values));
  };
  return { query, on: client.on.bind(client), removeListener: client.removeListener.bind(client) };
}

/**
 * Pool that TypeORM uses in place of its own: it hands out connections of `Database`. So repositories have the same role,
 * session options, timeouts and value parsers as plain SQL, and callers take turns for connections there too.
 */
class BorrowingPool {
  constructor(private readonly database: Database) {}

  connect(receive: Receive): void {
    this.database.borrow().then(
      ({ client, release }) => receive(undefined, asCurrent(client), release),
      (error: Error) => receive(error),
    );
  }

  /** Ignores listeners: `Database` handles the loss of a connection. */
  on(): this {
    return this;
  }

  /** Leaves the connections open: `Database` closes them. */
  end(done: () => void): void {
    done();
  }
}

/** Options of a TypeORM data source that runs on the pool of `database`. */
export function entityOptions(database: Database) {
  class Pool extends BorrowingPool {
    constructor() {
      super(database);
    }
  }
  return { type: 'postgres' as const, driver: { Pool }, installExtensions: false };
}

/** Returns the select list of an entity for plain SQL: its columns, under the names of its properties. */
export function columnsOf<T extends ObjectLiteral>({ metadata }: Repository<T>): string {
  return metadata.columns
    .filter(({ isSelect }) => isSelect)
    .map(({ databaseName, propertyName }) => `${databaseName} AS "${propertyName}"`)
    .join(', ');
}
