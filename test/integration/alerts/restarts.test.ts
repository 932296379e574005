import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Evaluator, type Condition, type Rule, type Transition } from '../../../src/alerts/core/index.js';
import { AlertEvaluation } from '../../../src/alerts/evaluation/alert-evaluation.js';
import { DeadBands } from '../../../src/events/index.js';
import { HistoryLoader } from '../../../src/alerts/evaluation/history-loader.js';
import { LogTail } from '../../../src/alerts/evaluation/log-tail.js';
import { Observations } from '../../../src/alerts/evaluation/observations.js';
import type { RuleLoader, StoredRule } from '../../../src/alerts/evaluation/rule-loader.js';
import { ShardRules } from '../../../src/alerts/evaluation/shard-rules.js';
import { WindowLoader } from '../../../src/alerts/evaluation/window-loader.js';
import { HistoryWriter } from '../../../src/events/history/history-writer.js';
import { EventLog, type LogEvent } from '../../../src/events/index.js';
import { Settings } from '../../../src/platform/settings/settings.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { pastOfLog } from '../../support/data/alert-past.js';

const WINDOWS = [300, 3_600, 86_400, 604_800];
const SUBJECTS: Partial<Condition>[] = [
  { metric: 'price', token: 'bitcoin' },
  { metric: 'price' },
  { metric: 'tvl', protocol: 'aave' },
  { metric: 'tvl', protocol: 'aave', chain: 'ethereum' },
  { metric: 'tvl', protocol: 'aave', chain: '*' },
  { metric: 'tvl', chain: 'ethereum' },
  { metric: 'tvl' },
];
const HOUR = 3_600_000;

let app: TestApp;
let log: LogEvent[];

beforeAll(async () => {
  app = await createTestApp();
  // Both are stopped, because the test itself evaluates and determines how far history is written.
  await app.nest.get(AlertEvaluation).stop();
  await app.nest.get(HistoryWriter).beforeApplicationShutdown();
  log = pastOfLog(Math.floor(Date.now() / HOUR - 1) * HOUR);
  await addUnpublished();
});
afterAll(() => app?.close());

const rule = (ruleId: string, condition: Partial<Condition>, timeWindow: number): Rule => ({
  ruleId,
  version: 1,
  userId: 'u',
  name: ruleId,
  conditions: [{ operator: 'change_pct', threshold: 0.03, timeWindow, ...condition } as Condition],
  mode: 'while_true',
  throttleMinutes: 0.5,
  hysteresis: 0.1,
  forSeconds: 0,
  notifyResolved: true,
  actions: [],
  priority: 'normal',
  isActive: true,
  createdAt: new Date(),
  updatedAt: new Date(),
});

const RULES = SUBJECTS.flatMap((subject, index) =>
  // Longer windows are loaded before shorter ones of the same series, and in the opposite order.
  (index % 2 === 0 ? WINDOWS : WINDOWS.toReversed()).map((seconds) => rule(`${index} ${seconds}`, subject, seconds)),
);

/** Adds recorded values from before the log began, and samples of rows that moved within their dead band. */
async function addUnpublished(): Promise<void> {
  await app.db.pool.query(
    `INSERT INTO metric_series (metric, subject, chain) VALUES ('price', 'bitcoin', ''), ('price', 'tether', ''),
       ('tvl', 'aave', 'ethereum'), ('tvl', 'aave', 'bsc')`,
  );
  const samples = log.flatMap(({ current, token, protocol, chain, observedAt }) => {
    if (current === null || !(token === 'bitcoin' || token === 'tether' || chain === 'bsc')) return [];
    return [
      { subject: token ?? protocol, chain: token === null ? chain : '', value: current * 1.2, at: observedAt + 45_000 },
    ];
  });
  await app.db.pool.query(
    `INSERT INTO metric_points (series_id, at, seq, value)
     SELECT s.id, to_timestamp(floor(g.at / 1000)), 0, g.value
     FROM jsonb_to_recordset($1::jsonb) AS g (subject text, chain text, value float8, at float8)
     JOIN metric_series s USING (subject, chain) ON CONFLICT DO NOTHING`,
    [JSON.stringify(samples)],
  );
}

