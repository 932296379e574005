/**
 * Clients whose network is interrupted for 2 s in every 15 s: three transports, each client with its own filter, three
 * pods behind the shipped nginx with Redis. Each client returns with its cursor to any pod that the balancer chooses, and
 * the events that it received are compared with the committed changes. A replay lasts from the first connection attempt
 * until all missed events have arrived.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from '../support/clients/fleet.js';
import { startJitter } from '../support/faults/jitter.js';
import { POD_KEY, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import { startBenchPods } from './support/bench-pods.js';
import { median, percentile, round as rounded } from './support/percentiles.js';

const JITTER = { disconnectedMs: 2_000, everyMs: 15_000 };
/** Committed changes per second; about three in four are events. */
const RATE = 200;
const KEYS = 100;

interface Round {
  readonly due: number;
  readonly missing: number;
  readonly duplicated: number;
  /** Number of clients that were refused, or received something out of order. */
  readonly faulty: number;
  /** Durations of replays, sorted, ms. */
  readonly replays: readonly number[];
}

export async function run(context: BenchContext): Promise<Figures> {
  const [clients, rounds, seconds] = context.quick ? [150, 1, 25] : [600, 3, 45];
  const pods = await startBenchPods(context);
  const results: Round[] = [];
  for (let n = 1; n <= rounds; n += 1) {
    const result = await measure(pods, `r${n}`, clients, seconds);
    results.push(result);
    context.log(
      `round ${n} of ${rounds}: ${result.due.toLocaleString('en-US')} deliveries due, ${result.missing} missing, ` +
        `${result.duplicated} twice, ${result.replays.length} replays, p99 ${percentile(result.replays, 0.99).toFixed(0)} ms`,
    );
  }
  const sum = (pick: (one: Round) => number): number => results.reduce((total, one) => total + pick(one), 0);
  const across = (share: number): number =>
    rounded(median(results.map(({ replays }) => percentile(replays, share))), 0);
  const due = sum((one) => one.due);
  const figures = {
    clients,
    rate: RATE,
    rounds,
    delivered_ratio: (due - sum(({ missing }) => missing)) / due,
    duplicated: sum(({ duplicated }) => duplicated),
    faulty_clients: sum(({ faulty }) => faulty),
    replays: sum(({ replays }) => replays.length),
    replay_p50_ms: across(0.5),
    replay_p99_ms: across(0.99),
  };
  context.log(`\ndisconnected for 2 s in every 15 s (targets: everything delivered once, replay p99 < 3,000 ms)`);
  context.table([figures]);
  return figures;
}

async function measure(pods: TestPods, prefix: string, clients: number, seconds: number): Promise<Round> {
  const { pool } = pods.db;
  const writer = new RecordedWriter(pool, prefix, KEYS, seeded(1));
  await writer.insertBaselines();
  const slugs = [...writer.committed.keys()].map((key) => key.split(':')[0] ?? '');
  const fleet = new Fleet(pods.url, POD_KEY, slugs, clients);
  let settle = (): void => undefined;
  try {
    await fleet.connect();
    writer.start(RATE);
    settle = startJitter(fleet.clients, JITTER);
    await sleep(seconds * 1_000);
    settle();
    await writer.stop();
    const due = await fleet.complete(writer);
    const { missing, repeated, faults } = fleet.outcome(writer);
    const replays = fleet.clients.flatMap(({ returns }) => returns).toSorted((a, b) => a - b);
    return { due, missing, duplicated: repeated, faulty: faults.length, replays };
  } finally {
    settle();
    await writer.stop();
    fleet.close();
  }
}
