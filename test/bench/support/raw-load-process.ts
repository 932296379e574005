/** Process that runs thousands of raw clients; `RawLoad` starts it and sends it commands. */
import { dialectOf, type DialectOptions } from './raw-load-dialects.js';
import { RawClient } from './raw-load-client.js';
import { Samples, type SampleLists, type SampleOptions } from './raw-load-samples.js';

export interface LoadTask {
  readonly host: string;
  readonly port: number;
  readonly dialect: DialectOptions;
  readonly sample?: SampleOptions;
}
export type LoadCommand = { readonly id: number } & (
  | {
      readonly type: 'open';
      /** Numbers of the clients to open. */
      readonly clients: Int32Array;
      /** Maximum number of connections in progress, and maximum number started per second. */
      readonly atOnce: number;
      readonly perSecond?: number;
    }
  | { readonly type: 'counts' }
  | { readonly type: 'reset' }
  | { readonly type: 'samples' }
  | { readonly type: 'stall'; readonly clients: Int32Array }
  | { readonly type: 'resume' }
  | { readonly type: 'close' }
);
export interface OpenAnswer {
  /** Milliseconds from the start of the connection until ready, for each client that became ready. */
  readonly ms: Float64Array;
  /** Milliseconds from the client's last message to the answer that made it ready, for each client. */
  readonly answerMs: Float64Array;
  readonly problems: readonly string[];
}
export interface CountsAnswer {
  readonly ready: number;
  /** Number of connections that ended without a request of the bench. */
  readonly ended: number;
  readonly endings: readonly string[];
  readonly bytes: number;
  /** Time at which the last bytes arrived at any client, Unix milliseconds. */
  readonly heardAt: number;
  /** Parallel lists: client, and its number of deliveries since the last reset. */
  readonly clients: Int32Array;
  readonly counts: Float64Array;
}

const clients = new Map<number, RawClient>();
const stalled = new Set<RawClient>();

process.once('message', (task: LoadTask) => {
  const samples = new Samples(task.sample);
  const settings = { host: task.host, port: task.port, dialect: dialectOf(task.dialect), samples };

  const open = (n: number): Promise<Outcome> =>
    new Promise((resolve) => {
      const started = performance.now();
      const client = new RawClient(n, settings, (problem) => {
        const ms = performance.now() - started;
        resolve(problem === undefined ? { ms, answerMs: client.answerMs } : { problem });
      });
      clients.set(n, client);
    });

  const carryOut = async (command: LoadCommand): Promise<unknown> => {
    if (command.type === 'open') return openAll(command, open);
    if (command.type === 'counts') return countsOf();
    if (command.type === 'samples') return samples.take() satisfies SampleLists;
    if (command.type === 'reset') {
      samples.take();
      for (const client of clients.values()) client.count = client.bytes = 0;
    }
    if (command.type === 'stall') {
      for (const n of command.clients) {
        const client = clients.get(n);
        client?.stall();
        if (client) stalled.add(client);
      }
    }
    if (command.type === 'resume' || command.type === 'close') {
      for (const client of stalled) client.resume();
      stalled.clear();
    }
    if (command.type === 'close') {
      for (const client of clients.values()) client.close();
      clients.clear();
    }
    return undefined;
  };

  process.on('message', (command: LoadCommand) => {
    void carryOut(command).then((answer) => process.send?.({ type: `answer ${command.id}`, answer }));
  });
  process.send?.({ type: 'ready' });
});

type Outcome = { ms: number; answerMs: number } | { problem: string };

async function openAll(
  { clients: numbers, atOnce, perSecond }: Extract<LoadCommand, { type: 'open' }>,
  open: (n: number) => Promise<Outcome>,
): Promise<OpenAnswer> {
  const outcomes: Outcome[] = [];
  const started = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < numbers.length; index = next++) {
      const due = perSecond === undefined ? 0 : started + (index / perSecond) * 1_000;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      outcomes.push(await open(numbers[index] ?? 0));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, numbers.length) }, lane));
  return {
    ms: Float64Array.from(outcomes.flatMap((outcome) => ('ms' in outcome ? outcome.ms : []))),
    answerMs: Float64Array.from(outcomes.flatMap((outcome) => ('ms' in outcome ? outcome.answerMs : []))),
    problems: outcomes.flatMap((outcome) => ('problem' in outcome ? outcome.problem : [])),
  };
}

function countsOf(): CountsAnswer {
  const all = [...clients.values()];
  const endings = all.flatMap(({ ended }) => ended ?? []);
  return {
    ready: all.filter(({ isReady, ended }) => isReady && ended === undefined).length,
    ended: endings.length,
    endings: [...new Set(endings)].slice(0, 5),
    heardAt: all.reduce((last, { heardAt }) => Math.max(last, heardAt), 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    clients: Int32Array.from(all, ({ n }) => n),
    counts: Float64Array.from(all, ({ count }) => count),
  };
}
