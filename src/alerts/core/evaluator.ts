import { defaultDeadBand, type DeadBand } from '../../events/core/index.js';
import { Beliefs, type Belief } from './judge/beliefs.js';
import { compileRule, conditionsOf } from './rule/compile-rule.js';
import type { FlapLimits } from './judge/flapping.js';
import { accountNeeds, historyNeeds, observedOf } from './market/history-needs.js';
import { InstanceBook } from './table/instance-book.js';
import { LeafTable } from './table/leaf-table.js';
import { Market } from './market/market.js';
import type { AccountNumbers, HistoryNeed, HistoryPoint, MarketRow, Observation, Observed } from './market-row.js';
import { Matcher } from './judge/matcher.js';
import { Throttles } from './judge/throttle.js';
import { isAbsent, type RuleDefinition } from './rule/rule.js';
import { RuleRegister } from './rule-register.js';
import { RuleTable, type Throttle } from './table/rule-table.js';
import type { SavedState, StateChanges } from './saved-state.js';
import { TransitionJudge } from './judge/transition-judge.js';
import { TransitionList, type Moment } from './judge/transition-list.js';
import type { Transition } from './transition.js';
import { Waiting } from './judge/waiting.js';
import { ABSENCE } from './rule/watched-number.js';

export interface EvaluatorOptions {
  /** Ratio of the dead band of a key (`change_thresholds`); `subject` `*` is the metric's default. */
  readonly deadBand?: DeadBand;
  /**
   * Maximum time from the observation of a value to its row in the log, ms. A later value is stale: it is stored in
   * history but fires no rule.
   */
  readonly staleAfterMs?: number;
  readonly flapLimits?: FlapLimits;
}

const STALE_AFTER_MS = 3_600_000;

/**
 * Evaluator of the rules of one shard: turns rows of the event log, in order, into transitions. Pure: the rows are its
 * only clock, and it does no I/O. Restored from the values at its position (`seed`), the history of its windows
 * (`loadHistory`) and the saved state of each rule (`addRule`), it continues exactly as if it had never stopped.
 */
export class Evaluator {
  private readonly deadBand: DeadBand;
  private readonly market: Market;
  private readonly rules = new RuleTable();
  private readonly leaves = new LeafTable(this.rules);
  private readonly instances = new InstanceBook(this.rules);
  private readonly register: RuleRegister;
  private readonly list = new TransitionList(this.rules, this.leaves, this.instances);
  private readonly beliefs = new Beliefs(this.rules, this.leaves, this.instances, this.list);
  private readonly matcher = new Matcher(this.rules, this.leaves, this.instances);
  private readonly throttles: Throttles;
  private readonly waiting: Waiting;
  private readonly transitionJudge: TransitionJudge;
  private readonly moved = this.matcher.numberMoved.bind(this.matcher);

  constructor({ deadBand = defaultDeadBand, staleAfterMs = STALE_AFTER_MS, flapLimits }: EvaluatorOptions = {}) {
    this.deadBand = deadBand;
    this.throttles = new Throttles(this.rules, this.instances.table, flapLimits);
    this.waiting = new Waiting(this.rules, this.leaves, this.instances, this.throttles);
    this.transitionJudge = new TransitionJudge(
      this.rules,
      this.leaves,
      this.instances,
      this.throttles,
      this.waiting,
      this.list,
    );
    this.market = new Market(staleAfterMs);
    this.register = new RuleRegister(this.market, this.rules, this.leaves, this.instances);
  }

  /** Number of rules. */
  get size(): number {
    return this.rules.size;
  }

  /** Time of the last tick, Unix ms; 0 before the first tick. Must be stored with the position. */
  get clock(): number {
    return this.market.clock;
  }

  has(ruleId: string): boolean {
    return this.rules.row(ruleId) !== undefined;
  }

  /**
   * Seeds the evaluator, before any rule is added, with the last two published values of every key up to the position, in
   * log order, and with the stored `clock`; in parts if need be.
   */
  seed(points: Iterable<HistoryPoint>, clock: number): void {
    this.market.clock = clock;
    this.market.seed(points);
  }

  /**
   * Returns the history that must be given to `loadHistory` before `addRule`; empty if the rule's windows find it in
   * memory.
   */
  historyNeeds(rule: RuleDefinition): HistoryNeed[] {
    return historyNeeds(compileRule(rule, this.deadBand), (number) => this.market.looksBack(number));
  }

