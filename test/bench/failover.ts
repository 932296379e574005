/**
 * Three pods behind the shipped nginx, with their own Redis and database; clients of three transports, each with its own
 * filter, follow a writer. The faults occur one at a time, and the events that every client received are compared with
 * the committed changes. Then the leader of the log is stopped, gracefully and by kill -9, and the log shows for how long
 * no event was numbered.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from '../support/clients/fleet.js';
import { longestStall, newestSeq, POD_FAULTS } from '../support/faults/pod-faults.js';
import { POD_KEY, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import { startBenchPods } from './support/bench-pods.js';
import { standstill } from './support/hand-over.js';
import { LongestWait } from './support/longest-wait.js';
import { median } from './support/percentiles.js';

const KEYS = 100;

interface Load {
  readonly clients: number;
  /** Committed changes per second; about three in four are events. */
  readonly rate: number;
}

interface FaultRound {
  missing: number;
  repeated: number;
  /** Number of clients with a fault of any kind in this round for the first time, including a refusal or a wrong value. */
  faulty_clients: number;
  /** Longest time that any client waited for an event or a connection. */
  recover_ms: number;
  /** Longest time that a change waited for its number in the log. */
  log_stall_ms: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const [load, rounds] = context.quick ? [{ clients: 60, rate: 200 }, 1] : [{ clients: 300, rate: 500 }, 3];
  const pods = await startBenchPods(context, { DRAIN_SECONDS: context.quick ? '1' : '2' });
  const faults = new Map<string, FaultRound[]>();
  const handOvers: { graceful: number[]; crash: number[] } = { graceful: [], crash: [] };
  for (let round = 1; round <= rounds; round += 1) {
    const log = (name: string, figures: object): void =>
      context.log(`round ${round} of ${rounds}, ${name}: ${JSON.stringify(figures)}`);
    for await (const [name, figures] of strikes(pods, `r${round}`, load)) {
      faults.set(name, [...(faults.get(name) ?? []), figures]);
      log(name, figures);
    }
    for (const [name, signal] of [
      ['graceful', 'SIGTERM'],
      ['crash', 'SIGKILL'],
    ] as const) {
      const ms = await standstill(pods, `r${round}-${name}`, signal);
      handOvers[name].push(ms);
      log(`hand-over, ${name}`, { ms });
    }
  }
  const figures = Object.fromEntries([...faults].map(([name, list]) => [name, together(list)]));
  context.log(`\n${load.clients} clients, ${load.rate} changes/s`);
  context.table(Object.entries(figures).map(([fault, row]) => ({ fault, ...row })));
  const handOver = { graceful_ms: median(handOvers.graceful), crash_ms: median(handOvers.crash) };
  context.log('\nthe log stands still while its leader changes (targets: graceful < 100 ms, crash < 2,000 ms)');
  context.table([handOver]);
  return { ...load, rounds, ...figures, hand_over: handOver };
}

/** Applies all faults, one after the other, to one fleet of clients. */
async function* strikes(pods: TestPods, prefix: string, { clients, rate }: Load): AsyncGenerator<[string, FaultRound]> {
  const { pool } = pods.db;
  const writer = new RecordedWriter(pool, prefix, KEYS, seeded(1));
  await writer.insertBaselines();
  const slugs = [...writer.committed.keys()].map((key) => key.split(':')[0] ?? '');
  const fleet = new Fleet(pods.url, POD_KEY, slugs, clients);
  const wait = new LongestWait(fleet);
  let before = { missing: 0, repeated: 0, faulty: 0 };
  try {
    await fleet.connect();
    for (const [name, fault] of Object.entries(POD_FAULTS)) {
      writer.start(rate);
      await sleep(500);
      const seq = await newestSeq(pool);
      wait.take();
      await fault(pods);
      await fleet.reach((await newestSeq(pool)) + 1);
      const waited = wait.take();
      await writer.stop();
      // Missing events are waited for here, so that later faults are not blamed for them.
      await fleet.complete(writer);
      const { missing, repeated, faults } = fleet.outcome(writer);
      const figures = {
        missing: missing - before.missing,
        repeated: repeated - before.repeated,
        faulty_clients: faults.length - before.faulty,
        recover_ms: Math.round(waited),
        log_stall_ms: await longestStall(pool, seq),
      };
      before = { missing, repeated, faulty: faults.length };
      yield [name, figures];
    }
  } finally {
    await writer.stop();
    fleet.close();
  }
}

/** Combines the rounds: faults are summed, times are medians. */
function together(rounds: readonly FaultRound[]): FaultRound {
  const sum = (name: 'missing' | 'repeated' | 'faulty_clients'): number =>
    rounds.reduce((total, round) => total + round[name], 0);
  return {
    missing: sum('missing'),
    repeated: sum('repeated'),
    faulty_clients: sum('faulty_clients'),
    recover_ms: median(rounds.map(({ recover_ms: ms }) => ms)),
    log_stall_ms: median(rounds.map(({ log_stall_ms: ms }) => ms)),
  };
}