/** Writes history up to a position, with the product's own writer. */
async function writeHistory(from: number, to: number): Promise<void> {
  const writer = app.nest.get(HistoryWriter);
  await app.nest.get(Database).transaction((tx) => writer.write(tx, log.slice(from, to)));
  await reportWritten(to);
}

async function reportWritten(seq: number): Promise<void> {
  await app.db.pool.query(
    `INSERT INTO log_readers (name, epoch, seq) VALUES ('history', 'past', $1)
     ON CONFLICT (name) DO UPDATE SET seq = excluded.seq`,
    [seq],
  );
}

/** Log of the test, which replaces the database's log: its rows are days old. */
const pastLog = {
  readPage: async (after: number, limit: number, { upTo = Infinity }: { upTo?: number }) => {
    const events = log.slice(after, Math.min(after + limit, upTo));
    return { events, hasMore: events.length === limit };
  },
} as EventLog;

function shardRules(stored: readonly StoredRule[], added: readonly Rule[] = []): ShardRules {
  const database = app.nest.get(Database);
  const tail = new LogTail(database, pastLog);
  const loader = {
    revisions: () => Promise.resolve(new Map([[0, 0]])),
    // Small slices, so that later slices find data that earlier ones have loaded.
    active: async function* () {
      for (let start = 0; start < stored.length; start += 6) yield stored.slice(start, start + 6);
    },
    edits: () =>
      Promise.resolve(added.map(({ ruleId }, index) => ({ ruleId, stored: { rule: added[index], saved: undefined } }))),
    forget: () => Promise.resolve(),
  } as unknown as RuleLoader;
  const { nest } = app;
  return new ShardRules(
    loader,
    new HistoryLoader(nest.get(Database), tail),
    new WindowLoader(database, tail),
    nest.get(DeadBands),
    nest.get(Settings),
    nest.get(Observations),
  );
}

/** Returns an evaluator at row `seq` of the log, restored only from stored data. */
async function restored(seq: number, clock: number, saved: readonly StoredRule[]): Promise<Evaluator> {
  const position = { epoch: 'past', seq, at: log[seq - 1]?.loggedAt ?? 0, clock };
  return (await shardRules(saved).load(0, position, () => false)).evaluator;
}

const memoryOf = (evaluator: Evaluator, rules: readonly Rule[]): StoredRule[] =>
  rules.map((entry) => ({ rule: entry, saved: evaluator.savedState(entry.ruleId) }));

/** Returns the transitions for each row of a part of the log; for one row, rules may be in any order. */
const evaluate = (evaluator: Evaluator, from: number, to: number): Transition[][] =>
  log.slice(from, to).map((row) => {
    const notified = evaluator.apply(row);
    return notified.toSorted((a, b) => a.ruleId.localeCompare(b.ruleId) || a.seq - b.seq);
  });

/** Position in the log, with the state that the database would have for it. */
interface Rest {
  seq: number;
  clock: number;
  memory: StoredRule[];
}

const STOPS = 12;
/** Number of rows that are compared after each restart. */
const AFTER = 400;

/** Runs an evaluator through the whole log, and records its state at several positions. */
function run(rules: readonly Rule[]): { notified: Transition[][]; rests: Rest[] } {
  const running = new Evaluator();
  for (const entry of rules) running.addRule(entry);
  const rests: Rest[] = [];
  const notified: Transition[][] = [];
  for (let stop = 1; stop <= STOPS; stop += 1) {
    const seq = Math.floor((log.length * stop) / (STOPS + 1));
    notified.push(...evaluate(running, notified.length, seq));
    rests.push({ seq, clock: running.clock, memory: memoryOf(running, rules) });
  }
  notified.push(...evaluate(running, notified.length, log.length));
  return { notified, rests };
}

