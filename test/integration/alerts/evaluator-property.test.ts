import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backtest,
  Evaluator,
  isComparison,
  rowsWithParts,
  type HistoryPoint,
  type MarketRow,
  type Observation,
  type Observed,
  type RuleDefinition,
  type SavedInstance,
  type Transition,
  type ValueCondition,
} from '../../../src/alerts/core/index.js';
import { historyOf, scenarios, tableKey, type Step } from '../../support/data/alert-scenarios.js';
import { StateStore } from '../../support/data/alert-state-store.js';
import { NaiveAlerts, type BareTransition } from '../../support/oracles/naive-alerts.js';

const DEAD_BAND = { tvl: 0.01, price: 0.2 };
const OPTIONS = {
  deadBand: (metric: 'tvl' | 'price') => DEAD_BAND[metric],
  staleAfterMs: 30_000,
  flapLimits: { changes: 1, windowMs: 15_000 },
};
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = process.env['TEST_LONG'] ? 20_000 : Number(process.env['PROP_RUNS'] ?? 500);
const TIMEOUT_MS = process.env['TEST_LONG'] ? 1_800_000 : 180_000;

const bare = (transition: Transition): BareTransition => ({
  ...transition,
  readings: [],
  heldBack: [],
  event: null,
});
const ordered = (transitions: readonly BareTransition[]): BareTransition[] =>
  transitions.toSorted((a, b) => (a.ruleId < b.ruleId ? -1 : a.ruleId > b.ruleId ? 1 : a.seq - b.seq));