  /**
   * Loads published values up to the position, in log order, for rules that are added right after: for each of their
   * series, all values from the last one at or before `from`; for a protocol total, those of all its chains, from which
   * the total is computed. Values may be loaded repeatedly. Causes no transition.
   * @param from start of the longest window, Unix ms; default: everything
   */
  loadHistory(points: readonly HistoryPoint[], from = -Infinity): void {
    this.market.loadHistory(points, from);
  }

  /** Returns the accounts whose numbers must be given to `loadAccounts` before `addRule`; `*`: all. */
  accountNeeds(rule: RuleDefinition): string[] {
    return accountNeeds(compileRule(rule, this.deadBand), (number) => this.market.accounts.isKnown(number));
  }

  /** Loads the numbers that were last announced of accounts. */
  loadAccounts(all: Iterable<AccountNumbers>): void {
    for (const numbers of all) this.market.seedAccount(numbers);
  }

  /**
   * Adds a rule that passed `checkRule`. Without a saved state it starts from the current values: if it already holds, it
   * fires at the next tick or event, or in mode `crossing` after it has ceased to hold and holds again.
   */
  addRule(rule: RuleDefinition, saved?: SavedState): void {
    if (this.has(rule.ruleId)) throw new Error(`Rule ${rule.ruleId} was already added`);
    const row = this.register.add(rule, compileRule(rule, this.deadBand));
    if (saved) this.restore(row, saved);
    else this.start(row, Math.max(this.clock, rule.madeAt?.getTime() ?? 0));
    this.settleAll(row);
  }

  /**
   * Replaces the rule with the same id by an edited one. The state is retained if conditions, where, mode, hysteresis and
   * forSeconds mean the same. Otherwise the rule starts with a new state but keeps its throttle, and a notified firing
   * continues if the rule still watches its subject and holds; if not, it is resolved.
   * @param at time of the edit, Unix ms
   */
  updateRule(rule: RuleDefinition, at = this.clock): Transition[] {
    const row = this.rules.row(rule.ruleId);
    if (row === undefined) throw new Error(`Rule ${rule.ruleId} was not added`);
    if (this.register.isLike(row, rule, compileRule(rule, this.deadBand))) {
      this.editInPlace(row, rule);
      return [];
    }
    const before = this.rules.saved(row);
    const beliefs = this.beliefs.of(row);
    const throttle = this.rules.throttle(row);
    const scopes = this.register.remove(row);
    const anew = this.register.add(rule, compileRule(rule, this.deadBand));
    this.register.release(scopes);
    this.start(anew, Math.max(this.clock, at));
    this.rules.restore(anew, { ...before, spent: false });
    this.rules.markDirty(anew);
    this.carryOver(anew, beliefs, throttle, at);
    this.settleAll(anew);
    return this.list.take();
  }

  /** Removes a rule; returns false if the evaluator does not have it. */
  removeRule(ruleId: string): boolean {
    const row = this.rules.row(ruleId);
    if (row !== undefined) this.register.release(this.register.remove(row));
    return row !== undefined;
  }

  /**
   * Applies one row of the log, including ticks. `isLate`: the evaluator is catching up after it was stopped; `isPart`: a
   * later row completes the protocol's total (`rowsWithParts`).
   */
  apply(row: MarketRow, isLate = false, isPart = false): Transition[] {
    if (row.type === 'tick') return this.tick(row.loggedAt, isLate);
    if (row.type === 'alert') return [];
    const at = row.loggedAt;
    this.beliefs.notifyFarewells({ at, event: null, isStale: false, isLate });
    const isStale = this.market.isStale(row.observedAt, at);
    for (const series of this.market.apply(row, this.moved, isPart)) {
      if (!series.repeats.isDue(at)) continue;
      for (const instance of this.waiting.dueRepeats(series.repeats, at)) this.matcher.touch(instance);
    }
    for (const { scope, instance, quantity } of this.market.filters.take()) {
      this.matcher.gateMoved(scope.thresholds, instance, scope.comparable(quantity.value));
    }
    this.matcher.eventArrived(row, this.register.events);
    this.judge({ at, event: row, isStale, isLate });
    return this.list.take();
  }

  /** Applies a tick: the references of windows advance, and `forSeconds` and throttles expire. */
  tick(time: number, isLate = false): Transition[] {
    const moment = { at: time, event: null, isStale: false, isLate };
    this.beliefs.notifyFarewells(moment);
    this.market.tick(time, this.moved);
    for (const leaf of this.register.unseen.due(this.clock)) this.matcher.hold(leaf);
    for (const instance of this.waiting.duePending(time)) this.matcher.touch(instance);
    this.judge(moment);
    this.transitionJudge.notifyOverdue(moment);
    return this.list.take();
  }

