import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';

const TOKEN = 'probe';
/** Interval between two new connections, ms, and time after which one has failed. */
const NEWCOMER_EVERY_MS = 500;
const NEWCOMER_TIMEOUT_MS = 10_000;

/**
 * Another user during an attack: its writer posts prices at an even rate, and its socket receives the events. Measures
 * the time from each post to the socket, and finds accepted posts whose event never arrived. Also measures how long newcomers wait: each connects from a
 * new address and shows a key.
 */
export class Bystander {
  private readonly agent = new Agent({ connections: 4, pipelining: 1 });
  private readonly posted = new Map<number, { at: number; accepted: boolean }>();
  private readonly arrived = new Map<number, number>();
  private socket: WebSocket | undefined;
  private price = 100;
  private newcomers: number[] = [];
  private newcomersMade = 0;

  constructor(
    private readonly url: string,
    private readonly keys: { writer: string; reader: string },
  ) {}

  async connect(): Promise<void> {
    await this.post();
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/ws?apiKey=${this.keys.reader}`);
    socket.on('message', (data: Buffer) => {
      const { type, data: event } = JSON.parse(data.toString('utf8')) as {
        type: string;
        data?: { currentPrice: number };
      };
      if (type === 'price_update' && event) this.arrived.set(event.currentPrice, performance.now());
    });
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'subscribe', channels: [`events:token:${TOKEN}`] }));
    await once(socket, 'message');
    this.posted.clear();
    this.socket = socket;
  }

  /** Posts a price every `everyMs` until `end` (Unix ms). */
  async watch(end: number, everyMs = 25): Promise<void> {
    const pending: Promise<void>[] = [];
    let next = Date.now();
    while (Date.now() < end) {
      pending.push(this.post());
      if (Date.now() >= next) {
        pending.push(this.newcomer());
        next += NEWCOMER_EVERY_MS;
      }
      await sleep(everyMs);
    }
    await Promise.all(pending);
  }

  /**
   * Returns and resets the measurements: latencies sorted, milliseconds, number of accepted events that never arrived, and the
   * longest wait of a newcomer, milliseconds (Infinity: one was not served).
   */
  async report(graceMs = 10_000): Promise<{ latencies: number[]; lost: number; refused: number; newcomerMs: number }> {
    const missing = (): number[] =>
      [...this.posted].flatMap(([price, { accepted }]) => (accepted && !this.arrived.has(price) ? [price] : []));
    for (const until = Date.now() + graceMs; missing().length > 0 && Date.now() < until;) await sleep(50);
    const lost = missing().length;
    const latencies = [...this.posted].flatMap(([price, { at }]) => {
      const arrival = this.arrived.get(price);
      return arrival === undefined ? [] : [arrival - at];
    });
    const refused = [...this.posted.values()].filter(({ accepted }) => !accepted).length;
    const newcomerMs = Math.max(0, ...this.newcomers);
    this.posted.clear();
    this.arrived.clear();
    this.newcomers = [];
    return { latencies: latencies.toSorted((a, b) => a - b), lost, refused, newcomerMs };
  }

  async close(): Promise<void> {
    this.socket?.terminate();
    await this.agent.close();
  }

  private async newcomer(): Promise<void> {
    const begun = performance.now();
    const index = (this.newcomersMade += 1);
    const answered = await new Promise<boolean>((resolve) => {
      const request = get(`${this.url}/v1/me`, {
        agent: false,
        localAddress: `127.9.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`,
        headers: { authorization: `Bearer ${this.keys.reader}` },
        timeout: NEWCOMER_TIMEOUT_MS,
      });
      request.on('response', (answer) => answer.resume().on('close', () => resolve(answer.statusCode === 200)));
      request.on('timeout', () => request.destroy()).on('error', () => resolve(false));
    });
    this.newcomers.push(answered ? performance.now() - begun : Infinity);
  }

  private async post(): Promise<void> {
    // Each price occurs once and differs enough to be published from the two before it: posts may overtake each other.
    this.price = Math.round((this.price > 1e9 ? 100 : this.price * 1.03) * 1e6) / 1e6;
    const { price } = this;
    const entry = { at: performance.now(), accepted: false };
    this.posted.set(price, entry);
    const answer = await request(`${this.url}/v1/ingest/prices`, {
      method: 'POST',
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.keys.writer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ token: TOKEN, price }] }),
    }).catch(() => undefined);
    const body = (await answer?.body.json().catch(() => undefined)) as { accepted?: number } | undefined;
    entry.accepted = answer?.statusCode === 200 && body?.accepted === 1;
  }
}
