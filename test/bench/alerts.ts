/**
 * The alert evaluator with 10,000, 100,000 and 1,000,000 realistic rules, compared with a plain scan of each key's rules
 * over the same events; and the running app, from commit to transition.
 */
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import { measureLive } from './support/alert-live.js';
import { AlertLoad } from './support/alert-load.js';
import { loadOrder } from './support/alert-order.js';
import { loadUniverse } from './support/alert-universe.js';
import type { AlertTask, Built, Evaluated, Inserted } from './support/alert-index.js';
import type { Scanned } from './support/alert-scan.js';
import { median, percentile, round } from './support/percentiles.js';

/**
 * Heap limit that Node chooses in a container of 700 MB: half of the memory. Without a limit the heap grows with garbage
 * that Node has no reason to collect, and the measured memory depends on the machine instead of the rules.
 */
const HEAP_MB = 350;
const TARGET = { rss_mb: 700, events_per_s: 50_000, p99_us: 1_000 };

type SizeFigures = Record<string, number> & {
  rules: number;
  build_ms: number;
  rss_mb: number;
  events_per_s: number;
  p99_us: number;
  max_us: number;
  insert_us: number;
  scan_events_per_s: number;
  ratio_scan: number;
  transitions_per_s: number;
};

export async function run(context: BenchContext): Promise<Figures> {
  const sizes = context.quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
  const points: SizeFigures[] = [];
  for (const rules of sizes) points.push(await measure(context, rules));
  context.log(
    `\nevents evaluated by one process; targets at 1,000,000 rules: ≥ ${TARGET.events_per_s.toLocaleString('en-US')} ` +
      `events/s, p99 < ${TARGET.p99_us} µs, ≤ ${TARGET.rss_mb} MB`,
  );
  context.table(points.map((point) => ({ ...point })));
  const live = await measureLive(context);
  context.log('\ncommit acknowledged → transition can be read (target p99 < 50 ms)');
  context.table([{ ...live }]);
  return { ...points.at(-1), ...live, points };
}

/**
 * Rounds alternate between the index and the scan, each in a separate process and over the same events. Rules are added
 * in the order in which the service loads them; rules that are inserted later are not in that order.
 */
async function measure(context: BenchContext, rules: number): Promise<SizeFigures> {
  const rounds = context.quick ? 3 : 5;
  const events = context.quick ? 40_000 : 150_000;
  const crashAt = Math.floor(rounds / 2) * events;
  const order = loadOrder(new AlertLoad(loadUniverse(), crashAt), rules);
  const task: AlertTask = { rules, crashAt, order };
  context.log(`${rules.toLocaleString('en-US')} rules: build`);
  const index = context.startProcess('alert-index.ts', task, [`--max-old-space-size=${HEAP_MB}`]);
  const built = await nextMessage<Built>(index, 'built');
  context.log(`  ${Math.round(built.buildMs)} ms, ${built.rssMb} MB; ${built.keys} keys of ${built.source}`);
  const scan = context.startProcess('alert-scan.ts', task);
  await nextMessage(scan, 'built');

  const evaluated: Evaluated[] = [];
  const scanned: Scanned[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const ours = nextMessage<Evaluated>(index, 'evaluated');
    index.send({ evaluate: events });
    evaluated.push(await ours);
    const theirs = nextMessage<Scanned>(scan, 'scanned');
    scan.send({ scan: events, milliseconds: context.quick ? 500 : 2_000 });
    scanned.push(await theirs);
    const { seconds, transitions } = evaluated.at(-1) ?? { seconds: 1, transitions: 0 };
    context.log(
      `  round ${n + 1} of ${rounds}: ${Math.round(events / seconds).toLocaleString('en-US')} events/s, ` +
        `${transitions.toLocaleString('en-US')} transitions; scan ${Math.round(rate(scanned.at(-1)))} events/s`,
    );
  }
  const inserted = nextMessage<Inserted>(index, 'inserted');
  index.send({ insert: context.quick ? 1_000 : 5_000 });
  const { meanUs } = await inserted;
  index.kill();
  scan.kill();
  return report(rules, built, evaluated, scanned, meanUs);
}

function report(
  rules: number,
  built: Built,
  evaluated: readonly Evaluated[],
  scanned: readonly Scanned[],
  insertUs: number,
): SizeFigures {
  const eventsPerS = median(evaluated.map((one) => one.events / one.seconds));
  const scanPerS = median(scanned.map(rate));
  const latencies = Float64Array.from(evaluated.flatMap((one) => [...one.latencies])).sort();
  return {
    rules,
    build_ms: Math.round(built.buildMs),
    rss_mb: Math.max(built.rssMb, ...evaluated.map((one) => one.rssMb)),
    events_per_s: Math.round(eventsPerS),
    p50_us: round(percentile(latencies, 0.5)),
    p99_us: round(percentile(latencies, 0.99)),
    max_us: Math.round(percentile(latencies, 1)),
    insert_us: round(insertUs),
    scan_events_per_s: Math.round(scanPerS),
    ratio_scan: round(eventsPerS / scanPerS),
    transitions_per_s: Math.round(median(evaluated.map((one) => one.transitions / one.seconds))),
  };
}

function rate(scanned: Scanned | undefined): number {
  return scanned ? scanned.events / scanned.seconds : 0;
}
