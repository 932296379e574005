import { request as httpRequest, type ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

type Message = Record<string, unknown>;

const TOKENS = Array.from({ length: 40 }, (_, index) => `coin-${index}`);
const RECONNECTS = 50;

/** Row of the log, as a naive reader of the table sees it. */
interface Row {
  seq: number;
  type: string;
  token: string | null;
  protocol: string | null;
  moved: number | null;
}

let app: TestApp;
let key: string;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key({ limits: { subscriptionChanges: 0, connectsPerAddress: 0, messages: 0 } });
  await app.db.pool.query(`INSERT INTO token_prices (token, price) SELECT unnest($1::text[]), 100`, [TOKENS]);
  await app.db.pool.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p-' || g, 'ethereum', 1000 FROM generate_series(1, 20) g`,
  );
});

afterAll(() => app.close());

/**
 * Base of all clients of this test: it tracks its position as the contract requires, is disconnected at random, and
 * resumes.
 */
abstract class Wanderer {
  /** Sequence numbers of the received events, in order of arrival. */
  readonly seen: number[] = [];
  readonly refusals: string[] = [];
  cuts = 0;
  position: string | undefined;

  /** False for a client whose two calls have a replay each: each replay is in order, but both together are not. */
  readonly inOrder: boolean = true;

  abstract connect(): void;
  abstract cut(): void;
  abstract matches(row: Row): boolean;

  protected keep(cursor: unknown): void {
    this.seen.push(Number.parseInt(String(cursor).split('-')[1]!, 36));
    this.position = String(cursor);
  }
}

/**
 * Client with two overlapping subscriptions, each resumed separately; its position does not change until both answers
 * arrived.
 */
class TwoSubscriptions extends Wanderer {
  override readonly inOrder = false;
  private socket: WebSocket | undefined;
  private pending: unknown[] = [];
  private answers = 0;

