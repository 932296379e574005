/**
 * Cost of a delivery for different numbers of clients: from 500 to 16,000 on one stream, half plain WebSocket, half
 * Socket.IO. The server's processor time per delivery is measured at the same number of deliveries a second for every
 * number of clients, with one event per write; deliveries/s are measured with events at maximum speed.
 */
import { Client } from 'pg';
import type { BenchApp } from './support/bench-app.js';
import { insertBaselines } from './support/baselines.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import { CpuMeter } from './support/cpu-meter.js';
import { keysOf } from './support/latency-load.js';
import { median, round } from './support/percentiles.js';
import { RawLoad } from './support/raw-load.js';

const FIRST = 500;
const KEYS = 100;
const BASELINE = 1_000_000;
const DELIVERIES_PER_S = 20_000;
/** Number of events per commit, few enough that no client counts as slow. */
const BURST = KEYS;
const BURST_DELIVERIES = 800_000;

interface Point {
  readonly clients: number;
  readonly deliveries_per_s: number;
  readonly cpu_us_per_delivery: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const last = context.quick ? 4_000 : 16_000;
  const slices = context.quick ? 1 : 3;
  const app = await context.startApp();
  await insertBaselines(app.databaseUrl, keysOf(KEYS), BASELINE);
  const loads = await Promise.all([
    RawLoad.start(context, {
      port: app.port,
      processes: 1,
      dialect: { name: 'websocket', apiKeys: [app.adminKey], bodies: [{ channels: ['tvl'] }] },
    }),
    RawLoad.start(context, {
      port: app.port,
      processes: 1,
      dialect: { name: 'socketio', apiKeys: [app.adminKey], bodies: [{ type: 'tvl_changes' }] },
    }),
  ]);
  const stream = new Stream(app, loads);
  await stream.connect();
  context.atEnd(() => stream.end());
  const points: Point[] = [];
  for (let clients = FIRST; clients <= last; clients *= 2) {
    for (const load of loads) await load.open(clients / 2 - load.size);
    // This also warms up the server for the first number of clients.
    const rates: number[] = [];
    for (let n = 0; n < slices; n += 1) rates.push(await stream.burst(clients));
    const costs: number[] = [];
    for (let n = 0; n < slices; n += 1) costs.push(await stream.steady(clients, 4));
    points.push({
      clients,
      deliveries_per_s: Math.round(median(rates)),
      cpu_us_per_delivery: round(median(costs)),
    });
    context.log(
      `${clients.toLocaleString('en-US')} clients: ${costs.map((us) => us.toFixed(1)).join(', ')} µs per delivery`,
    );
  }
  const slope = slopeOf(points);
  context.log(`\none stream, every client gets everything (target: slope ≤ 1.1)`);
  context.table(points.map((point) => ({ ...point })));
  context.log(`slope of the cost of an event over the number of clients: ${slope.toFixed(3)}\n`);
  return { points, slope: round(slope, 3) };
}

/** Writes changes that reach all clients, and counts their deliveries. */
class Stream {
  private readonly client: Client;
  private readonly meter: CpuMeter;

  constructor(
    app: BenchApp,
    private readonly loads: readonly RawLoad[],
  ) {
    this.client = new Client({ connectionString: app.databaseUrl });
    this.meter = new CpuMeter({ server: [app.pid], database: [app.databasePid] });
  }

  async connect(): Promise<void> {
    await this.client.connect();
  }

  async end(): Promise<void> {
    await this.client.end();
  }

  /**
   * Writes one event at a time, at a rate that gives the same number of deliveries for every number of clients; returns
   * the server's µs per delivery.
   */
  async steady(clients: number, seconds: number): Promise<number> {
    const events = Math.max(2, Math.round((DELIVERIES_PER_S / clients) * seconds));
    await this.reset();
    this.meter.start();
    const started = performance.now();
    for (let n = 0; n < events; n += 1) {
      const wait = started + (n * clients * 1_000) / DELIVERIES_PER_S - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      await this.change('WHERE protocol = $2', `protocol-${n % KEYS}`);
    }
    const rest = started + (events * clients * 1_000) / DELIVERIES_PER_S - performance.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    await this.untilDelivered(events * clients);
    const lasted = (performance.now() - started) / 1_000;
    return (((this.meter.stop()['server'] ?? 0) * lasted) / (events * clients)) * 1e6;
  }

  /** Makes commits of many events, each after the previous one was delivered; returns deliveries per second. */
  async burst(clients: number): Promise<number> {
    const commits = Math.max(1, Math.round(BURST_DELIVERIES / clients / BURST));
    let seconds = 0;
    for (let n = 0; n < commits; n += 1) {
      await this.reset();
      const started = performance.timeOrigin + performance.now();
      await this.change('');
      seconds += ((await this.untilDelivered(BURST * clients)) - started) / 1_000;
    }
    return (commits * BURST * clients) / seconds;
  }

  /** Moves values by a tenth, up or down: more than any dead band. */
  private async change(where: string, ...values: string[]): Promise<void> {
    const text = `UPDATE protocol_tvl SET tvl = tvl * CASE WHEN tvl > $1 THEN 0.9 ELSE 1.1 END ${where}`;
    await this.client.query(text, [BASELINE, ...values]);
  }

  private async reset(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.reset()));
  }

  /** Returns the time of the last delivery, Unix milliseconds; fails if deliveries are missing. */
  private async untilDelivered(deliveries: number): Promise<number> {
    const share = deliveries / this.loads.length;
    const counts = await Promise.all(this.loads.map((load) => load.untilCounted(share, 10_000)));
    for (const count of counts) {
      if (count.deliveries === share && count.ended === 0) continue;
      throw new Error(`${count.deliveries} of ${share} deliveries came, ${count.ended} connections ended`);
    }
    return Math.max(...counts.map(({ heardAt }) => heardAt));
  }
}

/**
 * Returns how the processor time of one event grows with the number of receivers, as the exponent of a power law: 1 is
 * proportional.
 */
function slopeOf(points: readonly Point[]): number {
  const x = points.map(({ clients }) => Math.log(clients));
  const y = points.map(({ clients, cpu_us_per_delivery: us }) => Math.log(clients * us));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, i) => (value - mx) * ((y[i] ?? 0) - my)));
  return covariance / mean(x.map((value) => (value - mx) ** 2));
}