  /**
   * Returns the keys that, by the values known here, would count as absent at a tick. A move within the dead band is an
   * observation but is not published, so the caller reads these keys from the tables and passes the result to `observe`
   * before the tick.
   */
  unobserved(at: number): Observed[] {
    return Array.from(this.market.absences.overdue(at), ({ series }) => observedOf(series));
  }

  /** Returns the keys to look up, as for `unobserved`, for a rule that is about to be added or edited. */
  unobservedBy(rule: RuleDefinition): Observed[] {
    const found: Observed[] = [];
    if (!conditionsOf(rule).some(isAbsent)) return found;
    for (const leaf of compileRule(rule, this.deadBand).leaves) {
      if (!('number' in leaf) || leaf.number.windowMs !== ABSENCE) continue;
      for (const series of this.market.absences.unobserved(leaf.number, leaf.test.threshold, this.clock))
        found.push(observedOf(series));
    }
    return found;
  }

  /** Applies the observations found for `unobserved`; resulting transitions are returned with the next row. */
  observe(observations: Iterable<Observation>): void {
    for (const observation of observations) this.market.observe(observation, this.moved);
    this.matcher.keepChanged();
  }

  /** Returns the changes since the last call. They must be stored with the position in one transaction, removals first. */
  takeChanges(): StateChanges {
    // Instances first: taking their changes also marks their rules as changed.
    const changes = this.instances.takeChanges();
    return { rules: this.rules.takeDirty(), ...changes };
  }

  savedState(ruleId: string): SavedState | undefined {
    const row = this.rules.row(ruleId);
    return row === undefined ? undefined : { rule: this.rules.saved(row), instances: this.instances.saved(row) };
  }

  /** @param at time from which the rule is watched, Unix ms */
  private start(row: number, at: number): void {
    this.register.readMarket(row);
    for (const instance of this.instances.firingRows(row)) this.transitionJudge.assume(instance, at);
  }

  private restore(row: number, { rule, instances }: SavedState): void {
    this.rules.restore(row, rule);
    for (const saved of instances) {
      this.instances.table.restore(this.instances.obtain(row, saved.instanceKey), saved);
    }
    for (const instance of this.register.recheck(row)) this.matcher.touch(instance);
    this.matcher.keepChanged();
    if (rule.suppressed > 0) this.waiting.oweSummary(row);
  }

  private editInPlace(row: number, rule: RuleDefinition): void {
    const throttle = this.rules.throttle(row);
    const isRearmed = (rule.armedVersion ?? 0) > this.rules.version(row);
    this.rules.edit(row, rule);
    if (isRearmed) this.rearm(row);
    this.rules.markDirty(row);
    this.throttles.edited(row, throttle, this.instances.all(row));
    this.waiting.refresh(row);
  }

  private rearm(rule: number): void {
    this.rules.rearm(rule);
    for (const row of this.instances.all(rule)) this.transitionJudge.forget(row);
  }

  /**
   * Transfers throttles and the owner's beliefs to an edited rule, each only if the rule still watches the same subject.
   */
  private carryOver(rule: number, beliefs: readonly Belief[], throttle: Throttle, at: number): void {
    const moment = { at, event: null, isStale: false, isLate: false };
    const watched = new Set(beliefs.filter((belief) => this.beliefs.isWatched(rule, belief)));
    for (const belief of watched) this.throttles.restore(rule, this.instances, belief.saved);
    this.throttles.edited(rule, throttle, this.instances.all(rule));
    const base = beliefs.find(({ saved }) => saved.instanceKey === '');
    if (base?.lead && !watched.has(base)) this.throttles.leave(rule);
    if (this.rules.suppressed.get(rule) > 0) this.waiting.oweSummary(rule);
    for (const belief of beliefs.toSorted((a, b) => (a.saved.instanceKey < b.saved.instanceKey ? -1 : 1))) {
      this.beliefs.carryOver(rule, belief, watched.has(belief), moment);
    }
  }

  private settleAll(rule: number): void {
    for (const instance of this.instances.all(rule)) this.transitionJudge.settle(instance);
  }

  private judge(moment: Moment): void {
    const touched = this.matcher.takeTouched();
    for (const row of touched) this.transitionJudge.judge(row, moment);
    if (this.matcher.endMoment()) for (const row of touched) this.transitionJudge.judgeAfterMoment(row, moment);
    for (const row of touched) this.transitionJudge.settle(row);
  }
}
