import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertDescribed } from '../support/oracles/asyncapi-validator.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { waitFor } from '../support/wait-for.js';

const PYTHON = '/usr/bin/python3';
const SCRIPT = new URL('../support/clients/socketio_client.py', import.meta.url).pathname;
const isMissing = spawnSync(PYTHON, ['-c', 'import socketio, requests, websocket']).status !== 0;
const HOW = 'apt-get install python3-socketio python3-requests python3-websocket';

interface Line {
  kind: string;
  value: Record<string, unknown>;
}

/** Debian's Python client for Socket.IO: its code and protocol implementation are independent of the server's. */
class PythonClient {
  readonly lines: Line[] = [];
  readonly ended: Promise<number>;

  constructor(url: string, key: string, transport: string, event: string, count: number, body: object) {
    const args = [SCRIPT, url, key, transport, event, String(count), JSON.stringify(body)];
    const python = spawn(PYTHON, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(python.stdout).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
    this.ended = once(python, 'close').then(([code]) => Number(code));
  }

  next(kind: string): Promise<Line['value']> {
    return waitFor(() => this.lines.find((line) => line.kind === kind)?.value, { what: kind });
  }
}

describe.skipIf(isMissing)(`the Python client${isMissing ? ` (missing: ${HOW})` : ''}`, () => {
  let app: TestApp;
  let key: string;
  let market: MarketWriter;

  beforeAll(async () => {
    app = await createTestApp();
    key = await app.key();
    market = new MarketWriter(app.db.pool);
  });

  afterAll(() => app.close());

  it.each(['websocket', 'polling'])('connects with %s, subscribes and receives events', async (transport) => {
    const token = `python-${transport}`;
    await market.price(token, 100);
    const body = { type: 'price_changes', token, threshold: 0.05 };
    const client = new PythonClient(app.url, key, transport, 'price_change', 2, body);
    const answer = await client.next('answer');
    expect(answer).toMatchObject({
      ok: true,
      subscription: { type: 'price_changes', tokens: [token], threshold: 0.05 },
    });
    assertDescribed('socketio', 'subscribe.ack', answer);
    assertDescribed('socketio', 'connected', await client.next('connected'));
    assertDescribed('socketio', 'ping.ack', await client.next('ping'));
    for (const price of [110, 111, 130]) await market.price(token, price);
    expect(await client.ended).toBe(0);
    const events = client.lines.filter(({ kind }) => kind === 'event').map(({ value }) => value);
    expect(events.map(({ currentPrice }) => currentPrice)).toEqual([110, 130]);
    for (const event of events) assertDescribed('socketio', 'price_change', event);
  });

  it('receives the reason if its key is refused', async () => {
    const client = new PythonClient(app.url, 'rta_wrong_key', 'websocket', 'price_change', 1, {});
    expect(await client.ended).toBe(3);
    expect(await client.next('refused')).toMatchObject({
      message: 'invalid_api_key',
      data: { code: 'invalid_api_key' },
    });
  });
});