describe('a restored evaluator', () => {
  it('emits the same transitions as an uninterrupted evaluator, over windows from 5 min to 7 d', async () => {
    const { notified, rests } = run(RULES);
    const compare = async ({ seq, clock, memory }: Rest, what: string): Promise<void> => {
      const again = await restored(seq, clock, memory);
      const wanted = notified.slice(seq, seq + AFTER);
      for (const [index, transitions] of evaluate(again, seq, seq + AFTER).entries())
        expect(transitions, `${what}, restarted at ${seq}, row ${seq + index}`).toEqual(wanted[index]);
    };
    let written = 0;
    for (const [index, rest] of rests.entries()) {
      // The writer of history is at the same position, or lags behind by less or more than the shortest window.
      const upTo = Math.max(0, rest.seq - ([0, 3, 200][index % 3] ?? 0));
      await writeHistory(written, upTo);
      written = upTo;
      await compare(rest, 'with history up to there');
    }
    await writeHistory(written, log.length);
    for (const rest of rests) await compare(rest, 'with history from behind it too');

    const first = rests[0]?.seq ?? 0;
    const notifiedRules = new Set(notified.slice(first).flatMap((row) => row.map(({ ruleId }) => ruleId)));
    expect(notifiedRules.size).toBe(RULES.length);
  });

  it('keeps the time window of a rule after rules with other windows were added and removed', async () => {
    await writeHistory(0, log.length);
    for (const [index, subject] of SUBJECTS.entries()) {
      const kept = [rule('kept', subject, 604_800)];
      const { notified, rests } = run(kept);
      const others = SUBJECTS.filter((other) => other !== subject);
      const late = others.flatMap((other, at) =>
        WINDOWS.map((seconds) => rule(`late ${at} ${seconds}`, other, seconds)),
      );
      for (const windows of [late, late.toReversed(), late.filter(({ ruleId }) => ruleId.endsWith(' 300'))]) {
        const { seq, clock, memory } = rests[STOPS - 3] ?? { seq: 0, clock: 0, memory: [] };
        const evaluator = await restored(seq, clock, memory);
        for (const added of windows) {
          await shardRules([], [added]).edit({ evaluator, isEmpty: false, revision: 0, transitions: [] }, 0, 1, {
            seq,
            at: log[seq - 1]?.loggedAt ?? 0,
          });
        }
        for (const { ruleId } of windows) evaluator.removeRule(ruleId);
        const wanted = notified.slice(seq, seq + AFTER);
        expect(evaluate(evaluator, seq, seq + AFTER), `subject ${index}`).toEqual(wanted);
      }
    }
  });

  it('keeps no history without rules, yet evaluates first rules as if it had read all events', async () => {
    await writeHistory(0, log.length);
    let count = 0;
    for (const { seq } of run([]).rests.slice(2)) {
      const asOf = { seq, at: log[seq - 1]?.loggedAt ?? 0 };
      const made = RULES.map((entry) => ({ ...entry, createdAt: new Date(asOf.at) }));
      const full = new Evaluator();
      evaluate(full, 0, seq);
      await shardRules([], made).edit({ evaluator: full, isEmpty: false, revision: 0, transitions: [] }, 0, 1, asOf);

      const start = seq - 100;
      const clock = log.slice(0, start).findLast(({ type }) => type === 'tick')?.loggedAt ?? 0;
      const position = { epoch: 'past', seq: start, at: log[start - 1]?.loggedAt ?? 0, clock };
      const empty = await shardRules([]).load(0, position, () => false);
      expect(empty.isEmpty).toBe(true);
      for (const row of log.slice(start, seq)) if (row.type === 'tick') empty.evaluator.apply(row);
      await shardRules([], made).edit(empty, 0, 1, asOf);

      const wanted = evaluate(full, seq, seq + AFTER);
      expect(evaluate(empty.evaluator, seq, seq + AFTER), `first rules at ${seq}`).toEqual(wanted);
      count += wanted.flat().length;
    }
    expect(count).toBeGreaterThan(10);
  });
});
