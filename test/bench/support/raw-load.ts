import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { nextMessage, type BenchContext } from './bench-context.js';
import type { CountsAnswer, LoadCommand, LoadTask, OpenAnswer } from './raw-load-process.js';
import type { SampleLists } from './raw-load-samples.js';

export interface RawLoadOptions extends Omit<LoadTask, 'host'> {
  readonly host?: string;
  /** Number of processes over which the clients are spread; two by default. */
  readonly processes?: number;
}

export interface LoadCounts {
  /** Number of clients that are admitted, subscribed and still connected. */
  readonly ready: number;
  readonly ended: number;
  readonly endings: readonly string[];
  /** Deliveries and bytes of all clients since the last reset. */
  readonly deliveries: number;
  readonly bytes: number;
  /** Time at which the last bytes arrived at any client, Unix milliseconds. */
  readonly heardAt: number;
  /** Deliveries by client. */
  readonly byClient: Float64Array;
}

export interface OpenedClients {
  /** Milliseconds from the start of a connection until its client was ready, sorted. */
  readonly ms: Float64Array;
  /** Milliseconds from a client's last message, usually `subscribe`, until the answer that made it ready, sorted. */
  readonly answerMs: Float64Array;
  /** Total time until all clients were ready, seconds. */
  readonly seconds: number;
}

/** Number of file descriptors that a process needs in addition to its clients. */
const SPARE_DESCRIPTORS = 500;
const AT_ONCE = 200;

/**
 * Thousands of clients on raw sockets, in separate processes: they authenticate, subscribe, answer pings, and then only
 * count. Clients are numbered from 0 in the order in which they are opened, over all processes.
 */
export class RawLoad {
  private opened = 0;
  private asked = 0;

  private constructor(private readonly processes: readonly ChildProcess[]) {}

  static async start(context: BenchContext, options: RawLoadOptions): Promise<RawLoad> {
    const { processes = 2, host = '127.0.0.1', ...task } = options;
    const children = Array.from({ length: processes }, () =>
      context.startProcess('raw-load-process.ts', { ...task, host } satisfies LoadTask),
    );
    // Every open and command adds a listener to its process until it is answered.
    for (const child of children) child.setMaxListeners(100);
    await Promise.all(children.map((child) => nextMessage(child, 'ready')));
    return new RawLoad(children);
  }

  get pids(): number[] {
    return this.processes.map(({ pid }) => pid ?? 0);
  }

  get size(): number {
    return this.opened;
  }

  /**
   * Opens more clients and resolves when all are ready; fails with the first refusal. At most `atOnce` connections are in
   * progress at a time; `perSecond` spreads them evenly.
   */
  async open(count: number, { atOnce = AT_ONCE, perSecond }: OpenOptions = {}): Promise<OpenedClients> {
    assertDescriptors(this.opened + count);
    const first = this.opened;
    this.opened += count;
    const share = this.processes.length;
    const started = performance.now();
    const answers = await this.all<OpenAnswer>((index) => ({
      type: 'open',
      clients: this.numbers(index, first, this.opened),
      atOnce: Math.max(1, Math.floor(atOnce / share)),
      ...(perSecond === undefined ? {} : { perSecond: perSecond / share }),
    }));
    const seconds = (performance.now() - started) / 1_000;
    const problems = answers.flatMap((answer) => answer.problems);
    if (problems.length > 0) throw new Error(`${problems.length} of ${count} clients did not get in: ${problems[0]}`);
    const sorted = (pick: (answer: OpenAnswer) => Float64Array): Float64Array =>
      Float64Array.from(answers.flatMap((answer) => [...pick(answer)])).sort();
    return { ms: sorted(({ ms }) => ms), answerMs: sorted(({ answerMs }) => answerMs), seconds };
  }

  async counts(): Promise<LoadCounts> {
    const answers = await this.all<CountsAnswer>(() => ({ type: 'counts' }));
    const byClient = new Float64Array(this.opened);
    for (const { clients, counts } of answers) for (const [i, n] of clients.entries()) byClient[n] = counts[i] ?? 0;
    const sum = (pick: (answer: CountsAnswer) => number): number => answers.reduce((all, one) => all + pick(one), 0);
    return {
      ready: sum(({ ready }) => ready),
      ended: sum(({ ended }) => ended),
      endings: [...new Set(answers.flatMap(({ endings }) => endings))],
      deliveries: byClient.reduce((all, one) => all + one, 0),
      heardAt: Math.max(...answers.map(({ heardAt }) => heardAt)),
      bytes: sum(({ bytes }) => bytes),
      byClient,
    };
  }

  /** Resets counts, bytes and samples. */
  async reset(): Promise<void> {
    await this.all(() => ({ type: 'reset' }));
  }

  /** Returns the samples since the previous call, one entry per process. */
  samples(): Promise<SampleLists[]> {
    return this.all<SampleLists>(() => ({ type: 'samples' }));
  }

  /** Stops reading for this share of the clients, evenly spread; returns their numbers. */
  async stall(share: number): Promise<number[]> {
    const count = Math.round(this.opened * share);
    const stalled = Array.from({ length: count }, (_, i) => Math.floor((i * this.opened) / count));
    await this.all((index) => ({
      type: 'stall',
      clients: Int32Array.from(stalled.filter((n) => n % this.processes.length === index)),
    }));
    return stalled;
  }

  /** Starts reading again for the stalled clients. */
  async resume(): Promise<void> {
    await this.all(() => ({ type: 'resume' }));
  }

  /** Ends all clients; more can be opened afterwards. */
  async close(): Promise<void> {
    await this.all(() => ({ type: 'close' }));
    this.opened = 0;
  }

  /** Waits until this many deliveries have arrived since the last reset, or none has arrived for a while. */
  async untilCounted(deliveries: number, quietMs = 3_000): Promise<LoadCounts> {
    let counts = await this.counts();
    for (let quietSince = Date.now(); counts.deliveries < deliveries && Date.now() - quietSince < quietMs;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { deliveries: before } = counts;
      counts = await this.counts();
      if (counts.deliveries !== before) quietSince = Date.now();
    }
    return counts;
  }

  /** Ends the processes. */
  stop(): void {
    for (const child of this.processes) child.kill('SIGKILL');
  }

  private numbers(index: number, from: number, to: number): Int32Array {
    const all = Array.from({ length: to - from }, (_, i) => from + i);
    return Int32Array.from(all.filter((n) => n % this.processes.length === index));
  }

  private all<T>(commandOf: (index: number) => DistributedOmit<LoadCommand, 'id'>): Promise<T[]> {
    return Promise.all(
      this.processes.map(async (child, index) => {
        const id = ++this.asked;
        const answer = nextMessage<{ answer: T }>(child, `answer ${id}`);
        child.send({ id, ...commandOf(index) });
        return (await answer).answer;
      }),
    );
  }
}

export interface OpenOptions {
  readonly atOnce?: number;
  readonly perSecond?: number;
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Node raises its own limit to the hard limit; a higher one must be set in the caller's shell. */
function assertDescriptors(clients: number): void {
  const limit = Number(/Max open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  const needed = clients + SPARE_DESCRIPTORS;
  if (needed <= limit) return;
  throw new Error(
    `${clients} clients need ${needed} open files in the server, and this shell allows ${limit}: run "ulimit -Hn ${needed}" as root, or give fewer clients`,
  );
}