describe(`the indexed evaluator (seed ${seed})`, () => {
  it(
    'emits the same transitions as a naive evaluator over random rules, edits and restarts',
    () => {
      const reasons = new Set<string>();
      fc.assert(
        fc.property(scenarios(), (steps) => {
          const { indexed, naive, stored, held } = play(steps);
          for (const { reason } of indexed.flat()) reasons.add(reason);
          expect(indexed).toEqual(naive);
          expect(stored).toEqual(held);
        }),
        { numRuns: RUNS, seed },
      );
      // Flapping ends in only one of some hundred scenarios; src/alerts/core/quiet.spec.ts tests it in every run.
      const rare = process.env['TEST_LONG'] ? [] : ['after_flapping'];
      const common = ['after_snooze', 'edited', 'first_fire', 'repeat', 'resolved', 'throttle_summary'];
      expect(new Set([...reasons, ...rare])).toEqual(new Set([...common, 'after_flapping']));
    },
    TIMEOUT_MS,
  );

  it(
    'resolves each reported firing exactly once and for its own subject, even after edits',
    () => {
      let farewells = 0;
      fc.assert(
        fc.property(scenarios(), (steps) => {
          const simple = steps.map(ofOneNumber);
          const { transitions, evaluator } = playOn(simple);
          const open = new Map<string, string>();
          for (const [index, transition] of transitions.entries()) {
            if (transition.silenced || transition.reason === 'throttle_summary') continue;
            const key = `${transition.ruleId} ${transition.instanceKey}`;
            const isFiring = transition.to === 'firing';
            const known = open.get(key) ?? (isFiring ? subjectOf(transition) : 'nothing that was notified');
            expect(subjectOf(transition), `transition ${index}`).toBe(known);
            if (isFiring) open.set(key, known);
            else open.delete(key);
            farewells += transition.reason === 'edited' ? 1 : 0;
          }
          for (const key of open.keys()) {
            const [ruleId = '', instanceKey = ''] = key.split(/ (.*)/s);
            const { instances = [] } = evaluator.savedState(ruleId) ?? {};
            expect(instances).toContainEqual(expect.objectContaining({ instanceKey, notified: true }));
          }
        }),
        { numRuns: RUNS, seed },
      );
      expect(farewells).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'emits the same transitions in a backtest as live',
    () => {
      fc.assert(
        fc.property(scenarios(), (steps) => {
          // Stored history has only the current category of a protocol.
          const all = steps.flatMap((step) => (step.kind === 'row' ? [step.row] : []));
          const rows = all.filter(({ type }) => type !== 'protocol_update');
          const [rule] = steps.flatMap((step) => (step.kind === 'add' ? [step.rule] : []));
          const from = rows[Math.floor(rows.length / 3)]?.loggedAt;
          fc.pre(rule !== undefined && from !== undefined);
          const unsnoozed = { ...rule, snoozedUntil: null };

          const live = new Evaluator(OPTIONS);
          // As the process reads the log: chains of one write change the total together.
          const marked = [...rowsWithParts(rows)];
          const earlier = rows.filter((row) => row.loggedAt < from);
          for (const [row, isPart] of marked.slice(0, earlier.length)) live.apply(row, false, isPart);
          live.loadHistory(historyOf(earlier.map((row) => ({ kind: 'row', row }))));
          live.addRule({ ...unsnoozed, createdAt: new Date(from) });
          const wanted = marked.slice(earlier.length).flatMap(([row, isPart]) => live.apply(row, false, isPart));

          expect(backtest(unsnoozed, rows, { ...OPTIONS, from, to: Infinity, tickEveryMs: 0 })).toEqual(wanted);
        }),
        { numRuns: RUNS, seed },
      );
    },
    TIMEOUT_MS,
  );
});

interface Played {
  /** Transitions of each step, by both evaluators. */
  readonly indexed: BareTransition[][];
  readonly naive: BareTransition[][];
  /** State of each rule at restarts, in the database and in the evaluator. */
  readonly stored: unknown[];
  readonly held: unknown[];
}

function play(steps: readonly Step[]): Played {
  const played: Played = { indexed: [], naive: [], stored: [], held: [] };
  const naive = new NaiveAlerts(DEAD_BAND, OPTIONS.staleAfterMs, OPTIONS.flapLimits);
  const store = new StateStore();
  const table = new Map<string, number>();
  let evaluator = new Evaluator(OPTIONS);
  for (const [index, step] of steps.entries()) {
    const past = historyOf(steps.slice(0, index));
    switch (step.kind) {
      case 'row':
        write(table, step.row);
        if (step.row.type === 'tick') evaluator.observe(answers(evaluator.unobserved(step.row.loggedAt), table));
        played.indexed.push(ordered(evaluator.apply(step.row).map(bare)));
        played.naive.push(ordered(naive.apply(step.row, table)));
        break;
      case 'observe':
        if (table.has(step.key)) table.set(step.key, Math.max(table.get(step.key) ?? 0, step.at));
        break;
      case 'restart':
        for (const ruleId of naive.rules.keys()) {
          played.stored.push(store.of(ruleId)?.instances.toSorted(byKey) ?? []);
          played.held.push(evaluator.savedState(ruleId)?.instances.toSorted(byKey));
        }
        evaluator = restarted(evaluator.clock, past, naive.definitions, store, table);
        for (const rule of naive.definitions.values()) naive.refresh(rule, table);
        break;
      case 'remove':
        evaluator.removeRule(step.ruleId);
        evaluator.takeChanges();
        naive.remove(step.ruleId);
        store.drop(step.ruleId);
        break;
      default:
        evaluator.loadHistory(past);
        evaluator.observe(answers(evaluator.unobservedBy(step.rule), table));
        naive.refresh(step.rule, table);
        if (step.kind === 'add') evaluator.addRule(step.rule);
        else played.indexed.push(ordered(evaluator.updateRule(step.rule).map(bare)));
        if (step.kind === 'tune') naive.tune(step.rule);
        const edited = step.kind === 'tune' ? [] : naive.add(step.rule);
        if (step.kind !== 'add') played.naive.push(ordered(edited));
    }
    store.write(evaluator.takeChanges());
  }
  return played;
}

/**
 * Changes the step's rule so that it has one condition on a number, a resolution for each firing, and no throttle. A
 * removal becomes a restart.
 */
function ofOneNumber(step: Step): Step {
  if (step.kind === 'remove') return { kind: 'restart' };
  if (!('rule' in step)) return step;
  const [first] = step.rule.conditions;
  const other: ValueCondition = { metric: 'price', operator: 'gt', threshold: 5 };
  const condition = first !== undefined && isComparison(first) ? first : other;
  const { operator } = condition;
  const lasting = operator === 'eq' || operator === 'ne' ? ({ ...condition, operator: 'gte' } as const) : condition;
  const { tolerance: _, ...kept } = lasting;
  const loud = { throttleMinutes: 0, notifyResolved: true, mode: 'while_true' } as const;
  return { ...step, rule: { ...step.rule, ...loud, conditions: [kept], where: null } };
}

/** Returns the transitions of the indexed evaluator for these steps and for one quiet hour after them. */
function playOn(steps: readonly Step[]): { transitions: Transition[]; evaluator: Evaluator } {
  const store = new StateStore();
  const rules = new Map<string, RuleDefinition>();
  const transitions: Transition[] = [];
  let evaluator = new Evaluator(OPTIONS);
  let now = 0;
  for (const [index, step] of steps.entries()) {
    const past = historyOf(steps.slice(0, index));
    if (step.kind === 'row') {
      now = step.row.loggedAt;
      transitions.push(...evaluator.apply(step.row));
    } else if (step.kind === 'restart') {
      evaluator = restarted(evaluator.clock, past, rules, store);
    } else if ('rule' in step) {
      evaluator.loadHistory(past);
      rules.set(step.rule.ruleId, step.rule);
      if (!evaluator.has(step.rule.ruleId)) evaluator.addRule(step.rule);
      else transitions.push(...evaluator.updateRule(step.rule));
    }
    store.write(evaluator.takeChanges());
  }
  for (let minute = 1; minute <= 60; minute += 1) transitions.push(...evaluator.tick(now + minute * 60_000));
  return { transitions, evaluator };
}

/** Returns the subject of a transition's first reading. */
function subjectOf({ readings }: Transition): string {
  const [reading] = readings;
  return `${reading?.protocol} ${reading?.chain} ${reading?.token}`;
}

/** Returns a new evaluator, built only from data that a database would have: clock, values, history and states. */
function restarted(
  clock: number,
  past: HistoryPoint[],
  rules: ReadonlyMap<string, RuleDefinition>,
  store: StateStore,
  table: ReadonlyMap<string, number> = new Map(),
): Evaluator {
  const evaluator = new Evaluator(OPTIONS);
  evaluator.seed(lastTwoOfEachKey(past), clock);
  evaluator.loadHistory(past);
  for (const rule of rules.values()) {
    evaluator.observe(answers(evaluator.unobservedBy(rule), table));
    evaluator.addRule(rule, store.of(rule.ruleId));
  }
  return evaluator;
}

/** Records the last observation of each row in the tables. */
function write(table: Map<string, number>, { current, protocol, chain, token, observedAt }: MarketRow): void {
  if (current === null) return;
  const key = tableKey(protocol, chain, token);
  table.set(key, Math.max(table.get(key) ?? 0, observedAt));
}

/** Returns the observations of the requested keys from the tables. */
function answers(asked: readonly Observed[], table: ReadonlyMap<string, number>): Observation[] {
  return asked.flatMap((one) => {
    const { protocol, chain, token } = one;
    if (token !== null || chain !== null) return [{ ...one, at: table.get(tableKey(protocol, chain, token)) ?? null }];
    const chains = [...table].filter(([key]) => key.startsWith(`tvl ${protocol} `));
    return chains.map(([key, at]) => ({ ...one, chain: key.split(' ')[2] ?? '', at }));
  });
}

function byKey(a: SavedInstance, b: SavedInstance): number {
  return a.instanceKey < b.instanceKey ? -1 : 1;
}

/** Also includes the newest points with a volume or market cap, which later points without one do not replace. */
function lastTwoOfEachKey(points: readonly HistoryPoint[]): HistoryPoint[] {
  const counts = new Map<string, number>();
  const isWanted = (key: string, most: number): boolean => {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return (counts.get(key) ?? 0) <= most;
  };
  return points
    .toReversed()
    .filter(({ metric, protocol, chain, token, volume24h, marketCap }) => {
      const key = `${metric} ${protocol} ${chain} ${token}`;
      const isNewest = isWanted(key, 2);
      const hasVolume = typeof volume24h === 'number' && isWanted(`volume ${key}`, 1);
      const hasCap = typeof marketCap === 'number' && isWanted(`cap ${key}`, 1);
      return isNewest || hasVolume || hasCap;
    })
    .toReversed();
}
