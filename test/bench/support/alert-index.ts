/** Stores a million rules and evaluates events, in a separate process so that its memory can be measured. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AlertLoad, START } from './alert-load.js';
import { loadUniverse } from './alert-universe.js';

export interface AlertTask {
  readonly rules: number;
  readonly crashAt: number;
  /** Numbers of the rules in the order in which they are added. */
  readonly order: Uint32Array;
}

export interface Built {
  readonly type: 'built';
  readonly buildMs: number;
  readonly rssMb: number;
  readonly keys: number;
  readonly source: string;
}

export interface Evaluated {
  readonly type: 'evaluated';
  readonly seconds: number;
  readonly events: number;
  readonly transitions: number;
  /** Microseconds per event. */
  readonly latencies: Float64Array;
  readonly rssMb: number;
}

export interface Inserted {
  readonly type: 'inserted';
  readonly meanUs: number;
  readonly worstUs: number;
}

const core = (await import(
  pathToFileURL(join(import.meta.dirname, '../../../dist/src/alerts/core/index.js')).href
)) as typeof import('../../../src/alerts/core/index.js');

/** Number of rules between two turns of the event loop, and number of rows per batch, as in a pod. */
const SLICE = 1_000;
const BATCH = 1_000;
const COMMIT_EVERY = 500;
const rssMb = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);
const evaluator = new core.Evaluator();
let load: AlertLoad;
let rules = 0;

/** Separate from `build`, which would keep the points in memory while it waits. */
function loadHistory(): void {
  const points = [...load.history()];
  evaluator.seed(points.slice(-points.length / 4), START);
  evaluator.loadHistory(points);
}

async function build(task: AlertTask): Promise<Built> {
  const universe = loadUniverse();
  load = new AlertLoad(universe, task.crashAt);
  loadHistory();
  let buildMs = 0;
  while (rules < task.rules) {
    for (const end = Math.min(rules + SLICE, task.rules); rules < end;) {
      // One at a time, so that loading leaves only young garbage.
      const rule = load.rule(task.order[rules] ?? 0);
      rules += 1;
      const begun = performance.now();
      evaluator.addRule(rule);
      buildMs += performance.now() - begun;
    }
    const begun = performance.now();
    evaluator.takeChanges();
    buildMs += performance.now() - begun;
    await new Promise(setImmediate);
  }
  return { type: 'built', buildMs, rssMb: rssMb(), keys: load.keyCount, source: universe.source };
}

/**
 * Does what a pod does with the log: evaluates each row, and takes the changes to store every few hundred rows. Rows are
 * created one batch at a time, as a pod reads them, so that the memory and time of the load are not measured.
 */
function evaluate(count: number): Evaluated {
  // One row more, because the tick that is due with the last event is a separate row.
  const latencies = new Float64Array(count + 1);
  let transitions = 0;
  let milliseconds = 0;
  let done = 0;
  while (done < count) {
    const rows = load.rows(Math.min(BATCH, count - done));
    const begun = performance.now();
    let last = begun;
    for (const row of rows) {
      transitions += evaluator.apply(row).length;
      const now = performance.now();
      latencies[done] = (now - last) * 1_000;
      last = now;
      done += 1;
      if (done % COMMIT_EVERY > 0) continue;
      evaluator.takeChanges();
      last = performance.now();
    }
    milliseconds += performance.now() - begun;
  }
  return {
    type: 'evaluated',
    seconds: milliseconds / 1_000,
    events: done,
    transitions,
    latencies: latencies.subarray(0, done),
    rssMb: rssMb(),
  };
}

function insert(count: number): Inserted {
  const added = Array.from({ length: count }, () => load.rule((rules += 1)));
  const times = added.map((rule) => {
    const begun = performance.now();
    evaluator.addRule(rule);
    return (performance.now() - begun) * 1_000;
  });
  for (const { ruleId } of added) evaluator.removeRule(ruleId);
  return { type: 'inserted', meanUs: times.reduce((sum, us) => sum + us, 0) / count, worstUs: Math.max(...times) };
}

let isBuilt = false;
process.on('message', (message: AlertTask | { evaluate: number } | { insert: number }) => {
  if ('evaluate' in message) process.send?.(evaluate(message.evaluate));
  else if ('insert' in message) process.send?.(insert(message.insert));
  else if (!isBuilt) {
    isBuilt = true;
    void build(message).then((built) => process.send?.(built));
  }
});
