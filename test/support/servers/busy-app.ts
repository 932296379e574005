import { io } from 'socket.io-client';
import { StreamClient } from '../clients/event-stream.js';
import { PlainClient } from '../clients/plain-client.js';
import { RestCaller } from '../clients/rest-caller.js';
import { MarketWriter } from '../data/market-writer.js';
import { waitFor } from '../wait-for.js';
import { createTestApp, type TestApp } from './create-test-app.js';
import { startRedis, type TestRedis } from './redis-server.js';
import { createTestDatabase } from './test-database.js';
import { WebhookReceiver } from './webhook-receiver.js';

const ROUND_MS = 200;
const QUERY = { aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }] };

/** One sample of `/metrics`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Application with Redis and the sample source, used by clients of every transport, rules, queries and webhooks until `close`. */
export class BusyApp {
  private readonly sockets: { close(): unknown }[] = [];
  private readonly faults: unknown[] = [];
  private running: Promise<void> | undefined;
  private isEnding = false;
  private round = 0;

  private constructor(
    readonly app: TestApp,
    private readonly redis: TestRedis,
    private readonly hooks: WebhookReceiver,
    private readonly user: RestCaller,
    private readonly market: MarketWriter,
  ) {}

  static async start(): Promise<BusyApp> {
    const [redis, hooks, db] = [await startRedis(), await WebhookReceiver.start(), await createTestDatabase()];
    const settings = {
      SOURCE: 'sample',
      REDIS_URL: redis.url,
      VERIFY_TARGETS: 'false',
      EGRESS_ALLOW: '127.0.0.0/8',
      LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0',
    };
    const app = await createTestApp({ db, settings });
    const user = await RestCaller.of(app, 'busy');
    const busy = new BusyApp(app, redis, hooks, user, new MarketWriter(db.pool));
    try {
      await busy.sampleLoaded();
      await busy.connect();
      busy.running = busy.work();
      return busy;
    } catch (error) {
      await busy.close();
      throw error;
    }
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  /** Returns the text of `/metrics`. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.app.url}/metrics`)).text();
  }

  async samples(): Promise<Sample[]> {
    return (await this.metrics()).split('\n').flatMap(sampleOf);
  }

  async close(): Promise<void> {
    this.isEnding = true;
    await this.running;
    for (const socket of this.sockets) socket.close();
    await this.app.close();
    await this.app.db.drop();
    await this.hooks.close();
    await this.redis.close();
    if (this.faults.length > 0) throw new AggregateError(this.faults, 'the load failed');
  }

  /** Waits until the sample has written its history, and clients are served at once. */
  private sampleLoaded(): Promise<unknown> {
    const isFollowed = ({ name, value }: Sample): boolean => name === 'onchain_endpoints' && value > 0;
    return waitFor(async () => (await this.samples()).some(isFollowed), { timeoutMs: 60_000, what: 'the sample' });
  }

  private async connect(): Promise<void> {
    const { url, apiKey } = this.user;
    const plain = await PlainClient.connect(url, apiKey);
    await plain.ask({ type: 'subscribe', channels: ['tvl', 'prices'] }, 'subscription_result');
    const socket = io(`${url}/v1/realtime`, { auth: { apiKey }, forceNew: true });
    await socket.emitWithAck('subscribe', [{ type: 'tvl_changes' }, { type: 'query', query: QUERY }]);
    const stream = await StreamClient.ready(url, `channels=events:tvl&apiKey=${apiKey}`);
    this.sockets.push({ close: () => plain.socket.terminate() }, socket, stream.source);
    await this.user.rule({
      name: 'busy',
      conditions: [{ token: 'busy-token', metric: 'price', operator: 'gt', threshold: 100 }],
      throttleMinutes: 0,
      actions: [{ type: 'webhook', target: this.hooks.url() }],
    });
  }

  private async work(): Promise<void> {
    while (!this.isEnding) {
      try {
        await this.turn();
      } catch (error) {
        this.faults.push(error);
      }
      await new Promise((done) => setTimeout(done, ROUND_MS));
    }
  }

  /** Writes, reads, queries and connects once. */
  private async turn(): Promise<void> {
    this.round += 1;
    const { url, apiKey } = this.user;
    await this.market.tvl('busy', 'ethereum', 1_000 * 1.1 ** (this.round % 100));
    await this.market.price('busy-token', this.round % 2 === 0 ? 50 : 150);
    await this.user.post('/v1/query/advanced', { ...QUERY, limit: (this.round % 5) + 1 });
    await this.user.get('/v1/tvl?protocols=busy');
    if (this.round % 5 !== 1) return;
    await new PlainClient(`${url}/ws?apiKey=rta_nobody`).closed;
    const events = await this.user.get('/v1/events?limit=1');
    const cursor = String(events.body.data[0]?.cursor ?? '');
    const replay = await PlainClient.connect(url, apiKey);
    replay.send({ type: 'subscribe', channels: ['tvl'], since: cursor });
    await replay.next('subscription_result').catch(() => undefined);
    await replay.close();
  }
}

function sampleOf(line: string): Sample[] {
  const [, name = '', text = '', value = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === '') return [];
  const labels = Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, of]) => [key, of]));
  return [{ name, labels, value: Number(value) }];
}
