import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';

const TOKEN = 'probe';

/**
 * Another user during an attack: its writer posts prices at an even rate, and its socket receives the events. Measures
 * the time from each post to the socket, and finds accepted posts whose event never arrived.
 */
export class Bystander {
  private readonly agent = new Agent({ connections: 4, pipelining: 1 });
  private readonly posted = new Map<number, { at: number; accepted: boolean }>();
  private readonly arrived = new Map<number, number>();
  private socket: WebSocket | undefined;
  private price = 100;

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
    while (Date.now() < end) {
      pending.push(this.post());
      await sleep(everyMs);
    }
    await Promise.all(pending);
  }

  /**
   * Returns and resets the measurements: latencies sorted, milliseconds, and number of accepted events that never
   * arrived.
   */
  async report(graceMs = 10_000): Promise<{ latencies: number[]; lost: number; refused: number }> {
    const missing = (): number[] =>
      [...this.posted].flatMap(([price, { accepted }]) => (accepted && !this.arrived.has(price) ? [price] : []));
    for (const until = Date.now() + graceMs; missing().length > 0 && Date.now() < until;) await sleep(50);
    const lost = missing().length;
    const latencies = [...this.posted].flatMap(([price, { at }]) => {
      const arrival = this.arrived.get(price);
      return arrival === undefined ? [] : [arrival - at];
    });
    const refused = [...this.posted.values()].filter(({ accepted }) => !accepted).length;
    this.posted.clear();
    this.arrived.clear();
    return { latencies: latencies.toSorted((a, b) => a - b), lost, refused };
  }

  async close(): Promise<void> {
    this.socket?.terminate();
    await this.agent.close();
  }

  private async post(): Promise<void> {
    // Each price occurs once and differs enough from the previous one to be published.
    this.price = Math.round((this.price > 1e9 ? 100 : this.price * 1.01) * 1e6) / 1e6;
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
