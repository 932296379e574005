import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Evaluator, markParts, type Rule, type Transition } from '../core/index.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { Settings } from '../../platform/settings/settings.js';
import { DeadBands } from '../../events/index.js';
import { HistoryLoader } from './history-loader.js';
import type { AsOf } from './log-tail.js';
import { Observations } from './observations.js';
import { RuleLoader, type StoredRule } from './rule-loader.js';
import type { ShardPosition } from './shard-store.js';
import { WindowLoader } from './window-loader.js';

/** Rules of a shard in memory, at a position of the log and a revision of the rules. */
export interface LoadedShard {
  evaluator: Evaluator;
  /** Whether the shard never had a rule: it then stores no market values, and processes only ticks, not events. */
  isEmpty: boolean;
  revision: number;
  /** Transitions caused by edits made while no process was evaluating the shard. */
  transitions: Transition[];
}

/** Position at which edits are applied: after one row of the log and before the next. */
interface EditedAt extends AsOf {
  /** Time of the next row, Unix ms; undefined: there is none yet. */
  next?: number | undefined;
}

/** Loads rules from the database into an evaluator, in slices between which the event loop is free. */
@Injectable()
export class ShardRules {
  constructor(
    private readonly rules: RuleLoader,
    private readonly history: HistoryLoader,
    private readonly windows: WindowLoader,
    private readonly deadBands: DeadBands,
    private readonly settings: Settings,
    private readonly observations: Observations,
  ) {}

  /**
   * Loads a shard. The revision is read first, so that rules edited during the load are found again as edits.
   * @param cancelled checked between slices; true ends a load that is no longer needed
   */
  async load(shard: number, position: ShardPosition, cancelled: () => boolean): Promise<LoadedShard> {
    const deadBand = await this.deadBands.current();
    const evaluator = new Evaluator({ deadBand, staleAfterMs: this.settings.staleAfterMinutes * 60_000 });
    evaluator.seed([], position.clock);
    const revision = await this.revision(shard);
    const loaded: LoadedShard = { evaluator, isEmpty: true, revision, transitions: [] };
    for await (const slice of this.rules.active(shard)) {
      if (cancelled()) break;
      for (const transition of await this.add(loaded, slice, position)) loaded.transitions.push(transition);
      await nextTurn();
    }
    return loaded;
  }

  /** Returns the revision of a shard's rules: the number of edits so far. */
  async revision(shard: number): Promise<number> {
    return (await this.rules.revisions()).get(shard) ?? 0;
  }

  /**
   * Applies the edits up to this revision and returns the resulting transitions. The shard's state must be committed
   * before.
   */
  async edit(loaded: LoadedShard, shard: number, revision: number, asOf: EditedAt): Promise<Transition[]> {
    await this.deadBands.current();
    const { evaluator } = loaded;
    const fresh: StoredRule[] = [];
    const transitions: Transition[] = [];
    for (const { ruleId, stored } of await this.rules.edits(shard, loaded.revision)) {
      if (stored === undefined) evaluator.removeRule(ruleId);
      else if (evaluator.has(ruleId)) transitions.push(...(await this.update(evaluator, stored.rule, asOf)));
      else fresh.push(stored);
    }
    transitions.push(...(await this.add(loaded, fresh, asOf)));
    loaded.revision = revision;
    await this.rules.forget(shard, revision);
    return transitions;
  }

  /** Applies an edit with its own time, limited to the time between the two rows. */
  private async update(evaluator: Evaluator, rule: Rule, asOf: EditedAt): Promise<Transition[]> {
    await this.lookBack(evaluator, [rule], asOf);
    const { at, next = Infinity } = asOf;
    return evaluator.updateRule(rule, Math.max(at, Math.min(next, rule.updatedAt.getTime())));
  }

  /** Loads the market values for the first rule of a shard at the evaluator's position, as a load with that rule would. */
  private async fill(loaded: LoadedShard, asOf: AsOf): Promise<void> {
    const { evaluator } = loaded;
    const points = markParts(await this.history.latest(asOf));
    await eachInSlices(points, (point) => evaluator.seed([point], evaluator.clock));
    loaded.isEmpty = false;
  }

  private async add(loaded: LoadedShard, stored: readonly StoredRule[], asOf: AsOf): Promise<Transition[]> {
    if (loaded.isEmpty && stored.length > 0) await this.fill(loaded, asOf);
    const { evaluator } = loaded;
    // Includes the version before an edit: its windows give the last values of its firings.
    const rules = stored.flatMap(({ rule, before }) => (before ? [before, rule] : [rule]));
    await this.lookBack(evaluator, rules, asOf);
    return stored.flatMap((entry) => addStored(evaluator, entry, asOf));
  }

  /** Looks up, before a tick, the keys that would otherwise count as absent. */
  async observe(evaluator: Evaluator, tick: number): Promise<void> {
    evaluator.observe(await this.observations.of(evaluator.unobserved(tick)));
  }

  /** Loads the history that the rules' windows need and the evaluator does not have. */
  private async lookBack(evaluator: Evaluator, rules: readonly Rule[], asOf: AsOf): Promise<void> {
    const needs = rules.flatMap((rule) => evaluator.historyNeeds(rule));
    for await (const page of this.windows.load(needs, asOf, evaluator.clock)) {
      for (const { points, from } of page) evaluator.loadHistory(points, from);
      await nextTurn();
    }
    for await (const page of this.windows.accounts(rules.flatMap((rule) => evaluator.accountNeeds(rule))))
      evaluator.loadAccounts(page);
    const unobserved = rules.flatMap((rule) => evaluator.unobservedBy(rule));
    const distinct = new Map(unobserved.map((subject) => [JSON.stringify(subject), subject]));
    evaluator.observe(await this.observations.of([...distinct.values()]));
  }
}

/**
 * Adds a stored rule. A rule created while rows of the log were waiting for evaluation does not notify of events before
 * its creation. A rule edited since its last evaluation is added in its earlier version and then edited, so that it keeps
 * its state if the edit permits. A rule that was deactivated in the meantime only continues its count of transitions: its
 * instances are added and then dropped by the edit, because otherwise the next start would use their stored rows for the
 * new rule.
 */
function addStored(evaluator: Evaluator, { rule, saved, before }: StoredRule, asOf: AsOf): Transition[] {
  if (saved === undefined) evaluator.addRule({ ...rule, madeAt: rule.createdAt });
  else if (saved.rule.ruleVersion === rule.version) evaluator.addRule(rule, saved);
  else if (before !== undefined) {
    evaluator.addRule(before, saved);
    return evaluator.updateRule(rule, asOf.at);
  } else {
    const instances = saved.instances.map((instance) => ({ ...instance, notified: false, owed: false, quiet: null }));
    evaluator.addRule({ ...rule, forSeconds: rule.forSeconds + 1 }, { rule: saved.rule, instances });
    return evaluator.updateRule({ ...rule, madeAt: rule.updatedAt }, asOf.at);
  }
  return [];
}
