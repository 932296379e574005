/**
 * Effect of attacks on other users: another user's writer posts prices at an even rate, and that user's socket receives
 * the events. Each attack runs for a few seconds from a separate process, with limits far above those of any tier, so
 * that the requests themselves must be harmless. Figures per attack: 99th percentile of the time from post to socket,
 * longest turn of the event loop (processor time), longest wait of a new connection that shows a key, growth of memory, and
 * share of refused requests.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { ATTACKS, Bystander } from '../support/attacks/index.js';
import { fillVictimHistory } from '../support/attacks/victim-history.js';
import { createKey, type BenchApp } from './support/bench-app.js';
import { nextMessage, type BenchContext, type Figures } from './support/bench-context.js';
import type { AttackOrder } from './support/hostile-attacker.js';
import { percentile, round } from './support/percentiles.js';
import { residentKb } from './support/resident-memory.js';

const QUIET_MS = 5_000;
/** Pause between two attacks, so that one does not affect the measurement of the next. */
const PAUSE_MS = 1_000;
/** Limits far above those of every tier. */
const LIMITS = 'none=100000,free=100000,pro=100000,enterprise=0';

export async function run(context: BenchContext): Promise<Figures> {
  const forMs = context.quick ? 1_500 : 8_000;
  const app = await context.startApp({
    env: { SOURCE: 'none', LIMIT_API_REQUESTS: LIMITS, EGRESS_ALLOW: '127.0.0.0/8', LOG_LEVEL: 'error' },
  });
  const client = new Client({ connectionString: app.databaseUrl });
  await client.connect();
  await fillVictimHistory(client);
  await client.end();
  const freeKeys = await Promise.all(Array.from({ length: 5 }, () => createKey(app, 'mallory', 'reader', 'free')));
  const bystander = new Bystander(app.url, {
    writer: await createKey(app, 'bystander', 'writer', 'enterprise'),
    reader: await createKey(app, 'bystander', 'reader', 'enterprise'),
  });
  context.atEnd(() => bystander.close());
  await bystander.connect();
  const attacker = context.startProcess('hostile-attacker.ts', { url: app.url, port: app.port, freeKeys });
  await nextMessage(attacker, 'ready');
  await bystander.watch(Date.now() + 2_000);
  await bystander.report();

  await longestTurnMs(app);
  await bystander.watch(Date.now() + (context.quick ? 2_000 : QUIET_MS));
  const quiet = await bystander.report();
  const quietP99 = round(percentile(Float64Array.from(quiet.latencies), 0.99));
  const quietTurn = await longestTurnMs(app);
  context.log(`quiet: p99 ${quietP99} ms, longest turn ${quietTurn ?? 'unknown'} ms`);

  const figures: Figures = { quiet_p99_ms: quietP99, quiet_longest_turn_ms: quietTurn };
  const rows: Record<string, string | number>[] = [];
  const attacks = ATTACKS.filter(({ name }) => context.only?.includes(name) ?? true);
  if (attacks.length === 0) throw new Error(`unknown attacks; allowed: ${ATTACKS.map(({ name }) => name).join(', ')}`);
  for (const { name, does } of attacks) {
    const causesBefore = await longTurns(app);
    const before = residentMegabytes(app.pid);
    const done = nextMessage<{ sent: number; refused: number; answers: object }>(attacker, 'done');
    attacker.send({ type: 'attack', name, forMs } satisfies AttackOrder);
    const peak = watchMemory(app.pid);
    await bystander.watch(Date.now() + forMs);
    const { sent, refused, answers } = await done;
    const { latencies, lost, refused: notPosted, newcomerMs } = await bystander.report();
    const grown = peak() - before;
    const figure = {
      others_p99_ms: round(percentile(Float64Array.from(latencies), 0.99)),
      longest_turn_ms: await longestTurnMs(app),
      newcomer_max_ms: round(newcomerMs),
      rss_growth_mb: round(grown),
      refused: sent === 0 ? 0 : round(refused / sent),
      sent,
      lost,
      others_refused: notPosted,
    };
    figures[name] = figure;
    rows.push({ attack: name, ...figure, longest_turn_ms: figure.longest_turn_ms ?? -1 });
    const longTurnCauses = difference(await longTurns(app), causesBefore);
    context.log(`${name} ${does}: ${JSON.stringify({ ...figure, answers, longTurnCauses })}`);
    await sleep(PAUSE_MS);
  }
  context.log(
    '\nposted → another user’s socket while somebody attacks (targets: p99 < 100 ms above quiet, turns ≤ 25 ms)',
  );
  context.table(rows);
  return figures;
}

/** Longest turn since the previous call; null if the build does not measure it. */
async function longestTurnMs(app: BenchApp): Promise<number | null> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const found = /event_loop_longest_turn_seconds\{window="scrape"\} ([\d.e-]+)/.exec(text)?.[1];
  return found === undefined ? null : round(Number(found) * 1_000);
}

/** Turns longer than 25 ms since the start, by cause. */
async function longTurns(app: BenchApp): Promise<Map<string, number>> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const found = text.matchAll(/event_loop_long_turns_total\{cause="([^"]*)"\} (\d+)/g);
  return new Map([...found].map(([, cause = '', count]) => [cause, Number(count)]));
}

function difference(after: Map<string, number>, before: Map<string, number>): Record<string, number> {
  const grown = [...after].map(([cause, count]) => [cause, count - (before.get(cause) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

/** Resident memory of the process, megabytes. */
const residentMegabytes = (pid: number): number => residentKb(pid) / 1_024;

/** Records the largest resident memory; the returned function stops and returns it in megabytes. */
function watchMemory(pid: number): () => number {
  let peak = residentMegabytes(pid);
  const timer = setInterval(() => (peak = Math.max(peak, residentMegabytes(pid))), 100);
  return () => {
    clearInterval(timer);
    return peak;
  };
}