  connect(): void {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${key}`);
    this.socket = socket;
    this.pending = [];
    this.answers = 0;
    const since = this.position === undefined ? {} : { since: this.position };
    socket.on('error', () => {});
    socket.on('open', () => {
      const filters = { tokenIds: TOKENS.slice(0, 20), threshold: 0.02 };
      socket.send(JSON.stringify({ type: 'subscribe', channels: ['prices'], filters, ...since }));
      const channels = ['events:token:coin-1', 'events:token:coin-39', 'events:tvl'];
      socket.send(JSON.stringify({ action: 'subscribe', channels, ...since }));
    });
    socket.on('message', (data: Buffer) => {
      if (this.socket === socket) this.take(JSON.parse(data.toString()) as Message);
    });
  }

  private take({ type, cursor, recovered, error }: Message): void {
    if (type === 'price_update' || type === 'tvl_update') {
      if (this.answers < 2) this.pending.push(cursor);
      else this.keep(cursor);
    }
    if (type === 'error') this.refusals.push(JSON.stringify(error));
    if (type !== 'subscription_result' && type !== 'subscription_confirmed') return;
    if (this.position !== undefined && recovered !== true) this.refusals.push(`${type} not recovered`);
    this.answers++;
    if (this.answers < 2) return;
    for (const one of this.pending) this.keep(one);
    this.position = String(cursor);
  }

  cut(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.terminate();
  }

  matches({ type, token, moved }: Row): boolean {
    if (type === 'tvl_change') return true;
    if (type !== 'price_change' || token === null) return false;
    if (token === 'coin-1' || token === 'coin-39') return true;
    return TOKENS.indexOf(token) < 20 && Number(moved) > 0.015;
  }
}

/** Client that only stores the last `id:` it received, even during a replay, like every EventSource. */
class LastEventId extends Wanderer {
  private request: ClientRequest | undefined;
  /**
   * Whether the stream resumes. A stream that does not resume may have events before `ready`, too: those published
   * while the stream began.
   */
  private isResuming = false;

  constructor(
    private readonly query: string,
    private readonly wanted: (row: Row) => boolean,
  ) {
    super();
  }

  connect(): void {
    this.isResuming = this.position !== undefined;
    const headers = {
      authorization: `Bearer ${key}`,
      ...(this.position === undefined ? {} : { 'last-event-id': this.position }),
    };
    const request = httpRequest(`${app.url}/v1/stream?${this.query}`, { headers }, (answer) => {
      let rest = '';
      answer.on('data', (chunk: Buffer) => {
        if (this.request !== request) return;
        const blocks = (rest + chunk.toString('utf8')).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) this.take(block);
      });
      answer.on('error', () => {});
    });
    request.on('error', () => {});
    request.end();
    this.request = request;
  }

  private take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const [event, id] = [field('event'), field('id')];
    if (event === 'ready' && this.isResuming && !block.includes('"recovered":true')) this.refusals.push(block);
    if (event === 'error') this.refusals.push(block);
    if (event === 'price_change' || event === 'tvl_change') this.keep(id);
    else if (id !== undefined) this.position = id;
  }

  cut(): void {
    const request = this.request;
    this.request = undefined;
    request?.destroy();
  }

  matches(row: Row): boolean {
    return this.wanted(row);
  }
}

async function write(until: () => boolean): Promise<void> {
  for (let round = 0; round < 200 || !until(); round++) {
    await app.db.pool.query(
      `UPDATE token_prices SET price = price * (CASE WHEN random() < 0.5 THEN 1.03 ELSE 0.985 END) WHERE random() < 0.5`,
    );
    if (round % 3 === 0) await app.db.pool.query(`UPDATE protocol_tvl SET tvl = tvl * 1.02 WHERE random() < 0.3`);
  }
}

async function wander(client: Wanderer): Promise<void> {
  client.connect();
  await waitFor(() => client.position !== undefined);
  for (client.cuts = 0; client.cuts < RECONNECTS; client.cuts++) {
    await sleep(Math.random() < 0.4 ? Math.random() * 8 : Math.random() * 60);
    client.cut();
    await sleep(Math.random() * 30);
    client.connect();
  }
}

it('WebSocket and SSE clients disconnected 50 times under load receive every event once', async () => {
  const sockets = Array.from({ length: 3 }, () => new TwoSubscriptions());
  const streams = [
    new LastEventId('', ({ type }) => type === 'price_change' || type === 'tvl_change'),
    new LastEventId(
      `channels=events:prices,events:token:coin-3&tokens=${TOKENS.slice(0, 10).join(',')}&threshold=0.01`,
      ({ type, token, moved }) =>
        type === 'price_change' && TOKENS.indexOf(String(token)) < 10 && Number(moved) > 0.0075,
    ),
    new LastEventId(
      'protocols=p-1,p-2,p-3',
      ({ type, protocol }) => type === 'tvl_change' && /^p-[123]$/.test(String(protocol)),
    ),
  ];
  const clients: Wanderer[] = [...sockets, ...streams];
  let done = false;
  const writing = write(() => done);
  const starts = await Promise.all(
    clients.map(async (client) => {
      const wandering = wander(client);
      await waitFor(() => client.position !== undefined);
      // Start from the position at which all subscriptions were confirmed, because one of them begins a moment before the
      // other.
      const start = Number.parseInt(client.position!.split('-')[1]!, 36);
      await wandering;
      return start;
    }),
  );
  done = true;
  await writing;
  const rows = await quietLog();
  for (const [index, client] of clients.entries()) {
    const expected = rows.filter((row) => row.seq > starts[index]! && client.matches(row)).map(({ seq }) => seq);
    const seen = () => client.seen.filter((seq) => seq > starts[index]!);
    const isThere = () => client.refusals.length > 0 || seen().length >= expected.length;
    await waitFor(isThere, { what: `client ${index} to catch up` });
    expect({ index, refusals: client.refusals }).toEqual({ index, refusals: [] });
    expect(expected.length).toBeGreaterThan(10);
    expect({ index, ...comparison(seen(), expected) }).toEqual({ index, missing: [], surplus: [], twice: [] });
    expect(client.inOrder ? seen() : seen().toSorted((a, b) => a - b)).toEqual(expected);
    client.cut();
  }
}, 120_000);

function comparison(seen: number[], expected: number[]) {
  const [have, want] = [new Set(seen), new Set(expected)];
  return {
    missing: expected.filter((seq) => !have.has(seq)),
    surplus: seen.filter((seq) => !want.has(seq)),
    twice: seen.filter((seq, at) => seen.indexOf(seq) !== at),
  };
}

/** Returns the whole log when no event is waiting for its number. */
async function quietLog(): Promise<Row[]> {
  await waitFor(async () => {
    const { rows } = await app.db.pool.query<{ waiting: string }>('SELECT count(*) AS waiting FROM change_outbox');
    return Number(rows[0]?.waiting) === 0;
  });
  const { rows } = await app.db.pool.query<Row & { seq: string }>(
    'SELECT seq, type, token, protocol, moved FROM event_log ORDER BY seq',
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}
